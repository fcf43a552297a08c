#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Rows of k weights become rows of kg: then comes the bias, then 0.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool BIAS = false;
layout(push_constant) uniform P { uint n, k, kg; } p;
layout(binding = 0) readonly buffer W { float w[]; };
layout(binding = 1) readonly buffer B { float bias[]; };
layout(binding = 2) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint row = i / p.kg, at = i % p.kg;
    float v = 0.0;
    if (at < p.k) v = w[row * p.k + at];
    else if (BIAS && at == p.k) v = bias[row];
    y[i] = v;
}
