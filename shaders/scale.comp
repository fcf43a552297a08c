#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "slots.glsl"
//! OP: SLOTS_* of slots.glsl
// y = factor * x for several arrays, by one number on the device.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint PUSH(n); } p; // quads
#define TENSORS(k) QUADS_IN(2 * k, x##k) QUADS_OUT(2 * k + 1, y##k)
EACH(TENSORS)
layout(binding = 2 * OP) readonly buffer Factor { float factor[]; };
#define SCALE(k) EACH_QUAD(k) y##k[i] = s * x##k[i];
void main() {
    float s = factor[0];
    EACH(SCALE)
}
