#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "fractional.glsl"
#include "fractional_modes.glsl"
// All steps of a fractional neuron whose memory is a sum of exponentials; names and sizes as in fractional_forward, and
// drive, the weights of the inputs of a segment in itself. y (modes, m) is the memory.
layout(local_size_x = 64) in;
layout(constant_id = 6) const bool START = false;
layout(constant_id = 7) const bool KICK = false;
layout(constant_id = 8) const bool FADE = true;
layout(constant_id = 9) const bool KEEP_LEFT = false;
layout(constant_id = 10) const bool KEEP_V = false;
layout(constant_id = 11) const bool KEEP_Z = false;
layout(constant_id = 12) const bool KEEP_JUMPS = false;
layout(push_constant) uniform P { uint n, m, from, steps, last, modes; float threshold, rest, slope, limit, cold, level; } p;
INPUT(0, x)
INPUT(1, v0)
layout(binding = 2) readonly buffer F { float fade[]; };
layout(binding = 3) readonly buffer R { float drive[]; };
layout(binding = 4) readonly buffer E { float initial[]; };
layout(binding = 5) readonly buffer K { float kick[]; };
layout(binding = 6) readonly buffer M { float weights[]; };
INPUT(7, noise)
OUTPUT(8, z)
OUTPUT(9, s)
OUTPUT(10, jumps)
OUTPUT(11, left)
OUTPUT(12, v_seq)
OUTPUT(13, state)
OUTPUT(14, y)
vec4 v = vec4(0), total = vec4(0), late = vec4(0), v_start = vec4(0), x_start = vec4(0);
vec4 xs[SEGMENT], rs[SEGMENT + 1], acc[SEGMENT]; // of the segment before, until it is in y
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
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) if (j < count) {
        vec4 r = vec4(0);
        GET(x, (done + j) * p.m, r)
        xs[j] = r;
        [[unroll]] for (uint i = j; i < SEGMENT; i++) acc[i] += w[i - j] * xs[j];
    }
    [[unroll]] for (uint j = 0; j < SEGMENT; j++) if (j < count) {
        uint k = done + j, row = k * p.m;
        vec4 zz = acc[j], g_noise = vec4(0), part = vec4(0);
        if (START) zz += initial[k + 1] * v_start;
        if (KICK) zz += kick[k + 1] * x_start;
        if (LEVEL) zz -= p.level * total;
        if (NOISE) { GET(noise, row, g_noise) }
        vec4 ss = SPIKE(zz, g_noise), whole = jump(zz, ss, p.threshold, p.rest), early = vec4(0);
        if (SUBSTEP) {
            part = crossing(v, zz, ss, p.threshold);
            early = part * whole;
        }
        vec4 both = late + early;
        if (KEEP_JUMPS) { PUT(jumps, row, both) }
        rs[j] = j == 0 ? early : both;
        late = whole - early;
        v = zz - late - d[1] * early - (LEVEL ? p.level * early : vec4(0));
        total += whole;
        if (FADE) [[unroll]] for (uint i = j + 1; i < SEGMENT; i++) acc[i] -= d[i - j] * late + d[i - j + 1] * early;
        PUT(s, row, ss)
        if (KEEP_Z) { PUT(z, row, zz) }
        if (KEEP_LEFT) { PUT(left, row, part) }
        if (KEEP_V) { PUT(v_seq, row, v) }
    }
    rs[SEGMENT] = late; // a part of a segment is the last
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
        GET(state, 2 * p.m, late)
    }
    [[unroll]] for (uint t = 0; t < SEGMENT + 2; t++) d[t] = FADE ? fade[t] : 0.0;
    [[unroll]] for (uint t = 0; t < SEGMENT; t++) w[t] = drive[t];
    for (uint g = 0; g * SEGMENT < p.steps; g++) segment(first, g);
    if (KEEP_JUMPS) { PUT(jumps, (p.from + p.steps) * p.m, late) }
    if (p.last == 0) {
        remember(first, p.from + p.steps == SEGMENT, true);
        PUT(state, 0, v)
        PUT(state, p.m, total)
        PUT(state, 2 * p.m, late)
    }
}
