#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "neuron.glsl"
#include "surrogates.glsl"
// Exact backpropagation through all T steps. gs and gv_seq (T, m) and gv_last (m) come from above, where they are given;
// gx (T, m), gv0 (m), and gw (n), each thread's share of the gradient of w, go down.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint KIND = 1;
layout(constant_id = 1) const bool DECAY = false;
layout(constant_id = 2) const bool SOFT = false;
layout(constant_id = 3) const uint STEPS = 0;
layout(constant_id = 4) const bool WIDE = true;
layout(constant_id = 5) const bool START = false;
layout(constant_id = 6) const bool DETACH = false; // no gradient through the reset
layout(constant_id = 7) const uint SURROGATE = 0;  // 255: its values are in sg (T, m)
layout(constant_id = 8) const bool HAS_GS = true;
layout(constant_id = 9) const bool HAS_GV_SEQ = false;
layout(constant_id = 10) const bool HAS_GV_LAST = false;
layout(push_constant) uniform P { uint n, m, steps; float q, threshold, rest, alpha; } p;
INPUT(0, h)
INPUT(1, gs)
INPUT(2, gv_seq)
INPUT(3, gv_last)
INPUT(4, v0)
layout(binding = 5) readonly buffer W { float w[]; };
INPUT(6, sg)
OUTPUT(7, gx)
OUTPUT(8, gv0)
layout(binding = 9) buffer GW { float gw[]; };
#define GET(name, at, value) \
    if (WIDE) value = name##4[(at) / 4]; \
    else for (uint c = 0; c < 4; c++) if (first + c < p.m) value[c] = name[(at) + c];
#define PUT(name, at, value) \
    if (WIDE) name##4[(at) / 4] = value; \
    else for (uint c = 0; c < 4; c++) if (first + c < p.m) name[(at) + c] = value[c];
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    uint steps = STEPS > 0 ? STEPS : p.steps;
    float q = KIND == 2 ? 1.0 / (1.0 + exp(-w[0])) : p.q;
    vec4 carry = vec4(0), gq = vec4(0);
    if (HAS_GV_LAST) { GET(gv_last, first, carry) }
    vec4 hh = vec4(0);
    GET(h, (steps - 1) * p.m + first, hh)
    for (uint k = 0; k < steps; k++) {
        uint t = steps - 1 - k, at = t * p.m + first;
        vec4 up = vec4(0), gv = vec4(0), d = vec4(0), before = vec4(p.rest), h_before = vec4(0);
        if (HAS_GS) { GET(gs, at, up) }
        if (HAS_GV_SEQ) { GET(gv_seq, at, gv) }
        gv += carry;
        if (SURROGATE == 255) { GET(sg, at, d) }
        else for (uint c = 0; c < 4; c++) d[c] = surrogate(SURROGATE, hh[c] - p.threshold, p.alpha);
        if (t > 0) { GET(h, at - p.m, h_before) }
        vec4 s = fire(hh, p.threshold);
        vec4 dv = SOFT ? vec4(1) - (DETACH ? vec4(0) : p.threshold * d) : (1.0 - s) + (DETACH ? vec4(0) : (p.rest - hh) * d);
        vec4 gh = up * d + gv * dv;
        if (KIND == 2) { // the gradient of q needs V before this step
            if (t > 0) before = reset(SOFT, h_before, fire(h_before, p.threshold), p.threshold, p.rest);
            else if (START) { GET(v0, first, before) }
            gq += gh * (DECAY ? hh - before : q * (p.rest - before)); // times q: no division where q is 0
        }
        vec4 down = KIND != 0 && DECAY ? gh * q : gh;
        PUT(gx, at, down)
        carry = KIND == 0 ? gh : gh * (1.0 - q);
        hh = h_before;
    }
    PUT(gv0, first, carry)
    if (KIND == 2) {
        float sum = 0.0;
        for (uint c = 0; c < 4; c++) if (WIDE || first + c < p.m) sum += gq[c];
        gw[i] = sum * (1.0 - q);
    }
}
