#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The gradient of a sum: y (outer, rows, inner) is x (outer, inner) times scale, in units of a word, or of a quad of y.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint MODE = 0; // 0 words, 1 quads of both (inner in quads), 2 quads of y (rows in quads, inner 1)
layout(push_constant) uniform P { uint n, rows, inner; float scale; } p;
INPUT(0, x)
OUTPUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint place = i / p.inner, at = place / p.rows * p.inner + i - place * p.inner;
    if (MODE == 0) y[i] = x[at] * p.scale;
    else y4[i] = (MODE == 1 ? x4[at] : vec4(x[at])) * p.scale;
}
