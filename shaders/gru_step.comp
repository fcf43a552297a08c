#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// r, z = gates of gx + gh; n = tanh(gx_n + r gh_n); h' = (1 - z) n + z h. gates keeps r, z, n and gh_n. Sizes are in words,
// or in quads if WIDE; from, to: where the states before and after begin.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(push_constant) uniform P { uint n, units, gx_start, from, to; } p;
INPUT(0, gx)
INPUT(1, gh)
OUTPUT(2, h)
INPUT(3, c) // as lstm_step has it; not used
OUTPUT(4, gates)
#include "recurrent.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint row = k / p.units * p.units, at = 3 * row + k % p.units, x = p.gx_start + at;
    uint y = p.gx_start / 3 * 4 + 4 * row + k % p.units;
    vec4 r = sigmoids(UNIT(gx, x) + UNIT(gh, at));
    vec4 z = sigmoids(UNIT(gx, x + p.units) + UNIT(gh, at + p.units));
    vec4 inner = UNIT(gh, at + 2 * p.units);
    vec4 n = tanhs(fma(r, inner, UNIT(gx, x + 2 * p.units)));
    vec4 next = fma(z, UNIT(h, p.from + k) - n, n);
    PUT(h, p.to + k, next)
    PUT(gates, y, r)
    PUT(gates, y + p.units, z)
    PUT(gates, y + 2 * p.units, n)
    PUT(gates, y + 3 * p.units, inner)
}
