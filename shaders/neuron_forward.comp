#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "neuron.glsl"
// All T steps of a spiking neuron: x (T, m) -> s (T, m). A thread takes four neurons through time.
// starts (T / SEGMENT, m), V before each segment but the first, is kept for the backward pass; h and v_seq (T, m) on
// demand; v_last (m) is the state after the last step.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint KIND = 1;
layout(constant_id = 1) const bool DECAY = false;
layout(constant_id = 2) const bool SOFT = false;
layout(constant_id = 3) const uint TAIL = 0;      // steps after the last whole segment
layout(constant_id = 4) const bool WIDE = true;   // m is divisible by 4
layout(constant_id = 5) const bool START = false; // v0 is given, else the neurons start at rest
layout(constant_id = 6) const bool KEEP_STARTS = false;
layout(constant_id = 7) const bool KEEP_H = false;
layout(constant_id = 8) const bool KEEP_V = false;
layout(constant_id = 9) const uint WHOLE = 255; // whole segments, where that is worth a pipeline, else 255
layout(push_constant) uniform P { uint n, m, steps; float q, threshold, rest; } p;
INPUT(0, x)
INPUT(1, v0)
layout(binding = 2) readonly buffer W { float w[]; };
OUTPUT(3, s)
OUTPUT(4, v_last)
OUTPUT(5, starts)
OUTPUT(6, h)
OUTPUT(7, v_seq)
vec4 segment(uint first, uint g, const uint count, vec4 v, float q) {
    if (KEEP_STARTS && g > 0) { PUT(starts, (g - 1) * p.m, v) }
    [[unroll]] for (uint j = 0; j < count; j++) {
        uint row = (g * SEGMENT + j) * p.m;
        vec4 u = vec4(0);
        GET(x, row, u)
        vec4 hh = charge(KIND, DECAY, v, u, q, p.rest);
        bvec4 fired = fires(hh, p.threshold);
        vec4 ss = mix(vec4(0), vec4(1), fired);
        v = reset(SOFT, hh, fired, p.threshold, p.rest);
        PUT(s, row, ss)
        if (KEEP_H) { PUT(h, row, hh) }
        if (KEEP_V) { PUT(v_seq, row, v) }
    }
    return v;
}
void main() {
    uint i = thread(), first = 4 * i;
    if (i >= p.n) return;
    uint whole = WHOLE < 255 ? WHOLE : p.steps / SEGMENT;
    float q = KIND == 2 ? 1.0 / (1.0 + exp(-w[0])) : p.q;
    vec4 v = vec4(p.rest);
    if (START) { GET(v0, 0, v) }
    for (uint g = 0; g < whole; g++) v = segment(first, g, SEGMENT, v, q);
    if (TAIL > 0) v = segment(first, whole, TAIL, v, q);
    PUT(v_last, 0, v)
}
