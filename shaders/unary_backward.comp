#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"
// gx = gy * f'(x)
//! OP: D_* of functions.glsl
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads; float a, b; } p;
QUADS_IN(0, x)
QUADS_IN(1, y)
QUADS_IN(2, gy)
QUADS_OUT(3, gx)
float df(float x, float y, float a, float b) { return JOIN(D_, OP); }
float d(float u, float w) { return df(u, w, p.a, p.b); }
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    vec4 u = x[i], w = y[i];
    gx[i] = gy[i] * vec4(d(u.x, w.x), d(u.y, w.y), d(u.z, w.z), d(u.w, w.w));
}
