#include "neuron.glsl"
// What the kernels of fractional neurons share: a step of the neuron, and what its gradient needs of it.
// FIRE: 0 a step at the threshold; 1 the logistic function of u = ((z - threshold) / width, clipped, + noise) / temperature;
// 2 a step at u = 0, with the gradient of 1. One pipeline serves every number of steps: a driver takes a second to compile it.
layout(constant_id = 0) const bool WIDE = true; // m is divisible by 4
layout(constant_id = 1) const bool SOFT = false; // a spike takes the threshold away, else all above rest
layout(constant_id = 2) const uint FIRE = 0;
layout(constant_id = 3) const bool SUBSTEP = false; // a jump is at the crossing inside the step, not at its end
layout(constant_id = 4) const bool NOISE = false;
layout(constant_id = 5) const bool LEVEL = false; // part of a jump never fades

vec4 scaled(vec4 z, vec4 noise, float threshold, float slope, float limit, float cold) {
    vec4 u = clamp((z - threshold) * slope, -limit, limit);
    return (NOISE ? u + noise : u) * cold;
}
vec4 logistic(vec4 u) {
    vec4 e = exp(-abs(u));
    return mix(e, vec4(1), greaterThanEqual(u, vec4(0))) / (1.0 + e);
}
vec4 logistic_slope(vec4 z, vec4 u, float threshold, float slope, float limit, float cold) {
    vec4 e = exp(-abs(u)), inside = vec4(lessThanEqual(abs((z - threshold) * slope), vec4(limit)));
    return inside * slope * cold * e / ((1.0 + e) * (1.0 + e));
}
vec4 jump(vec4 z, vec4 s, float threshold, float rest) { return s * (SOFT ? vec4(threshold) : z - rest); }
#define SPIKE(z, noise) (FIRE == 0 ? mix(vec4(0), vec4(1), fires(z, p.threshold)) : spike(scaled(z, noise, p.threshold, p.slope, p.limit, p.cold)))
vec4 spike(vec4 u) { return FIRE == 1 ? logistic(u) : vec4(greaterThanEqual(u, vec4(0))); }
// How much of the step is left after the crossing, for a membrane that goes straight from v to z. Where it was not below the
// threshold before, the spike is at the step's beginning.
vec4 crossing(vec4 v, vec4 z, vec4 s, float threshold) {
    return s * clamp((z - threshold) / mix(z - v, vec4(1e-9), lessThan(z - v, vec4(1e-9))), vec4(0), vec4(1));
}
