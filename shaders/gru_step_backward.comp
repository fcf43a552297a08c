#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The gradients of what a step added up, gx and gh, and of h before it as far as it did not go through gh: gy of the
// output, back and carry of h through the later steps. Sizes as in gru_step.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(push_constant) uniform P { uint n, units, gx_start, gy_start, from, to; } p;
INPUT(0, gates)
INPUT(1, h)
INPUT(2, c)
INPUT(3, gy)
INPUT(4, back)
INPUT(5, carry)
OUTPUT(6, gx)
OUTPUT(7, gh)
OUTPUT(8, before)
#include "recurrent.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint row = k / p.units * p.units, x = p.gx_start + 3 * row + k % p.units;
    uint y = p.gx_start / 3 * 4 + 4 * row + k % p.units;
    vec4 r = UNIT(gates, y), z = UNIT(gates, y + p.units), n = UNIT(gates, y + 2 * p.units);
    vec4 g = UNIT(gy, p.gy_start + k) + UNIT(back, k) + UNIT(carry, k);
    vec4 gn = g * (1.0 - z) * (1.0 - n * n);
    vec4 gz = g * (UNIT(h, p.from + k) - n) * z * (1.0 - z);
    vec4 gr = gn * UNIT(gates, y + 3 * p.units) * r * (1.0 - r);
    PUT(gx, x, gr)
    PUT(gx, x + p.units, gz)
    PUT(gx, x + 2 * p.units, gn)
    PUT(gh, x, gr)
    PUT(gh, x + p.units, gz)
    PUT(gh, x + 2 * p.units, gn * r)
    PUT(before, k, g * z)
}
