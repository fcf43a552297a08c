#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "pool2d.glsl"
#include "mean.glsl"
// Each element of gx sums over the windows that it lies in. A thread takes EACH neighbours of gx; or, where windows are PAIRS,
// of gy, and what lies below and beside them.
INPUT(0, gy)
OUTPUT(1, gx)
layout(binding = 1) buffer GX2 { vec2 gx2[]; };
void pairs(uint i) {
    Place at = place(4 * i, p.oh, p.ow);
    int h = p.h, oh = p.oh, ow = p.ow;
    vec4 g4 = gy4[i];
    [[unroll]] for (uint q = 0; q < 4; q++) {
        int to = (at.plane * h + 2 * at.row) * ow + at.column;
        float g = g4[q] / divisor(at.row, at.column);
        if (4 * i + q < uint(p.planes * oh * ow)) {
            gx2[to] = vec2(g);
            gx2[to + ow] = vec2(g);
            if (2 * at.row + 3 == h) gx2[to + 2 * ow] = vec2(0); // the last row of an odd number
        }
        advance(at, oh, ow);
    }
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    if (PAIRS) {
        pairs(i);
        return;
    }
    int h = p.h, w = p.w, oh = p.oh, ow = p.ow;
    Place at = place(EACH * i, h, w);
    vec4 sums = vec4(0);
    [[unroll]] for (uint q = 0; q < EACH; q++) {
        int bottom = (at.row + PH) / SH, right = (at.column + PW) / SW, start = at.plane * oh;
        for (int a = 0; a < MOST_H; a++)
            for (int b = 0; b < MOST_W; b++) {
                int r = bottom - a, c = right - b;
                bool inside = r >= 0 && r < oh && c >= 0 && c < ow;
                inside = inside && at.row + PH - r * SH < KH && at.column + PW - c * SW < KW;
                float g = gy[inside ? (start + r) * ow + c : 0];
                if (inside) sums[q] += g / divisor(r, c);
            }
        advance(at, h, w);
    }
    if (EACH == 4) gx4[i] = sums;
    else gx[i] = sums.x;
}
