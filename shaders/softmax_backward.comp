#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx = y (gy - sum gy y), or for the logarithm gx = gy - exp(y) sum gy.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool LOG = false;
layout(push_constant) uniform P { uint n, rows, inner; } p;
layout(binding = 0) readonly buffer Y { float y[]; };
layout(binding = 1) readonly buffer GY { float gy[]; };
layout(binding = 2) buffer GX { float gx[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint at = (i / p.inner) * p.rows * p.inner + i % p.inner;
    float total = 0.0;
    for (uint r = 0; r < p.rows; r++) total += gy[at + r * p.inner] * (LOG ? 1.0 : y[at + r * p.inner]);
    for (uint r = 0; r < p.rows; r++) {
        float g = gy[at + r * p.inner], v = y[at + r * p.inner];
        gx[at + r * p.inner] = LOG ? g - exp(v) * total : v * (g - total);
    }
}
