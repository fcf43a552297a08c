#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[y_start + i] = x[x_start + i], by words; four to a thread.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, x_start, y_start; } p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) buffer Y { uint y[]; };
void main() {
    uint first = thread() * 4;
    for (uint k = 0; k < 4; k++)
        if (first + k < p.n) y[p.y_start + first + k] = x[p.x_start + first + k];
}
