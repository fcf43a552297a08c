#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "fractional.glsl"
// A block of steps of a fractional neuron, from + 1 and on. z (T, m) comes with what the currents and the jumps of earlier
// blocks give, and goes with the membrane before the reset:
//     z_k = z_k + initial_k v0 + kick_k x_1 - sum_{i < k} (fade_{k-i} + level) jumps_i
// jumps (T + 1, m), what is taken away at the time of each step; where SUBSTEP, the part `left` (T, m) of a jump of step k
// lies at k - 1. s (T, m) spikes, v_seq (T, m) membranes after the reset; state (2, m) the last one and the sum of all jumps.
// A thread takes four neurons, eight steps at a time in registers.
layout(local_size_x = 64) in;
layout(constant_id = 6) const bool START = false; // v0 is given, else 0
layout(constant_id = 7) const bool KICK = false;
layout(constant_id = 8) const bool FADE = true; // fade is not 0
layout(constant_id = 9) const bool KEEP_LEFT = false;
layout(constant_id = 10) const bool KEEP_V = false;
layout(push_constant) uniform P { uint n, m, from, steps; float threshold, rest, slope, limit, cold, level; } p;
INPUT(0, x)
INPUT(1, v0)
layout(binding = 2) readonly buffer F { float fade[]; };
layout(binding = 3) readonly buffer E { float initial[]; };
layout(binding = 4) readonly buffer K { float kick[]; };
INPUT(5, noise)
OUTPUT(6, z)
OUTPUT(7, s)
OUTPUT(8, jumps)
OUTPUT(9, left)
OUTPUT(10, v_seq)
OUTPUT(11, state)
vec4 v = vec4(0), total = vec4(0), edge = vec4(0), v_start = vec4(0), x_start = vec4(0);
float d[SEGMENT + 2];
void segment(uint first, uint g) {
    uint count = min(p.steps - g * SEGMENT, SEGMENT);
    uint done = p.from + g * SEGMENT;
    vec4 acc[SEGMENT]; // what earlier jumps take away
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) acc[j] = vec4(0);
    if (FADE) {
        // a loop over rows, and not over tiles in registers: that would take a driver seconds to compile
        [[dont_unroll]] for (uint i = 0; i < g * SEGMENT; i++) {
            vec4 r = vec4(0);
            GET(jumps, (p.from + i + 1) * p.m, r)
            [[unroll]] for (uint j = 0; j < SEGMENT; j++) acc[j] += fade[g * SEGMENT - i + j] * r;
        }
        if (SUBSTEP && g > 0) [[unroll]] for (uint j = 0; j < SEGMENT; j++) acc[j] += fade[g * SEGMENT + j + 1] * edge;
    }
    vec4 late = vec4(0); // the last jump's part at its own step
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) if (j < count) {
        uint k = done + j, row = k * p.m;
        vec4 zz = vec4(0), g_noise = vec4(0), part = vec4(0);
        GET(z, row, zz)
        zz -= acc[j];
        if (START) zz += initial[k + 1] * v_start;
        if (KICK) zz += kick[k + 1] * x_start;
        if (LEVEL) zz -= p.level * total;
        if (NOISE) { GET(noise, row, g_noise) }
        vec4 ss = SPIKE(zz, g_noise), whole = jump(zz, ss, p.threshold, p.rest), early = vec4(0);
        if (SUBSTEP) {
            part = crossing(v, zz, ss, p.threshold);
            early = part * whole;
            if (FADE) {
                if (j == 0) {
                    if (g == 0) edge = early;
                    vec4 r = vec4(0);
                    GET(jumps, row, r)
                    late = done == 0 ? vec4(0) : r;
                }
                vec4 r = late + early;
                PUT(jumps, row, r)
            }
        }
        late = whole - early;
        v = zz - late - d[1] * early - (LEVEL ? p.level * early : vec4(0));
        total += whole;
        if (FADE) {
            [[unroll]] for (uint i = j + 1; i < SEGMENT; i++) {
                acc[i] += d[i - j] * late + d[i - j + 1] * early;
            }
            if (!SUBSTEP || j + 1 == count) { PUT(jumps, row + p.m, late) }
        }
        PUT(z, row, zz)
        PUT(s, row, ss)
        if (KEEP_LEFT) { PUT(left, row, part) }
        if (KEEP_V) { PUT(v_seq, row, v) }
    }
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    if (START) { GET(v0, 0, v_start) }
    if (KICK) { GET(x, 0, x_start) }
    v = v_start;
    if (p.from > 0) {
        GET(state, 0, v)
        GET(state, p.m, total)
    }
    [[unroll]] for (uint t = 0; t < SEGMENT + 2; t++) d[t] = FADE ? fade[t] : 0.0;
    if (FADE && !SUBSTEP && p.from == 0) { PUT(jumps, 0, edge) }
    for (uint g = 0; g * SEGMENT < p.steps; g++) segment(first, g);
    PUT(state, 0, v)
    PUT(state, p.m, total)
}
