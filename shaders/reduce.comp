#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Reduces the middle axis of (outer, rows, inner), a chunk of rows to a thread: y has the shape (outer, chunks, inner).
// With several chunks the host runs it again over those. WIDE takes four columns at a time (inner divisible by 4);
// ROW takes four rows at a time (inner = 1, rows and chunk divisible by 4).
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint OP = 0; // 0 sum, 1 max, 2 min, 3 sum of squares, 4 argmax, 5 argmin
layout(constant_id = 1) const uint MODE = 0; // 0 scalar, 1 WIDE, 2 ROW, 3 integers
layout(push_constant) uniform P { uint n, rows, inner, chunk, chunks; float scale; } p;
INPUT(0, x)
OUTPUT(1, y)
#define INFINITY uintBitsToFloat(0x7F800000u)
vec4 start() { return vec4(OP == 1 ? -INFINITY : OP == 2 ? INFINITY : 0.0); }
vec4 keep_nan(vec4 a, vec4 b, vec4 r) { return mix(mix(r, b, isnan(b)), a, isnan(a)); }
vec4 merge(vec4 acc, vec4 v) {
    switch (OP) {
        case 1: return keep_nan(acc, v, max(acc, v));
        case 2: return keep_nan(acc, v, min(acc, v));
        case 3: return fma(v, v, acc);
    }
    return acc + v;
}
float join(vec4 v) { // across the four lanes of ROW; squares are already squared
    if (OP == 1 || OP == 2) {
        vec4 m = merge(vec4(v.xy, v.xy), vec4(v.zw, v.zw));
        return merge(m, m.yyyy).x;
    }
    return (v.x + v.y) + (v.z + v.w);
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint columns = MODE == 1 ? p.inner / 4 : p.inner;
    uint column = i % columns, chunk = (i / columns) % p.chunks, outer = i / (columns * p.chunks);
    uint first = chunk * p.chunk, last = min(first + p.chunk, p.rows);
    if (MODE == 1) {
        vec4 acc = start();
        uint at = (outer * p.rows + first) * columns + column;
        for (uint r = first; r < last; r++, at += columns) acc = merge(acc, x4[at]);
        y4[i] = acc * p.scale;
    } else if (MODE == 2) {
        vec4 acc = start();
        uint at = (outer * p.rows + first) / 4;
        for (uint r = first; r < last; r += 4, at++) acc = merge(acc, x4[at]);
        y[i] = join(acc) * p.scale;
    } else if (MODE == 3) {
        uint at = (outer * p.rows + first) * p.inner + column;
        int acc = floatBitsToInt(x[at]);
        for (uint r = first + 1; r < last; r++) {
            int v = floatBitsToInt(x[at += p.inner]);
            acc = OP == 1 ? max(acc, v) : OP == 2 ? min(acc, v) : acc + v;
        }
        y[i] = intBitsToFloat(acc);
    } else if (OP >= 4) { // the first of equal values; NaN counts as the extreme, as in NumPy
        uint at = outer * p.rows * p.inner + column, found = 0;
        float best = x[at];
        for (uint r = 1; r < p.rows; r++) {
            float v = x[at + r * p.inner];
            if (!isnan(best) && (isnan(v) || (OP == 4 ? v > best : v < best))) { best = v; found = r; }
        }
        y[i] = uintBitsToFloat(found);
    } else {
        vec4 acc = start();
        uint at = (outer * p.rows + first) * p.inner + column;
        for (uint r = first; r < last; r++, at += p.inner) acc = merge(acc, vec4(x[at]));
        y[i] = acc.x * p.scale;
    }
}
