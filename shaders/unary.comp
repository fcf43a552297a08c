#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"
// y = f(x)
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint OP = 0;
layout(push_constant) uniform P { uint quads; float a, b; } p;
QUADS_IN(0, x)
QUADS_OUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    vec4 v = x[i];
    y[i] = vec4(f(OP, v.x, p.a, p.b), f(OP, v.y, p.a, p.b), f(OP, v.z, p.a, p.b), f(OP, v.w, p.a, p.b));
}
