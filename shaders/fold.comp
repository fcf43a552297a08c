#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "unfold.glsl"
// The other way round: each element of x sums over what the matrix has of it, in every window that it lies in.
layout(constant_id = 0) const bool ADD = false; // to what is there: rows of the output are done in several dispatches
layout(constant_id = 1) const bool BIAS = false;
layout(binding = 0) readonly buffer C { float col[]; };
layout(binding = 1) readonly buffer B { float bias[]; };
layout(binding = 2) buffer X { float x[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int z = int(i) % p.w, y = int(i) / p.w % p.h;
    uint c = i / uint(p.w * p.h) % p.channels, s = i / uint(p.w * p.h) / p.channels, at = i + p.first * p.channels * uint(p.h * p.w);
    uint row = c / p.cg * p.kg + c % p.cg * uint(p.kh * p.kw), from = s * uint(p.oh * p.ow);
    float sum = ADD ? x[at] : BIAS ? bias[c] : 0.0;
    for (int u = 0; u < p.kh; u++)
        for (int v = 0; v < p.kw; v++) {
            int r = y + p.ph - u * p.dh, b = z + p.pw - v * p.dw;
            if (r < 0 || b < 0 || r % p.sh != 0 || b % p.sw != 0) continue;
            r = r / p.sh - p.y0; b /= p.sw;
            if (r >= 0 && r < p.oh && b < p.ow) sum += col[(row + u * p.kw + v) * p.cols + from + r * p.ow + b];
        }
    x[at] = sum;
}
