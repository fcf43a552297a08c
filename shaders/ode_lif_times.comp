#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool FUSED = true;
#define SIZES uint n;
#include "ode_lif.glsl"
// The time of each of n spikes since the beginning of its interval: spike `order` (from 0) in the cell (interval, neuron)
// `cell`. Pairs of floats, in units of tau.
layout(binding = 0) readonly buffer I0 { float current0[]; };
layout(binding = 1) readonly buffer I1 { float current1[]; };
layout(binding = 2) readonly buffer S0 { float start0[]; };
layout(binding = 3) readonly buffer S1 { float start1[]; };
layout(binding = 4) readonly buffer C { uint cell[]; };
layout(binding = 5) readonly buffer K { uint order[]; };
layout(binding = 6) buffer T0 { float time0[]; };
layout(binding = 7) buffer T1 { float time1[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint at = cell[i];
    Cell c = cell_of(vec2(current0[at], current1[at]), vec2(start0[at], start1[at]));
    vec2 u = vec2(0.0);
    if (c.driven) u = plus(first_of(c), times(vec2(float(order[i]), 0.0), between_of(c)));
    if (minus(PAIR(span), u).x < 0.0) u = PAIR(span); // by a rounding
    time0[i] = u.x;
    time1[i] = u.y;
}
