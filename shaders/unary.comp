#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"
// y = f(x)
//! OP: F_* of functions.glsl
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads; float a, b; } p;
QUADS_IN(0, x)
QUADS_OUT(1, y)
float f(float x, float a, float b) { return JOIN(F_, OP); }
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    vec4 v = x[i];
    y[i] = vec4(f(v.x, p.a, p.b), f(v.y, p.a, p.b), f(v.z, p.a, p.b), f(v.w, p.a, p.b));
}
