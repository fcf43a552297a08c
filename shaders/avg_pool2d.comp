#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "avg_pool2d.glsl"
// The mean of each window of x (planes, h, w).
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int c = int(i) % p.ow, r = (int(i) / p.ow) % p.oh, plane = int(i) / (p.ow * p.oh);
    float sum = 0.0;
    for (int a = 0; a < p.kh; a++)
        for (int b = 0; b < p.kw; b++) {
            int u = r * p.sh - p.ph + a, v = c * p.sw - p.pw + b;
            if (u >= 0 && u < p.h && v >= 0 && v < p.w) sum += x[(plane * p.h + u) * p.w + v];
        }
    y[i] = sum / divisor(r, c);
}
