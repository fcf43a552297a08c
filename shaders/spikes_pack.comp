#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
// 32 spikes to a word, the first in its lowest bit; what is not 0 is a spike.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, words; } p;
QUADS_IN(0, x)
layout(binding = 1) buffer Y { uint y[]; };
void main() {
    uint i = thread(), word = 0;
    if (i >= p.words) return;
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint at = 8 * i + k;
        if (4 * at < p.n) {
            uvec4 place = 4 * at + uvec4(0, 1, 2, 3);
            bvec4 fired = notEqual(x[at], vec4(0));
            uvec4 bits = mix(uvec4(0), uvec4(1, 2, 4, 8), fired) * uvec4(lessThan(place, uvec4(p.n)));
            word |= (bits.x | bits.y | bits.z | bits.w) << 4 * k;
        }
    }
    y[i] = word;
}
