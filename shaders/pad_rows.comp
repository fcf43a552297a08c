#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Rows of w words become rows of `quads` quads, with 0 at the end. A thread writes a quad.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, w, quads; } p;
layout(binding = 0) readonly buffer X { float x[]; };
QUADS_OUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint b = i % p.quads * 4, from = i / p.quads * p.w + b;
    vec4 v;
    for (uint q = 0; q < 4; q++) {
        float e = x[b + q < p.w ? from + q : 0];
        v[q] = b + q < p.w ? e : 0.0;
    }
    y[i] = v;
}
