#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "surrogates.glsl"
// The step function on its own: gx = gy * g(x).
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint SURROGATE = 0;
layout(push_constant) uniform P { uint quads; float alpha; } p;
QUADS_IN(0, x)
QUADS_IN(1, gy)
QUADS_OUT(2, gx)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    vec4 u = x[i], d;
    for (uint k = 0; k < 4; k++) d[k] = surrogate(SURROGATE, u[k], p.alpha);
    gx[i] = gy[i] * d;
}
