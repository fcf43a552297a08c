#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "pool2d.glsl"
#include "mean.glsl"
// The mean of each window of x. A thread takes EACH neighbours of y.
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X2 { vec2 x2[]; };
OUTPUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    Place at = place(EACH * i, p.oh, p.ow);
    int h = p.h, w = p.w, oh = p.oh, ow = p.ow;
    vec4 values;
    [[unroll]] for (uint q = 0; q < EACH; q++) {
        float sum = 0.0;
        int top = at.row * SH - PH, left = at.column * SW - PW, start = at.plane * h;
        for (int a = 0; a < KH; a++) {
            int u = top + a;
            vec2 both = vec2(0);
            if (PAIRS) both = x2[(start + u) * (w / 2) + at.column];
            for (int b = 0; b < KW; b++) {
                int v = left + b;
                bool inside = PAIRS || (u >= 0 && u < h && v >= 0 && v < w);
                float value = PAIRS ? both[b] : x[inside ? (start + u) * w + v : 0];
                if (inside) sum += value;
            }
        }
        values[q] = sum / divisor(at.row, at.column);
        advance(at, oh, ow);
    }
    if (EACH == 4) y4[i] = values;
    else y[i] = values.x;
}
