#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The maximum of each window of x (planes, h, w): y and where it was, index (planes, oh, ow), the first of equal ones.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n; int h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
layout(binding = 2) buffer I { int index[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int c = int(i) % p.ow, r = (int(i) / p.ow) % p.oh, plane = int(i) / (p.ow * p.oh);
    float best = uintBitsToFloat(0xFF800000u);
    int found = -1;
    for (int a = 0; a < p.kh; a++)
        for (int b = 0; b < p.kw; b++) {
            int u = r * p.sh - p.ph + a * p.dh, v = c * p.sw - p.pw + b * p.dw;
            if (u < 0 || u >= p.h || v < 0 || v >= p.w) continue;
            float value = x[(plane * p.h + u) * p.w + v];
            if (found < 0 || value > best || isnan(value)) { best = value; found = u * p.w + v; }
        }
    y[i] = best;
    index[i] = found;
}
