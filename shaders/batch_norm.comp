#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
// y = (x - mean) * scale + bias for x (samples, channels, inner) and a number for each channel, where STEPS for each channel of
// each `block` of lines; with BACK, what reaches x: y = scale * (g - b - (x - mean) * a), where b is in `bias`. A thread
// takes EACH words, `chunks` apart, of a line, which is a channel of a sample: quads where WIDE, else elements.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(constant_id = 1) const bool BACK = false;
layout(constant_id = 2) const uint EACH = 1;
layout(constant_id = 3) const bool STEPS = false;
layout(push_constant) uniform P { uint n, channels, inner, chunks, block; } p;
INPUT(0, x)
INPUT(1, g)
layout(binding = 2) readonly buffer M { float mean[]; };
layout(binding = 3) readonly buffer S { float scale[]; };
layout(binding = 4) readonly buffer B { float bias[]; };
layout(binding = 5) readonly buffer A { float a[]; };
OUTPUT(6, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint line = divided(i, p.chunks), first = i - line * p.chunks, c = line - divided(line, p.channels) * p.channels;
    if (STEPS) c += divided(line, p.block) * p.channels;
    uint inner = p.inner, chunks = p.chunks;
    float m = mean[c], s = scale[c], b = bias[c], slope = BACK ? a[c] : 0.0;
    [[unroll]] for (uint k = 0; k < EACH; k++) {
        uint step = first + k * chunks, at = line * inner + step;
        if (step < inner) {
            vec4 v = WIDE ? x4[at] : vec4(x[at]);
            if (BACK) v = s * ((WIDE ? g4[at] : vec4(g[at])) - b - (v - m) * slope);
            else v = (v - m) * s + b;
            if (WIDE) y4[at] = v;
            else y[at] = v.x;
        }
    }
}
