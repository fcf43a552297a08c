#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "unfold.glsl"
// As fold, for a stride of 1 along rows, and rows of whole quads in x and in the output. A thread sums a quad.
layout(constant_id = 0) const bool ADD = false;
layout(constant_id = 1) const bool BIAS = false;
layout(constant_id = 2) const uint TAPS = 3;
layout(constant_id = 3) const int DW = 1;
layout(constant_id = 4) const int PW = 0;
QUADS_IN(0, col)
layout(binding = 1) readonly buffer B { float bias[]; };
QUADS_OUT(2, x)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int wide = p.w / 4, along = p.ow / 4, z = int(i) % wide, y = int(i) / wide % p.h, quads = int(p.cols) / 4;
    uint c = i / uint(wide * p.h) % p.channels, s = i / uint(wide * p.h) / p.channels, at = i + p.first * p.channels * uint(p.h * wide);
    int row = int(c / p.cg * p.kg + c % p.cg * uint(p.kh) * TAPS), from = int(s) * p.oh * along;
    int kh = p.kh, top = y + p.ph, dh = p.dh, sh = p.sh, y0 = p.y0, oh = p.oh;
    vec4 sum = ADD ? x[at] : vec4(BIAS ? bias[c] : 0.0);
    for (int u = 0; u < kh; u++) {
        int r = top - u * dh, line = r / sh - y0;
        bool here = r >= 0 && r % sh == 0 && line >= 0 && line < oh;
        int begin = (row + u * int(TAPS)) * quads + from + line * along;
        [[unroll]] for (int k = 0; k < int(TAPS); k++) {
            int shift = (PW - k * DW) & 3, b = z + ((PW - k * DW) >> 2);
            bool inside = here && b >= 0 && b < along, next = here && b >= -1 && b < along - 1;
            vec4 v[2];
            v[0] = col[inside ? begin + k * quads + b : 0];
            v[0] = inside ? v[0] : vec4(0);
            if (shift != 0) {
                v[1] = col[next ? begin + k * quads + b + 1 : 0];
                v[1] = next ? v[1] : vec4(0);
            }
            [[unroll]] for (int q = 0; q < 4; q++) sum[q] += v[(shift + q) / 4][(shift + q) % 4];
        }
    }
    x[at] = sum;
}
