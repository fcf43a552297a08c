#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "slots.glsl"
//! OP: SLOTS_* of slots.glsl
// Gradient descent on several parameters in place: p, their gradients g and momentum buffers b. Equations: ops/optim.py.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool MOMENTUM = false;
layout(constant_id = 1) const bool NESTEROV = false;
// n: quads, s: weight of a new gradient in the buffer, one of each a parameter
layout(push_constant) uniform P { uint PUSH(n); float PUSH(s); float lr, momentum, l2, flip; } p;
#define TENSORS(k) QUADS_OUT(3 * k, p##k) QUADS_IN(3 * k + 1, g##k) QUADS_OUT(3 * k + 2, b##k)
EACH(TENSORS)
#define UPDATE(k) EACH_QUAD(k) { \
        vec4 w = p##k[i], g = p.flip * g##k[i]; \
        if (p.l2 != 0.0) g = fma(vec4(p.l2), w, g); \
        if (MOMENTUM) { \
            vec4 b = fma(vec4(p.momentum), b##k[i], p.s##k * g); \
            b##k[i] = b; \
            g = NESTEROV ? fma(vec4(p.momentum), b, g) : b; \
        } \
        p##k[i] = fma(vec4(-p.lr), g, w); \
    }
void main() { EACH(UPDATE) }
