#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The gradients of bias and weight from sums over parts (parts, 2, channels) of g and of g * (x - mean); and what the gradient
// of x needs: the mean of g, and the mean of g * (x - mean) over the variance.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, parts; float all; } p; // all: values of a channel
layout(binding = 0) readonly buffer S { float sums[]; };
layout(binding = 1) readonly buffer R { float rstd[]; };
layout(binding = 2) buffer GB { float gb[]; };
layout(binding = 3) buffer GW { float gw[]; };
layout(binding = 4) buffer M { float mean[]; };
layout(binding = 5) buffer A { float slope[]; };
void main() {
    uint c = thread();
    if (c >= p.n) return;
    uint n = p.n;
    float one = 0.0, two = 0.0;
    for (uint k = 0; k < p.parts; k++) {
        one += sums[2 * k * n + c];
        two += sums[(2 * k + 1) * n + c];
    }
    gb[c] = one;
    gw[c] = two * rstd[c];
    mean[c] = one / p.all;
    slope[c] = two * rstd[c] * rstd[c] / p.all;
}
