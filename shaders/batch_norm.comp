#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y = (x - mean) * scale + bias for x (samples, channels, inner) and a number for each channel, where STEPS for each channel of
// each `block` of words; with BACK, what reaches x: y = scale * (g - b - (x - mean) * a), where b is in `bias`. A thread takes a
// quad where WIDE, else an element.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(constant_id = 1) const bool BACK = false;
layout(constant_id = 2) const bool STEPS = false;
layout(push_constant) uniform P { uint n, channels, inner, block; } p;
INPUT(0, x)
INPUT(1, g)
layout(binding = 2) readonly buffer M { float mean[]; };
layout(binding = 3) readonly buffer S { float scale[]; };
layout(binding = 4) readonly buffer B { float bias[]; };
layout(binding = 5) readonly buffer A { float a[]; };
OUTPUT(6, y)
vec4 result(uint c, vec4 v, vec4 w) {
    if (BACK) return scale[c] * (w - bias[c] - (v - mean[c]) * a[c]);
    return (v - mean[c]) * scale[c] + bias[c];
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint c = i / p.inner % p.channels;
    if (STEPS) c += i / p.block * p.channels;
    if (WIDE) y4[i] = result(c, x4[i], BACK ? g4[i] : vec4(0));
    else y[i] = result(c, vec4(x[i]), vec4(BACK ? g[i] : 0.0)).x;
}
