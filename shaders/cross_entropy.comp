#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The loss of each sample: x (outer, classes, inner) are logits, label (outer, inner) the right classes.
//   loss = w[label] (1 - smooth) (lse - x[label]) + smooth / classes * sum_c w[c] (lse - x[c])
// part holds w[label], or 0 where the label is `ignored`: the mean divides by its sum.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WEIGHTED = false;
layout(push_constant) uniform P { uint n, classes, inner; float smooth_; int ignored; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer L { int label[]; };
layout(binding = 2) readonly buffer W { float weight[]; };
layout(binding = 3) buffer Y { float loss[]; };
layout(binding = 4) buffer Z { float part[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint at = (i / p.inner) * p.classes * p.inner + i % p.inner;
    float top = x[at];
    for (uint c = 1; c < p.classes; c++) top = max(top, x[at + c * p.inner]);
    float total = 0.0, spread = 0.0;
    for (uint c = 0; c < p.classes; c++) total += exp(x[at + c * p.inner] - top);
    float lse = log(total); // of x - top
    if (p.smooth_ > 0.0)
        for (uint c = 0; c < p.classes; c++) spread += (WEIGHTED ? weight[c] : 1.0) * (lse - (x[at + c * p.inner] - top));
    int k = label[i];
    bool counts = k != p.ignored;
    uint right = uint(clamp(k, 0, int(p.classes) - 1));
    float w = counts ? (WEIGHTED ? weight[right] : 1.0) : 0.0;
    loss[i] = counts ? (1.0 - p.smooth_) * w * (lse - (x[at + right * p.inner] - top)) + p.smooth_ / float(p.classes) * spread : 0.0;
    part[i] = w;
}
