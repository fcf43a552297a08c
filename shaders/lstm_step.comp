#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// i, f, g, o = gates of gx + gh; c' = f c + i g; h' = o tanh(c'). Sizes are in words, or in quads if WIDE; from, to: where
// the states before and after begin.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(push_constant) uniform P { uint n, units, gx_start, from, to; } p;
INPUT(0, gx)
INPUT(1, gh)
OUTPUT(2, h)
OUTPUT(3, c)
OUTPUT(4, gates)
#include "recurrent.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint at = k / p.units * 4 * p.units + k % p.units, x = p.gx_start + at;
    vec4 i = sigmoids(UNIT(gx, x) + UNIT(gh, at));
    vec4 f = sigmoids(UNIT(gx, x + p.units) + UNIT(gh, at + p.units));
    vec4 g = tanhs(UNIT(gx, x + 2 * p.units) + UNIT(gh, at + 2 * p.units));
    vec4 o = sigmoids(UNIT(gx, x + 3 * p.units) + UNIT(gh, at + 3 * p.units));
    vec4 cell = fma(f, UNIT(c, p.from + k), i * g);
    PUT(c, p.to + k, cell)
    vec4 next = o * tanhs(cell);
    PUT(h, p.to + k, next)
    PUT(gates, x, i)
    PUT(gates, x + p.units, f)
    PUT(gates, x + 2 * p.units, g)
    PUT(gates, x + 3 * p.units, o)
}
