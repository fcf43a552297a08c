#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "binary_functions.glsl"
// y = g(a, b) for equal shapes.
//! OP: FLOAT_* of binary_functions.glsl
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint TYPE = 0;
layout(push_constant) uniform P { uint quads; } p;
layout(binding = 0) readonly buffer A { uvec4 a[]; };
layout(binding = 1) readonly buffer B { uvec4 b[]; };
layout(binding = 2) buffer Y { uvec4 y[]; };
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    uvec4 u = a[i], w = b[i];
    y[i] = uvec4(g(u.x, w.x, TYPE), g(u.y, w.y, TYPE), g(u.z, w.z, TYPE), g(u.w, w.w, TYPE));
}
