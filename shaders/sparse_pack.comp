#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
// Spikes x (leads, columns, F) as the bits that sparse_spikes reads: for each column the words of all leads, `words` of each, up to
// `all`. Quad q of a word's 32 features has the bits q, q + 8, q + 16 and q + 24. What is not 0 is a spike.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false; // F is whole quads
layout(push_constant) uniform P { uint n, columns, width, leads, words, all; } p;
INPUT(0, x)
layout(binding = 1) buffer Y { uint y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint column = divided(i, p.all), at = i - column * p.all, lead = divided(at, p.words), begin = (at - lead * p.words) * 32;
    uint width = p.width, from = (lead * p.columns + column) * width + begin, word = 0;
    uint left = lead < p.leads ? width - begin : 0;
    if (WIDE) {
        [[unroll]] for (uint q = 0; q < 8; q++)
            if (4 * q < left) {
                uvec4 bits = mix(uvec4(0), uvec4(1u, 1u << 8, 1u << 16, 1u << 24), notEqual(x4[from / 4 + q], vec4(0)));
                word |= (bits.x | bits.y | bits.z | bits.w) << q;
            }
    } else {
        [[unroll]] for (uint f = 0; f < 32; f++)
            if (f < left) word |= (x[from + f] != 0.0 ? 1u : 0u) << (f / 4 + f % 4 * 8);
    }
    y[i] = word;
}
