#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Mean and variance of each channel from those of parts (parts, 2, channels), which have `count` values each, the last one `rest`;
// rstd is 1 / sqrt(var + eps), and scale that times a weight.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WEIGHT = false;
layout(push_constant) uniform P { uint n, parts; float count, rest, eps; } p;
layout(binding = 0) readonly buffer S { float sums[]; };
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) buffer M { float mean[]; };
layout(binding = 3) buffer V { float var[]; };
layout(binding = 4) buffer R { float rstd[]; };
layout(binding = 5) buffer Scale { float scale[]; };
void main() {
    uint c = thread();
    if (c >= p.n) return;
    uint n = p.n, parts = p.parts;
    float first = sums[c], all = p.count * float(parts - 1) + p.rest, far = 0.0, squares = 0.0;
    for (uint k = 0; k < parts; k++) far = fma(sums[2 * k * n + c] - first, k + 1 < parts ? p.count : p.rest, far);
    far /= all;
    for (uint k = 0; k < parts; k++) {
        float distance_ = sums[2 * k * n + c] - first - far;
        squares += fma(distance_ * distance_, k + 1 < parts ? p.count : p.rest, sums[(2 * k + 1) * n + c]);
    }
    mean[c] = first + far;
    squares /= all;
    var[c] = squares;
    rstd[c] = 1.0 / sqrt(squares + p.eps);
    scale[c] = WEIGHT ? rstd[c] * weight[c] : rstd[c];
}
