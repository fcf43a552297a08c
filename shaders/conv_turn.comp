#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// The weights of each group as conv_subgroup reads them: (channel, kernel row, kernel column) down, and `height` rows of the
// result across, the last ones repeated. Of the kernel's taps, kh rows of kw from `first` on, by steps that may be negative.
layout(local_size_x = 64) in;
layout(push_constant) uniform P {
    uint n, rows, height, channels, kh, kw, row_step, channel_step, group_step;
    int first, down, along;
} p;
layout(binding = 0) readonly buffer W { float w[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint k = divided(i, p.height), row = min(i - k * p.height, p.rows - 1), line = divided(k, p.kw), v = k - line * p.kw;
    uint channel = divided(line, p.kh), u = line - channel * p.kh, g = divided(channel, p.channels), c = channel - g * p.channels;
    int tap = p.first + int(u) * p.down + int(v) * p.along;
    y[i] = w[g * p.group_step + row * p.row_step + c * p.channel_step + uint(tap)];
}
