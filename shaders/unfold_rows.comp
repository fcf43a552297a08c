#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "unfold.glsl"
// As unfold, for a stride of 1 along rows, and rows of whole quads in x and in the output: a quad of x is then inside or
// outside as a whole. A thread loads a piece of a row and writes it for all TAPS kernel columns.
layout(constant_id = 0) const uint TAPS = 3;
layout(constant_id = 1) const uint DW = 1;
layout(constant_id = 2) const uint SHIFT = 0; // -pw modulo 4
QUADS_IN(0, x)
QUADS_OUT(1, col)
const uint LOADS = (SHIFT + (TAPS - 1) * DW + 3) / 4 + 1;
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint quads = p.cols / 4, lines = p.cg * p.kh, more = lines + p.kg - p.k;
    uint line = i / quads, j = i % quads, g = line / more, t = line % more;
    if (t >= lines) {
        col[(g * p.kg + p.k + t - lines) * quads + j] = vec4(t == lines ? 1.0 : 0.0);
        return;
    }
    uint plane = uint(p.oh * p.ow) / 4, s = j / plane + p.first, along = uint(p.ow) / 4;
    int y = (int(j % plane / along) + p.y0) * p.sh - p.ph + int(t) % p.kh * p.dh, wide = p.w / 4;
    int left = (int(j % along * 4) - p.pw - int(SHIFT)) / 4;
    int from = (int(s * p.channels + g * p.cg + t / p.kh) * p.h + y) * wide;
    bool here = y >= 0 && y < p.h;
    vec4 v[LOADS];
    [[unroll]] for (uint q = 0; q < LOADS; q++) {
        int z = left + int(q);
        bool inside = here && z >= 0 && z < wide;
        vec4 e = x[inside ? from + z : 0];
        v[q] = inside ? e : vec4(0);
    }
    uint to = (g * p.kg + t * TAPS) * quads + j;
    [[unroll]] for (uint k = 0; k < TAPS; k++) {
        vec4 e;
        [[unroll]] for (uint q = 0; q < 4; q++) e[q] = v[(SHIFT + k * DW + q) / 4][(SHIFT + k * DW + q) % 4];
        col[to + k * quads] = e;
    }
}
