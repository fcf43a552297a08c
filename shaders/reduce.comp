#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Reduces the middle axis of (outer, rows, inner), a chunk of rows to a thread: y has the shape (outer, chunks, inner).
// With several chunks the host runs it again over those. WIDE takes four columns at a time (inner divisible by 4);
// ROW takes four rows at a time (inner = 1, rows and chunk divisible by 4).
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint OP = 0; // 0 sum, 1 max, 2 min, 3 sum of squares
layout(constant_id = 1) const uint MODE = 0; // 0 scalar, 1 WIDE, 2 ROW, 3 int32, 4 uint32
layout(push_constant) uniform P { uint n, rows, inner, chunk, chunks; float scale; } p;
INPUT(0, x)
OUTPUT(1, y)
#define INFINITY uintBitsToFloat(0x7F800000u)
const uint BLOCK = 64;
vec4 start() { return vec4(OP == 1 ? -INFINITY : OP == 2 ? INFINITY : 0.0); }
vec4 keep_nan(vec4 a, vec4 b, vec4 r) { return mix(mix(r, b, isnan(b)), a, isnan(a)); }
vec4 unite(vec4 a, vec4 b) { return OP == 1 ? keep_nan(a, b, max(a, b)) : OP == 2 ? keep_nan(a, b, min(a, b)) : a + b; }
vec4 merge(vec4 acc, vec4 v) { return OP == 3 ? fma(v, v, acc) : unite(acc, v); }
vec4 load(uint at) { return MODE == 0 ? vec4(x[at]) : x4[at]; }
vec4 reduce(uint at, uint pace, uint count) { // in blocks, so that the rounding errors of a long sum stay small
    vec4 acc = start();
    for (uint done = 0; done < count; done += BLOCK) {
        vec4 part = start();
        for (uint k = min(count - done, BLOCK); k > 0; k--, at += pace) part = merge(part, load(at));
        acc = unite(acc, part);
    }
    return acc;
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint columns = MODE == 1 ? p.inner / 4 : p.inner;
    uint column = i % columns, chunk = (i / columns) % p.chunks, outer = i / (columns * p.chunks);
    uint first = chunk * p.chunk, last = min(first + p.chunk, p.rows);
    uint at = (outer * p.rows + first) * columns + column;
    if (MODE == 2) {
        vec4 v = reduce(at / 4, 1, (last - first) / 4);
        y[i] = unite(unite(v, v.yyyy), unite(v.zzzz, v.wwww)).x * p.scale;
    } else if (MODE >= 3) {
        uint flip = MODE == 4 && OP != 0 ? 0x80000000u : 0u; // orders unsigned numbers as signed ones
        int acc = int(floatBitsToUint(x[at]) ^ flip);
        for (uint r = first + 1; r < last; r++) {
            int v = int(floatBitsToUint(x[at += columns]) ^ flip);
            acc = OP == 0 ? acc + v : OP == 1 ? max(acc, v) : min(acc, v);
        }
        y[i] = uintBitsToFloat(uint(acc) ^ flip);
    } else if (MODE == 1) y4[i] = reduce(at, columns, last - first) * p.scale;
    else y[i] = reduce(at, columns, last - first).x * p.scale;
}
