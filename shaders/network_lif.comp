#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "network.glsl"
// A step of leaky integrate-and-fire neurons with exponential synapses, which is exact for an input that is constant over it:
// I <- keep_i * I + gain * arrived (first: I as it is), V <- rest + keep_v (V - rest) + by_i * I + (1 - keep_v) (b + stimulus) + noise;
// V >= theta is a spike, and V is held at the reset value for the refractory steps.
layout(constant_id = 4) const bool NOISE = false;
layout(binding = 9) buffer State { vec4 state[]; }; // (3, quads): V, I, refractory steps left
void main() {
    uint q = thread();
    if (q >= p.quads) return;
    vec4 v = state[q], current = state[p.quads + q], left = state[2 * p.quads + q];
    vec4 theta = constant(2, q), rest = constant(3, q), keep_v = constant(4, q), reset = constant(7, q);
    if (p.first == 0) current = fma(constant(5, q), current, constant(0, q) * arrived(p.slot, q) * scale[q]);
    vec4 moved = rest + keep_v * (v - rest) + constant(6, q) * current + (1.0 - keep_v) * (constant(1, q) + stimulus(q));
    if (NOISE) moved += constant(9, q) * probit(chance(q));
    bvec4 held = greaterThan(left, vec4(0));
    v = mix(moved, reset, held);
    note(NOT_FINITE, unusable(moved), q);
    bvec4 fired = bvec4(uvec4(greaterThanEqual(v, theta)) & uvec4(not(held)));
    state[q] = mix(v, reset, fired);
    state[p.quads + q] = current;
    state[2 * p.quads + q] = mix(max(left - 1.0, vec4(0)), constant(8, q), fired);
    clear(p.slot, q);
    send(q, uvec4(fired));
}
