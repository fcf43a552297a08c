#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "neuron.glsl"
// All T steps of a spiking neuron: x (T, m) -> s (T, m). A thread takes four neurons through time.
// h (T, m) is kept for the backward pass, v_seq (T, m) on demand; v_last (m) is the state after the last step.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint KIND = 1;
layout(constant_id = 1) const bool DECAY = false;
layout(constant_id = 2) const bool SOFT = false;
layout(constant_id = 3) const uint STEPS = 0;     // T where it is worth a pipeline of its own, else 0
layout(constant_id = 4) const bool WIDE = true;   // m is divisible by 4
layout(constant_id = 5) const bool START = false; // v0 is given, else the neurons start at rest
layout(constant_id = 6) const bool KEEP_H = false;
layout(constant_id = 7) const bool KEEP_V = false;
layout(push_constant) uniform P { uint n, m, steps; float q, threshold, rest; } p;
INPUT(0, x)
INPUT(1, v0)
layout(binding = 2) readonly buffer W { float w[]; };
OUTPUT(3, s)
OUTPUT(4, v_last)
OUTPUT(5, h)
OUTPUT(6, v_seq)
#define PUT(name, at, value) \
    if (WIDE) name##4[(at) / 4] = value; \
    else for (uint c = 0; c < 4; c++) if (first + c < p.m) name[(at) + c] = value[c];
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    uint steps = STEPS > 0 ? STEPS : p.steps;
    float q = KIND == 2 ? 1.0 / (1.0 + exp(-w[0])) : p.q;
    vec4 v = vec4(p.rest);
    if (START) {
        if (WIDE) v = v04[i];
        else for (uint c = 0; c < 4; c++) if (first + c < p.m) v[c] = v0[first + c];
    }
    for (uint t = 0; t < steps; t++) {
        uint at = t * p.m + first;
        vec4 u = vec4(0);
        if (WIDE) u = x4[at / 4];
        else for (uint c = 0; c < 4; c++) if (first + c < p.m) u[c] = x[at + c];
        vec4 hh = charge(KIND, DECAY, v, u, q, p.rest);
        vec4 ss = fire(hh, p.threshold);
        v = reset(SOFT, hh, ss, p.threshold, p.rest);
        PUT(s, at, ss)
        if (KEEP_H) { PUT(h, at, hh) }
        if (KEEP_V) { PUT(v_seq, at, v) }
    }
    PUT(v_last, first, v)
}
