#version 450
#extension GL_GOOGLE_include_directive : require
//! OP: G_* of surrogates.glsl
#include "common.glsl"
#include "fractional.glsl"
#include "fractional_modes.glsl"
#include "surrogates.glsl"
// Exact backpropagation through fractional_modes; names as in fractional_backward. gx (T, m) is the gradient of the currents,
// y (modes, m) that of the modes.
layout(local_size_x = 64) in;
layout(constant_id = 6) const bool FADE = true;
layout(constant_id = 7) const bool DETACH = false;
layout(constant_id = 8) const bool GIVEN = false;
layout(constant_id = 9) const bool HAS_GS = true;
layout(constant_id = 10) const bool HAS_GV_SEQ = false;
layout(constant_id = 11) const bool SUMS = false;
layout(push_constant) uniform P { uint n, m, from, steps, open, last, modes; float threshold, rest, slope, limit, cold, level, alpha; } p;
INPUT(0, z)
INPUT(1, left)
INPUT(2, gs)
INPUT(3, gv_seq)
INPUT(4, sg)
INPUT(5, noise)
layout(binding = 6) readonly buffer F { float fade[]; };
layout(binding = 7) readonly buffer R { float drive[]; };
layout(binding = 8) readonly buffer M { float weights[]; };
OUTPUT(9, gz)
OUTPUT(10, gx)
OUTPUT(11, carry)
layout(binding = 12) buffer S { float sums[]; };
OUTPUT(13, y)
#include "fractional_gradient.glsl"
vec4 acc[SEGMENT + 1], down[SEGMENT], after[SEGMENT]; // after: gz of the segment that follows, until it is in y
float w[SEGMENT];
void remember(uint first, bool empty, bool update) {
    for (uint i = 0; i < p.modes; i++) {
        uint at = i * MODE;
        vec4 memory = vec4(0);
        if (!empty) { GET(y, i * p.m, memory) }
        if (update) {
            memory *= weights[at + MODE_DECAY];
            [[unroll]] for (uint j = 0; j < SEGMENT; j++) memory += weights[at + j] * after[j];
            PUT(y, i * p.m, memory)
        }
        [[unroll]] for (uint j = 0; j < SEGMENT; j++) down[j] += weights[at + MODE_A + j] * memory;
        if (FADE) [[unroll]] for (uint t = 0; t <= SEGMENT; t++) acc[t] += weights[at + MODE_D + t] * memory;
    }
}
void segment(uint first, uint g, bool fresh, bool empty) {
    uint count = min(p.steps - g * SEGMENT, SEGMENT);
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) {
        acc[j] = vec4(0);
        down[j] = vec4(0);
    }
    acc[SEGMENT] = vec4(0);
    if (!fresh || p.open == 0) remember(first, empty, !fresh);
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) after[j] = vec4(0);
    [[unroll]] for (uint k = 1; k <= SEGMENT; k++) if (SEGMENT - k < count) {
        uint j = SEGMENT - k, row = (p.from + g * SEGMENT + j) * p.m;
        vec4 r = back(first, row, acc[j + 1], acc[j], d[1]);
        PUT(gz, row, r)
        after[j] = r;
        if (FADE) [[unroll]] for (uint t = 0; t <= j; t++) acc[t] += d[j - t + 1] * r;
        [[unroll]] for (uint i = 0; i <= j; i++) down[i] += w[j - i] * r;
        PUT(gx, row, down[j])
    }
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    if (p.open == 0) begin(first, i);
    [[unroll]] for (uint t = 0; t < SEGMENT + 2; t++) d[t] = FADE ? fade[t] : 0.0;
    [[unroll]] for (uint t = 0; t < SEGMENT; t++) w[t] = drive[t];
    uint segments = (p.steps + SEGMENT - 1) / SEGMENT;
    bool open = p.open != 0;
    for (uint g = segments; g > 0; g--) segment(first, g - 1, g == segments, open && g + 1 == segments);
    if (p.last == 0) remember(first, open && segments == 1, true);
    end(first, i);
}
