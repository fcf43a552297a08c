#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
//! OP: R_* of reductions.glsl
// Reduces the middle axis of x (outer, rows, inner), a chunk of the rows to LANES threads: y has the shape (outer, chunks,
// inner). With several chunks the host runs it again over those. WIDE takes four columns at a time (inner divisible by 4).
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool WIDE = false;
layout(push_constant) uniform P { uint n, rows, inner, chunk, chunks; float scale; } p;
#include "reductions.glsl"
layout(binding = 0) readonly buffer X { WORD x[]; };
layout(binding = 0) readonly buffer X4 { QUAD x4[]; };
layout(binding = 1) buffer Y { WORD y[]; };
layout(binding = 1) buffer Y4 { QUAD y4[]; };
const uint BLOCK = 64;
void main() {
    const uint width = gl_WorkGroupSize.x / LANES;
    uint lane = gl_LocalInvocationID.x / width;
    uint i = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * width + gl_LocalInvocationID.x % width;
    uint columns = WIDE ? p.inner / 4 : p.inner;
    uint place = i / columns, outer = place / p.chunks; // by subtraction: division is long on a device without it
    uint column = i - place * columns, first = (place - outer * p.chunks) * p.chunk, last = i < p.n ? min(first + p.chunk, p.rows) : 0;
    if (LANES > 1) {
        uint share = (p.chunk + LANES - 1) / LANES;
        first += lane * share;
        last = min(last, first + share);
    }
    uint at = (outer * p.rows + first) * columns + column;
    QUAD all = START;
    while (first < last) { // in blocks, so that the rounding errors of a long sum stay small
        uint end = min(first + BLOCK, last);
        QUAD part = START;
        for (; first < end; first++, at += columns) part = take(part, WIDE ? x4[at] : QUAD(x[at]));
        all = unite(all, part);
    }
    all = united(all, lane, width);
    if (lane > 0 || i >= p.n) return;
    if (WIDE) y4[i] = scaled(all);
    else y[i] = scaled(all).x;
}
