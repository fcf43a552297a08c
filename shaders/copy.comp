#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[y_start + i] = x[x_start + i], by words; four to a thread.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false; // x_start and y_start are divisible by 4
layout(push_constant) uniform P { uint n, x_start, y_start; } p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) buffer Y { uint y[]; };
layout(binding = 1) buffer Y4 { uvec4 y4[]; };
void main() {
    uint first = thread() * 4;
    bool whole = WIDE && first + 4 <= p.n;
    if (whole) y4[(p.y_start + first) / 4] = x4[(p.x_start + first) / 4];
    // a loop, because a CPU device skips one that is over, but runs through an `else` that nobody takes
    for (uint k = whole ? first + 4 : first, last = min(first + 4, p.n); k < last; k++) y[p.y_start + k] = x[p.x_start + k];
}
