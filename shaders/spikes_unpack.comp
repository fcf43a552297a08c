#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The spikes that spikes_pack.comp made words of.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads; } p;
layout(binding = 0) readonly buffer X { uint x[]; };
QUADS_OUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    y[i] = vec4((uvec4(x[i / 8] >> 4 * (i % 8)) >> uvec4(0, 1, 2, 3)) & 1);
}
