#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "unfold.glsl"
// The matrix of all windows, 0 in the padding. Of the rows from k to kg, the first is 1, for a bias, and the others 0.
// A thread writes four neighbours of a row.
layout(constant_id = 0) const bool WIDE = false; // rows are whole quads
INPUT(0, x)
OUTPUT(1, col)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint quads = (p.cols + 3) / 4, row = i / quads, j = i % quads * 4, t = row % p.kg;
    vec4 value = vec4(t == p.k ? 1.0 : 0.0);
    if (t < p.k) {
        int v = int(t) % p.kw, u = int(t) / p.kw % p.kh;
        uint c = row / p.kg * p.cg + t / uint(p.kw * p.kh), plane = uint(p.oh * p.ow), s = j / plane + p.first;
        int oy = int(j % plane) / p.ow, ox = int(j % plane) % p.ow;
        for (uint q = 0; q < 4; q++) {
            int y = (oy + p.y0) * p.sh - p.ph + u * p.dh, z = ox * p.sw - p.pw + v * p.dw;
            bool inside = j + q < p.cols && y >= 0 && y < p.h && z >= 0 && z < p.w;
            float e = x[inside ? ((s * p.channels + c) * p.h + y) * p.w + z : 0];
            value[q] = inside ? e : 0.0;
            if (++ox == p.ow) {
                ox = 0;
                if (++oy == p.oh) { oy = 0; s++; }
            }
        }
    }
    if (WIDE) col4[row * quads + j / 4] = value;
    else for (uint q = 0; q < 4; q++) if (j + q < p.cols) col[row * p.cols + j + q] = value[q];
}
