#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "binary_functions.glsl"
// y = g(a, b) with broadcasting: an axis along which an operand is repeated has the stride 0.
//! OP: FLOAT_* of binary_functions.glsl
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint TYPE = 0;
layout(push_constant) uniform P {
    uint n, d1, d2, d3, d4, d5;
    uint as0, as1, as2, as3, as4, as5;
    uint bs0, bs1, bs2, bs3, bs4, bs5;
} p;
layout(binding = 0) readonly buffer A { uint a[]; };
layout(binding = 1) readonly buffer B { uint b[]; };
layout(binding = 2) buffer Y { uint y[]; };
void main() {
    uint n = thread(), i = n;
    if (i >= p.n) return;
    uint c5 = i % p.d5; i /= p.d5;
    uint c4 = i % p.d4; i /= p.d4;
    uint c3 = i % p.d3; i /= p.d3;
    uint c2 = i % p.d2; i /= p.d2;
    uint c1 = i % p.d1, c0 = i / p.d1;
    y[n] = g(a[c0 * p.as0 + c1 * p.as1 + c2 * p.as2 + c3 * p.as3 + c4 * p.as4 + c5 * p.as5],
             b[c0 * p.bs0 + c1 * p.bs1 + c2 * p.bs2 + c3 * p.bs3 + c4 * p.bs4 + c5 * p.bs5], TYPE);
}
