#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "network.glsl"
// A step of neurons whose synapses have an activation s, which decays and grows with spikes. W s is linear in s, so what arrives
// is kept as a sum h = W s, and edges are walked for spikes only:
// h <- keep * h + dt * arrived (first: h as it is),  g = gain * h + background + stimulus,  s <- keep * s + dt * spikes.
layout(constant_id = 4) const bool RECTIFIED = false; // Poisson spikes of mean height * max(g - theta, 0), else spikes if g > theta
layout(constant_id = 5) const uint NOISE = 0;         // background b; 1: b (1 + noise) for the share rho; 2: b (1 + noise * noise)
layout(binding = 9) buffer Arriving { vec4 h[]; };    // (quads)
layout(binding = 10) buffer Activation { vec4 s[]; }; // (quads)
void main() {
    uint q = thread();
    if (q >= p.quads) return;
    vec4 keep = constant(4, q), dt = constant(5, q), now = h[q];
    if (p.first == 0) now = fma(keep, now, dt * arrived(p.slot, q) * scale[q]);
    h[q] = now;
    vec4 background = constant(1, q);
    if (NOISE > 0) { // of a number below rho, what it is of rho makes the noise
        vec4 u = chance(q), rho = constant(6, q), x = constant(7, q) * probit(min(u / rho, vec4(0.99999994)));
        background *= 1.0 + mix(vec4(0), NOISE == 2 ? x * x : x, lessThan(u, rho));
    }
    vec4 z = constant(0, q) * now + background + stimulus(q) - constant(2, q);
    uvec4 spikes;
    if (RECTIFIED) spikes = drawn(constant(3, q) * mix(z, vec4(0), lessThan(z, vec4(0))), chance(q), q);
    else {
        note(NOT_FINITE, unusable(z), q);
        spikes = uvec4(greaterThan(z, vec4(0)));
    }
    s[q] = fma(keep, s[q], dt * vec4(spikes));
    clear(p.slot, q);
    send(q, spikes);
}
