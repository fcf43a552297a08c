#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx of gather: each thread looks for its own row among the picks from `first` to `last`, so the order of the sum is
// always the same.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool EACH = false;
layout(constant_id = 1) const bool MORE = false; // adds to what is there
layout(push_constant) uniform P { uint n, rows, picks, inner, first, last; } p;
layout(binding = 0) readonly buffer G { float gy[]; };
layout(binding = 1) readonly buffer I { int index[]; };
layout(binding = 2) buffer GX { float gx[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint column = i % p.inner, outer = i / (p.inner * p.rows);
    int row = int((i / p.inner) % p.rows);
    float sum = MORE ? gx[i] : 0.0;
    uint at = (outer * p.picks + p.first) * p.inner + column;
    for (uint k = p.first; k < p.last; k++, at += p.inner) {
        int j = index[EACH ? at : k];
        if ((j < 0 ? j + int(p.rows) : j) == row) sum += gy[at];
    }
    gx[i] = sum;
}
