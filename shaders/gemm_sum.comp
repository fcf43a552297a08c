#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#define OP nn_f
#include "gemm.glsl"
// The parts of a matrix product that was split along k, added up in their order, with the product's epilogue.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool BIAS = false;
layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint EXTRA = 0;
layout(push_constant) uniform P { uint M, N, parts, ldc, c0; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Bias { float bias[]; };
layout(binding = 2) readonly buffer Extra { float extra[]; };
layout(binding = 3) buffer C { float c[]; };
void main() {
    uint n = p.M * p.N, i = thread();
    if (i >= n) return;
    float sum = BIAS ? bias[i % p.N] : 0.0;
    for (uint k = 0; k < p.parts; k++) sum += x[k * n + i];
    c[p.c0 + i / p.N * p.ldc + i % p.N] = finished(ACT, EXTRA, sum, EXTRA == 0 ? 0.0 : extra[i]);
}
