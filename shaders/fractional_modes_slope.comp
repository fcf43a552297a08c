#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "fractional.glsl"
#include "fractional_modes.glsl"
// sum (n): each thread's sum over time of gz times what z would be by other weights, those of fractional_modes after a
// parameter: x (T, m) the currents, jumps (T + 1, m) all jumps as they were, y (modes, m) memory to work in.
layout(local_size_x = 64) in;
layout(constant_id = 6) const bool FADE = true;
layout(push_constant) uniform P { uint n, m, from, steps, last, modes; } p;
INPUT(0, x)
INPUT(1, jumps)
INPUT(2, gz)
layout(binding = 3) readonly buffer F { float fade[]; };
layout(binding = 4) readonly buffer R { float drive[]; };
layout(binding = 5) readonly buffer M { float weights[]; };
layout(binding = 6) buffer S { float sum[]; };
OUTPUT(7, y)
vec4 xs[SEGMENT], rs[SEGMENT + 1], acc[SEGMENT], whole = vec4(0);
float d[SEGMENT + 2], w[SEGMENT];
void remember(uint first, bool empty, bool update) {
    for (uint i = 0; i < p.modes; i++) {
        uint at = i * MODE;
        vec4 memory = vec4(0);
        if (!empty) { GET(y, i * p.m, memory) }
        if (update) {
            memory *= weights[at + MODE_DECAY];
            [[unroll]] for (uint j = 0; j < SEGMENT; j++) memory += weights[at + MODE_A + j] * xs[j];
            if (FADE) [[unroll]] for (uint t = 0; t <= SEGMENT; t++) memory -= weights[at + MODE_D + t] * rs[t];
            PUT(y, i * p.m, memory)
        }
        [[unroll]] for (uint j = 0; j < SEGMENT; j++) acc[j] += weights[at + j] * memory;
    }
}
void segment(uint first, uint g) {
    uint count = min(p.steps - g * SEGMENT, SEGMENT);
    uint done = p.from + g * SEGMENT;
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) acc[j] = vec4(0);
    if (done > 0) remember(first, done == SEGMENT, g > 0);
    rs[0] = vec4(0);
    if (FADE && done == 0) { // later segments have it from the one before
        vec4 r = vec4(0);
        GET(jumps, 0, r)
        rs[0] = r;
        [[unroll]] for (uint i = 0; i < SEGMENT; i++) acc[i] -= d[i + 1] * rs[0];
    }
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) if (j < count) {
        uint row = (done + j) * p.m;
        vec4 up = vec4(0), xx = vec4(0), r = vec4(0);
        GET(x, row, xx)
        GET(gz, row, up)
        xs[j] = xx;
        rs[j + 1] = r;
        [[unroll]] for (uint i = j; i < SEGMENT; i++) acc[i] += w[i - j] * xs[j];
        if (FADE) {
            GET(jumps, row + p.m, r)
            rs[j + 1] = r;
            [[unroll]] for (uint i = j + 1; i < SEGMENT; i++) acc[i] -= d[i - j] * rs[j + 1];
        }
        whole += acc[j] * up;
    }
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    [[unroll]] for (uint t = 0; t < SEGMENT + 2; t++) d[t] = FADE ? fade[t] : 0.0;
    [[unroll]] for (uint t = 0; t < SEGMENT; t++) w[t] = drive[t];
    for (uint g = 0; g * SEGMENT < p.steps; g++) segment(first, g);
    if (p.last == 0) remember(first, p.from + p.steps == SEGMENT, true);
    vec4 there = vec4(1);
    for (uint c = 0; c < 4; c++) if (!WIDE && first + c >= p.m) there[c] = 0.0;
    sum[i] = dot(whole, there) + (p.from == 0 ? 0.0 : sum[i]);
}
