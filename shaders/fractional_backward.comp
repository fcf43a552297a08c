#version 450
#extension GL_GOOGLE_include_directive : require
//! OP: G_* of surrogates.glsl
#include "common.glsl"
#include "fractional.glsl"
#include "surrogates.glsl"
// Exact backpropagation through a block of steps: see fractional_forward. gs and gv_seq (T, m) come from above; gz (T, m) is the
// gradient of what was added up in z. later (block + 1, m): sum_{j > block} fade_{j-k} gz_j for the times k of this block, the
// first of which is the end of the block before. carry (m): the sum of gz over all later steps. sums (2, n): each thread's
// gradients of fade_1, as far as it is not in z, and of level, when they are wanted.
layout(local_size_x = 64) in;
layout(constant_id = 6) const bool FADE = true;
layout(constant_id = 7) const bool DETACH = false; // no gradient through the height of a jump
layout(constant_id = 8) const bool GIVEN = false;  // the surrogate's values are in sg (T, m)
layout(constant_id = 9) const bool HAS_GS = true;
layout(constant_id = 10) const bool HAS_GV_SEQ = false;
layout(constant_id = 11) const bool SUMS = false;
layout(push_constant) uniform P { uint n, m, from, steps, open; float threshold, rest, slope, limit, cold, level, alpha; } p;
INPUT(0, z)
INPUT(1, left)
INPUT(2, gs)
INPUT(3, gv_seq)
INPUT(4, sg)
INPUT(5, noise)
INPUT(6, later)
layout(binding = 7) readonly buffer F { float fade[]; };
OUTPUT(8, gz)
OUTPUT(9, carry)
layout(binding = 10) buffer S { float sums[]; };
#include "fractional_gradient.glsl"
vec4 acc[SEGMENT + 1]; // of the times before the segment and after each of its steps
void tile(uint first, uint g, uint q) {
    uint age = (q - g) * SEGMENT;
    float w[2 * SEGMENT];
    [[unroll]] for (uint t = 0; t < 2 * SEGMENT; t++) w[t] = fade[age + t + 1 - SEGMENT];
    [[unroll]] for (uint i = 0; i < SEGMENT; i++) if (q * SEGMENT + i < p.steps) {
        vec4 r = vec4(0);
        GET(gz, (p.from + q * SEGMENT + i) * p.m, r)
        [[unroll]] for (uint t = 0; t <= SEGMENT; t++) acc[t] += w[SEGMENT + i - t] * r;
    }
}
void segment(uint first, uint g) {
    uint count = min(p.steps - g * SEGMENT, SEGMENT);
    [[unroll]] for (uint t = 0; t <= SEGMENT; t++) {
        vec4 r = vec4(0);
        if (FADE && p.open == 0) { GET(later, (g * SEGMENT + t) * p.m, r) }
        acc[t] = r;
    }
    if (FADE) {
        for (uint q = g + 1; q * SEGMENT < p.steps; q++) tile(first, g, q);
    }
    [[unroll]] for (uint k = 1; k <= SEGMENT; k++) if (SEGMENT - k < count) {
        uint j = SEGMENT - k, row = (p.from + g * SEGMENT + j) * p.m;
        vec4 r = back(first, row, acc[j + 1], acc[j], FADE ? d[1] : 0.0);
        PUT(gz, row, r)
        if (FADE) [[unroll]] for (uint t = 0; t <= j; t++) acc[t] += d[j - t + 1] * r;
    }
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    if (p.open == 0) begin(first, i);
    [[unroll]] for (uint t = 0; t < SEGMENT + 2; t++) d[t] = FADE ? fade[t] : 0.0;
    for (uint g = (p.steps + SEGMENT - 1) / SEGMENT; g > 0; g--) segment(first, g - 1);
    end(first, i);
}
