#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "conv_few.glsl"
// A convolution with a few output channels in a group. Of the kernel's taps, KH rows of TAPS from `tap` on, by steps that
// may be negative. What is computed is every OUT-th column of y.
layout(constant_id = 8) const bool BIAS = false;
layout(constant_id = 9) const bool WIDE = false; // rows of y are whole quads, and OUT is 1
layout(constant_id = 10) const int OUT = 1;
layout(push_constant) uniform P {
    uint n, M, channels; // M: output channels in a group; channels: output channels in all
    int cg, h, wide, oh, along, blocks, ow, ph; // blocks: of HIGH rows of the output, one below the other
    int area, line, first, row_step, channel_step, group_step, tap, down, right;
} p;
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) readonly buffer B { float bias[]; };
OUTPUT(3, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint line = divided(i, uint(p.along)), image = divided(line, uint(p.blocks)), s = divided(image, p.channels);
    uint channel = image - s * p.channels, group = divided(channel, p.M), row = channel - group * p.M;
    int b = int(i - line * uint(p.along)), oy = int(line - image * uint(p.blocks)) * HIGH, h = p.h, wide = p.wide, cg = p.cg;
    int left = b * SW + ((-PW) >> 2), top = oy * SH - p.ph, plane = h * wide;
    int start = (int(s) * int(divided(p.channels, p.M)) + int(group)) * cg * plane;
    int at = int(group) * p.group_step + int(row) * p.row_step + p.tap, down = p.down, right = p.right, next = p.channel_step;
    vec4 acc[HIGH];
    [[unroll]] for (int r = 0; r < HIGH; r++) acc[r] = vec4(BIAS ? bias[channel] : 0.0);
    for (int c = 0; c < cg; c++) {
        float weight[KH * TAPS];
        [[unroll]] for (int u = 0; u < KH; u++)
            [[unroll]] for (int t = 0; t < TAPS; t++) weight[u * TAPS + t] = w[at + u * down + t * right];
        [[unroll]] for (int k = 0; k < SPAN; k++) {
            LOAD_ROW(v, start, top + k, left)
            [[unroll]] for (int t = 0; t < TAPS; t++) {
                CUT(e, v, t)
                [[unroll]] for (int r = 0; r < HIGH; r++)
                    [[unroll]] for (int u = 0; u < KH; u++)
                        if (r * SH + u * DH == k) acc[r] = fma(vec4(weight[u * TAPS + t]), e, acc[r]);
            }
        }
        at += next;
        start += plane;
    }
    int to = int(image) * p.area + oy * p.line + p.first;
    [[unroll]] for (int r = 0; r < HIGH; r++)
        if (oy + r < p.oh) {
            int place = to + r * p.line + b * 4 * OUT;
            if (WIDE) y4[place / 4] = acc[r];
            else [[unroll]] for (int q = 0; q < 4; q++) if (b * 4 + q < p.ow) y[place + q * OUT] = acc[r][q];
        }
}
