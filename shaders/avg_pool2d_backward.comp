#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "avg_pool2d.glsl"
// Each element of gx sums over the windows that it lies in.
layout(binding = 0) readonly buffer G { float gy[]; };
layout(binding = 1) buffer GX { float gx[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int v = int(i) % p.w, u = (int(i) / p.w) % p.h, plane = int(i) / (p.w * p.h);
    float sum = 0.0;
    for (int a = 0; a < p.kh; a++)
        for (int b = 0; b < p.kw; b++) {
            int r = u + p.ph - a, c = v + p.pw - b;
            if (r < 0 || c < 0 || r % p.sh != 0 || c % p.sw != 0) continue;
            r /= p.sh; c /= p.sw;
            if (r < p.oh && c < p.ow) sum += gy[(plane * p.oh + r) * p.ow + c] / divisor(r, c);
        }
    gx[i] = sum;
}
