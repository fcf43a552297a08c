#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
//! OP: R_* of reductions.glsl
// Reduces the last axis of x (outer, rows), a chunk of quads to LANES threads: y has the shape (outer, chunks), and with
// several chunks the host runs it again over those. Threads take neighbouring quads if NEAR, as a GPU wants it, or else a
// run of quads each, which suits a CPU device. Quads over the ends of a row are masked.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(push_constant) uniform P { uint n, rows, chunk, chunks; float scale; } p; // chunk: quads
#include "reductions.glsl"
layout(binding = 0) readonly buffer X { QUAD x[]; };
layout(binding = 1) buffer Y { WORD y[]; };
const uint BLOCK = 64;
QUAD masked(uint at, uint low, uint high) {
    uvec4 k = 4 * at + uvec4(0, 1, 2, 3);
    return mix(START, x[at], lessThan(k - low, uvec4(high - low)));
}
void main() {
    uint i = thread() / LANES, lane = gl_LocalInvocationID.x % LANES;
    uint outer = i / p.chunks, low = outer * p.rows, high = low + p.rows;
    uint first = low / 4 + (i - outer * p.chunks) * p.chunk, last = i < p.n ? min(first + p.chunk, (high + 3) / 4) : 0;
    uint pace = NEAR ? LANES : 1;
    if (LANES > 1 && NEAR) first += lane;
    else if (LANES > 1) {
        uint share = (p.chunk + LANES - 1) / LANES;
        first += lane * share;
        last = min(last, first + share);
    }
    QUAD all = START;
    while (first < last) { // in blocks, so that the rounding errors of a long sum stay small
        uint end = min(first + BLOCK * pace, last);
        QUAD part = START;
        for (; first < end; first += pace) part = take(part, masked(first, low, high));
        all = unite(all, part);
    }
    all = united(all, lane, 1);
    if (lane == 0 && i < p.n) y[i] = scaled(QUAD(unite_quad(all))).x;
}
