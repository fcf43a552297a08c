#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Each element of gx looks at the windows that it lies in, so the order of the sum is always the same.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n; int h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw; } p;
layout(binding = 0) readonly buffer G { float gy[]; };
layout(binding = 1) readonly buffer I { int index[]; };
layout(binding = 2) buffer GX { float gx[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int v = int(i) % p.w, u = (int(i) / p.w) % p.h, plane = int(i) / (p.w * p.h);
    float sum = 0.0;
    for (int a = 0; a < p.kh; a++)
        for (int b = 0; b < p.kw; b++) {
            int r = u + p.ph - a * p.dh, c = v + p.pw - b * p.dw;
            if (r < 0 || c < 0 || r % p.sh != 0 || c % p.sw != 0) continue;
            r /= p.sh; c /= p.sw;
            if (r >= p.oh || c >= p.ow) continue;
            int at = (plane * p.oh + r) * p.ow + c;
            if (index[at] == u * p.w + v) sum += gy[at];
        }
    gx[i] = sum;
}
