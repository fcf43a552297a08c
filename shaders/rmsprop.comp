#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "slots.glsl"
//! OP: SLOTS_* of slots.glsl
// RMSprop on several parameters in place: p, their gradients g, means of squares v, means of gradients a (CENTERED) and
// momentum buffers b (MOMENTUM). Equations: ops/optim.py.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool MOMENTUM = false;
layout(constant_id = 1) const bool CENTERED = false;
layout(push_constant) uniform P { uint PUSH(n); float lr, alpha, weight, eps, momentum, l2, flip; } p; // n: quads
#define TENSORS(k) QUADS_OUT(5 * k, p##k) QUADS_IN(5 * k + 1, g##k) QUADS_OUT(5 * k + 2, v##k) \
    QUADS_OUT(5 * k + 3, a##k) QUADS_OUT(5 * k + 4, b##k)
EACH(TENSORS)
// rounding may take a variance of 0 below 0; a NaN stays one
#define UPDATE(k) EACH_QUAD(k) { \
        vec4 w = p##k[i], g = p.flip * g##k[i]; \
        if (p.l2 != 0.0) g = fma(vec4(p.l2), w, g); \
        vec4 v = fma(vec4(p.alpha), v##k[i], p.weight * g * g); \
        v##k[i] = v; \
        if (CENTERED) { \
            vec4 a = fma(vec4(p.alpha), a##k[i], p.weight * g); \
            a##k[i] = a; \
            v = fma(-a, a, v); \
            v = mix(v, vec4(0), lessThan(v, vec4(0))); \
        } \
        g /= sqrt(v) + p.eps; \
        if (MOMENTUM) { \
            g = fma(vec4(p.momentum), b##k[i], g); \
            b##k[i] = g; \
        } \
        p##k[i] = fma(vec4(-p.lr), g, w); \
    }
void main() { EACH(UPDATE) }
