#version 450
#extension GL_GOOGLE_include_directive : require
//! OP: G_* of surrogates.glsl
#include "common.glsl"
#include "surrogates.glsl"
// The step function on its own: gx = gy * g(x).
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint quads; float alpha; } p;
QUADS_IN(0, x)
QUADS_IN(1, gy)
QUADS_OUT(2, gx)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    gx[i] = gy[i] * surrogate(x[i], p.alpha);
}
