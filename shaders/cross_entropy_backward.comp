#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx for cross_entropy. The gradient of a sample's loss is g[i], or g[0] for all, times scale, divided by total[0] if
// MEAN (the sum of the labels' weights).
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WEIGHTED = false;
layout(constant_id = 1) const bool EACH = false;
layout(constant_id = 2) const bool MEAN = false;
layout(push_constant) uniform P { uint n, classes, inner; float smooth_, scale; int ignored; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer L { int label[]; };
layout(binding = 2) readonly buffer W { float weight[]; };
layout(binding = 3) readonly buffer G { float g[]; };
layout(binding = 4) readonly buffer T { float total[]; };
layout(binding = 5) buffer GX { float gx[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint at = (i / p.inner) * p.classes * p.inner + i % p.inner;
    int k = label[i];
    float top = x[at], sum = 0.0, weights = 0.0;
    for (uint c = 1; c < p.classes; c++) top = max(top, x[at + c * p.inner]);
    for (uint c = 0; c < p.classes; c++) {
        sum += exp(x[at + c * p.inner] - top);
        weights += WEIGHTED ? weight[c] : 1.0;
    }
    uint right = uint(clamp(k, 0, int(p.classes) - 1));
    float up = k == p.ignored ? 0.0 : g[EACH ? i : 0] * p.scale / (MEAN ? total[0] : 1.0);
    float w = (1.0 - p.smooth_) * (WEIGHTED ? weight[right] : 1.0), even = p.smooth_ / float(p.classes);
    for (uint c = 0; c < p.classes; c++) {
        float chance = exp(x[at + c * p.inner] - top) / sum;
        float own = (c == right ? w : 0.0) + even * (WEIGHTED ? weight[c] : 1.0);
        gx[at + c * p.inner] = k == p.ignored ? 0.0 : up * (chance * (w + even * weights) - own);
    }
}
