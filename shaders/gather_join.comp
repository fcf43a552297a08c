#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Joins the chains of a row that the threads of gather_link made, in the order of the picks.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, chunks; } p;
layout(binding = 0) readonly buffer H { uint head[]; };
layout(binding = 1) readonly buffer T { uint tail[]; };
layout(binding = 2) buffer N { uint next[]; };
layout(binding = 3) buffer S { uint start[]; };
void main() {
    uint row = thread(), at = 0;
    if (row >= p.n) return;
    for (uint b = p.chunks; b-- > 0;) {
        uint first = head[b * p.n + row];
        if (first == 0) continue;
        next[tail[b * p.n + row]] = at;
        at = first;
    }
    start[row] = at;
}
