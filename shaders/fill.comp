#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[i] = value (raw bits).
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads, value; } p;
layout(binding = 0) buffer Y { uvec4 y[]; };
void main() {
    uint i = thread();
    if (i < p.quads) y[i] = uvec4(p.value);
}
