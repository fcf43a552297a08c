#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// Rows of w words become rows of `quads` quads, with 0 at the end. A thread writes a quad.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool EVEN = false; // w
layout(push_constant) uniform P { uint n, w, quads; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X2 { vec2 x2[]; };
QUADS_OUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint line = divided(i, p.quads), b = (i - line * p.quads) * 4, w = p.w, from = line * w + b;
    vec4 v;
    if (EVEN) {
        vec2 second = x2[b + 2 < w ? from / 2 + 1 : 0];
        v = vec4(x2[from / 2], b + 2 < w ? second : vec2(0));
    } else for (uint q = 0; q < 4; q++) {
        float e = x[b + q < w ? from + q : 0];
        v[q] = b + q < w ? e : 0.0;
    }
    y[i] = v;
}
