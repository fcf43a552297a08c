#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[i, c] = 1 where c = index[i], else 0.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, classes; } p;
layout(binding = 0) readonly buffer I { int index[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i < p.n) y[i] = index[i / p.classes] == int(i % p.classes) ? 1.0 : 0.0;
}
