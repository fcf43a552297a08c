#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[o, k, i] = x[o, index, i]: x (outer, rows, inner), y (outer, picks, inner). The index is index[k], or with EACH that
// of every element, index[o, k, i]. Negative ones count from the end.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool EACH = false;
layout(push_constant) uniform P { uint n, rows, picks, inner; } p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) readonly buffer I { int index[]; };
layout(binding = 2) buffer Y { uint y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint column = i % p.inner, pick = (i / p.inner) % p.picks, outer = i / (p.inner * p.picks);
    int k = index[EACH ? i : pick];
    uint row = uint(k < 0 ? k + int(p.rows) : k);
    y[i] = x[(outer * p.rows + row) * p.inner + column];
}
