#version 450
#extension GL_GOOGLE_include_directive : require
//! OP: G_* of surrogates.glsl
#include "common.glsl"
#include "neuron.glsl"
#include "surrogates.glsl"
// Exact backpropagation through all T steps. gs and gv_seq (T, m) and gv_last (m) come from above, where they are given;
// gx (T, m), gv0 (m), and gw (n), each thread's share of the gradient of w, go down. The membranes are computed again
// from x (T, m), a segment at a time in registers: that costs less than to write and read them.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint KIND = 1;
layout(constant_id = 1) const bool DECAY = false;
layout(constant_id = 2) const bool SOFT = false;
layout(constant_id = 3) const uint TAIL = 0;
layout(constant_id = 4) const bool WIDE = true;
layout(constant_id = 5) const bool START = false;
layout(constant_id = 6) const bool DETACH = false; // no gradient through the reset
layout(constant_id = 7) const bool GIVEN = false;  // the surrogate's values are in sg (T, m)
layout(constant_id = 8) const bool HAS_GS = true;
layout(constant_id = 9) const bool HAS_GV_SEQ = false;
layout(constant_id = 10) const bool HAS_GV_LAST = false;
layout(constant_id = 11) const uint WHOLE = 255; // whole segments, where that is worth a pipeline, else 255
layout(push_constant) uniform P { uint n, m, steps; float q, threshold, rest, alpha; } p;
INPUT(0, x)
INPUT(1, starts)
INPUT(2, gs)
INPUT(3, gv_seq)
INPUT(4, gv_last)
INPUT(5, v0)
layout(binding = 6) readonly buffer W { float w[]; };
INPUT(7, sg)
OUTPUT(8, gx)
OUTPUT(9, gv0)
layout(binding = 10) buffer GW { float gw[]; };
vec4 carry = vec4(0), gq = vec4(0);
void segment(uint first, uint g, const uint count, float q) {
    vec4 h[SEGMENT], start = vec4(p.rest);
    if (g > 0) { GET(starts, (g - 1) * p.m, start) }
    else if (START) { GET(v0, 0, start) }
    vec4 v = start;
    [[unroll]] for (uint j = 0; j < count; j++) {
        vec4 u = vec4(0);
        GET(x, (g * SEGMENT + j) * p.m, u)
        h[j] = charge(KIND, DECAY, v, u, q, p.rest);
        v = reset(SOFT, h[j], fires(h[j], p.threshold), p.threshold, p.rest);
    }
    [[unroll]] for (uint k = 0; k < count; k++) {
        uint j = count - 1 - k, row = (g * SEGMENT + j) * p.m;
        vec4 hh = h[j], up = vec4(0), gv = vec4(0), d = vec4(0);
        if (HAS_GS) { GET(gs, row, up) }
        if (HAS_GV_SEQ) { GET(gv_seq, row, gv) }
        gv += carry;
        if (GIVEN) { GET(sg, row, d) }
        else d = surrogate(hh - p.threshold, p.alpha);
        if (!DETACH) up += gv * (SOFT ? vec4(-p.threshold) : p.rest - hh);
        vec4 gh = up * d + (SOFT ? gv : mix(gv, vec4(0), fires(hh, p.threshold)));
        if (KIND == 2) { // the gradient of q needs V before this step
            vec4 before = start;
            if (j > 0) before = reset(SOFT, h[j - 1], fires(h[j - 1], p.threshold), p.threshold, p.rest);
            gq += gh * (DECAY ? hh - before : q * (p.rest - before)); // times q: no division where q is 0
        }
        vec4 down = KIND != 0 && DECAY ? gh * q : gh;
        PUT(gx, row, down)
        carry = KIND == 0 ? gh : gh * (1.0 - q);
    }
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    uint whole = WHOLE < 255 ? WHOLE : p.steps / SEGMENT;
    float q = KIND == 2 ? 1.0 / (1.0 + exp(-w[0])) : p.q;
    if (HAS_GV_LAST) { GET(gv_last, 0, carry) }
    if (TAIL > 0) segment(first, whole, TAIL, q);
    for (uint g = whole; g > 0; g--) segment(first, g - 1, SEGMENT, q);
    if (START) { PUT(gv0, 0, carry) }
    if (KIND == 2) {
        float sum = 0.0;
        for (uint c = 0; c < 4; c++) if (WIDE || first + c < p.m) sum += gq[c];
        gw[i] = sum * (1.0 - q);
    }
}
