#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Softmax, or its logarithm, over the middle axis of (outer, rows, inner); a thread takes one column.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool LOG = false;
layout(push_constant) uniform P { uint n, rows, inner; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint at = (i / p.inner) * p.rows * p.inner + i % p.inner;
    float top = x[at];
    for (uint r = 1; r < p.rows; r++) top = max(top, x[at + r * p.inner]);
    float total = 0.0;
    for (uint r = 0; r < p.rows; r++) total += exp(x[at + r * p.inner] - top);
    float shift = LOG ? log(total) : 1.0 / total;
    for (uint r = 0; r < p.rows; r++) {
        float v = x[at + r * p.inner] - top;
        y[at + r * p.inner] = LOG ? v - shift : exp(v) * shift;
    }
}
