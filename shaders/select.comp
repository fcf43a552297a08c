#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y = condition ? a : b, by words.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads; } p;
QUADS_IN(0, condition)
layout(binding = 1) readonly buffer A { uvec4 a[]; };
layout(binding = 2) readonly buffer B { uvec4 b[]; };
layout(binding = 3) buffer Y { uvec4 y[]; };
void main() {
    uint i = thread();
    if (i < p.quads) y[i] = mix(b[i], a[i], notEqual(condition[i], vec4(0)));
}
