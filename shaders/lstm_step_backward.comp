#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The gradients of a step's gates, into gx and gh, and of the cell before it: gy of the output, back of h through the
// later steps, carry of the cell after it. Sizes as in lstm_step.
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
INPUT(7, gh) // as gru_step_backward has it; not used
OUTPUT(8, before)
#include "recurrent.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint x = p.gx_start + k / p.units * 4 * p.units + k % p.units;
    vec4 i = UNIT(gates, x), f = UNIT(gates, x + p.units), g = UNIT(gates, x + 2 * p.units), o = UNIT(gates, x + 3 * p.units);
    vec4 t = tanhs(UNIT(c, p.to + k)), gh_ = UNIT(gy, p.gy_start + k) + UNIT(back, k);
    vec4 gc = UNIT(carry, k) + gh_ * o * (1.0 - t * t);
    PUT(gx, x, gc * g * i * (1.0 - i))
    PUT(gx, x + p.units, gc * UNIT(c, p.from + k) * f * (1.0 - f))
    PUT(gx, x + 2 * p.units, gc * i * (1.0 - g * g))
    PUT(gx, x + 3 * p.units, gh_ * t * o * (1.0 - o))
    PUT(before, k, gc * f)
}
