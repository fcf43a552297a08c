#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[y_start + sum c_k*ys_k] = x[x_start + sum c_k*xs_k] for all coordinates c below the sizes d: slices, transposes,
// expansion (a stride of 0), concatenation. Strides may be negative.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false; // all numbers count quads of four words
layout(push_constant) uniform P {
    uint n, d1, d2, d3, d4, d5;
    int x_start, xs0, xs1, xs2, xs3, xs4, xs5;
    int y_start, ys0, ys1, ys2, ys3, ys4, ys5;
} p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) buffer Y { uint y[]; };
layout(binding = 1) buffer Y4 { uvec4 y4[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    int c5 = int(i % p.d5); i /= p.d5;
    int c4 = int(i % p.d4); i /= p.d4;
    int c3 = int(i % p.d3); i /= p.d3;
    int c2 = int(i % p.d2); i /= p.d2;
    int c1 = int(i % p.d1); int c0 = int(i / p.d1);
    int to = p.y_start + c0 * p.ys0 + c1 * p.ys1 + c2 * p.ys2 + c3 * p.ys3 + c4 * p.ys4 + c5 * p.ys5;
    int from = p.x_start + c0 * p.xs0 + c1 * p.xs1 + c2 * p.xs2 + c3 * p.xs3 + c4 * p.xs4 + c5 * p.xs5;
    if (WIDE) y4[to] = x4[from];
    else y[to] = x[from];
}
