#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The weights of each group as conv_subgroup reads them: (channel, kernel row, kernel column) down, and `height` rows of the
// result across, the last ones repeated. BACK: for the gradient of the input, both axes of the kernel turned round.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool BACK = false;
layout(push_constant) uniform P { uint n, rows, height, channels, taps, row_step, channel_step; } p;
layout(binding = 0) readonly buffer W { float w[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint row = min(i % p.height, p.rows - 1), k = i / p.height, tap = k % p.taps, c = k / p.taps % p.channels;
    uint g = k / p.taps / p.channels;
    y[i] = w[g * p.rows * p.channels * p.taps + row * p.row_step + c * p.channel_step + (BACK ? p.taps - 1 - tap : tap)];
}
