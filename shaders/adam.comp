#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "slots.glsl"
//! OP: SLOTS_* of slots.glsl
// Adam on several parameters in place: p, their gradients g and moments m and v. Equations: ops/optim.py.
layout(local_size_x = 64) in;
// n: quads, a: step size and c: root of the bias correction of v, one of each a parameter, as each counts its own steps.
// The weights 1 - beta come from the host: in float32, 1 - 0.999 would be wrong in the fifth digit.
layout(push_constant) uniform P {
    uint PUSH(n); float PUSH(a), PUSH(c);
    float beta1, weight1, beta2, weight2, eps, l2, shrink, flip;
} p;
#define TENSORS(k) QUADS_OUT(4 * k, p##k) QUADS_IN(4 * k + 1, g##k) QUADS_OUT(4 * k + 2, m##k) QUADS_OUT(4 * k + 3, v##k)
EACH(TENSORS)
#define UPDATE(k) EACH_QUAD(k) { \
        vec4 w = p##k[i], g = p.flip * g##k[i]; \
        if (p.l2 != 0.0) g = fma(vec4(p.l2), w, g); \
        vec4 m = fma(vec4(p.beta1), m##k[i], p.weight1 * g); \
        vec4 v = fma(vec4(p.beta2), v##k[i], p.weight2 * g * g); \
        m##k[i] = m; \
        v##k[i] = v; \
        p##k[i] = p.shrink * w - p.a##k * (m / (sqrt(v) / p.c##k + p.eps)); \
    }
void main() { EACH(UPDATE) }
