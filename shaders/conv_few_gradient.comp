#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "conv_few.glsl"
// The gradient of a weight with a few output channels in a group: gw (parts, channels, cg, KH * TAPS), and with SUMS the sums of
// g, whose rows are whole quads too. A thread takes all taps of one channel of the weight, over a part of the output.
layout(constant_id = 8) const bool SUMS = false;
layout(push_constant) uniform P {
    uint n, M, channels; // M: output channels in a group; channels: output channels in all
    int cg, h, wide, oh, along, blocks, ph;
    uint total, count; // of HIGH quads: of a channel, and of a part
} p;
QUADS_IN(1, g)
layout(binding = 2) buffer GW { float gw[]; };
layout(binding = 3) buffer S { float sums[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint index = divided(i, uint(p.cg)), part = divided(index, p.channels), channel = index - part * p.channels;
    uint group = divided(channel, p.M), from = part * p.count, to = min(from + p.count, p.total);
    int c = int(i) - int(index) * p.cg, h = p.h, wide = p.wide, oh = p.oh, along = p.along, plane = h * wide;
    int images = int(divided(p.channels, p.M)) * p.cg * plane, samples = int(p.channels) * oh * along, blocks = p.blocks;
    int row = int(divided(from, uint(along))), b = int(from) - row * along, s = int(divided(uint(row), uint(blocks)));
    int block = row - s * blocks, ph = p.ph;
    int start = s * images + (int(group) * p.cg + c) * plane, begin = s * samples + int(channel) * oh * along;
    float acc[KH * TAPS];
    [[unroll]] for (int k = 0; k < KH * TAPS; k++) acc[k] = 0.0;
    vec4 sum = vec4(0);
    for (uint k = from; k < to; k++) {
        vec4 gv[HIGH];
        [[unroll]] for (int r = 0; r < HIGH; r++) {
            bool inside = block * HIGH + r < oh;
            vec4 value = g[inside ? begin + (block * HIGH + r) * along + b : 0];
            gv[r] = inside ? value : vec4(0);
            if (SUMS) sum += gv[r];
        }
        int left = b * SW + ((-PW) >> 2), top = block * HIGH * SH - ph;
        [[unroll]] for (int j = 0; j < SPAN; j++) {
            LOAD_ROW(v, start, top + j, left)
            [[unroll]] for (int t = 0; t < TAPS; t++) {
                CUT(e, v, t)
                [[unroll]] for (int r = 0; r < HIGH; r++)
                    [[unroll]] for (int u = 0; u < KH; u++)
                        if (r * SH + u * DH == j) acc[u * TAPS + t] += dot(gv[r], e);
            }
        }
        if (++b == along) {
            b = 0;
            if (++block == blocks) {
                block = 0;
                start += images;
                begin += samples;
            }
        }
    }
    [[unroll]] for (int k = 0; k < KH * TAPS; k++) gw[int(i) * KH * TAPS + k] = acc[k];
    if (SUMS && c == 0) sums[index] = sum.x + sum.y + sum.z + sum.w;
}
