#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The gradients of weight and bias for (n, columns) normalized by rows: a thread adds up a column, or four if WIDE, over
// `chunk` rows; gw and gb are (chunks, columns).
layout(local_size_x = 8) in;
layout(constant_id = 0) const bool WIDE = false;
layout(push_constant) uniform P { uint n, columns, chunk, threads; } p;
INPUT(0, x)
INPUT(1, gy)
layout(binding = 2) readonly buffer Stats { vec2 stats[]; };
OUTPUT(3, gw)
OUTPUT(4, gb)
#define UNIT(name, k) (WIDE ? name##4[k] : vec4(name[k]))
#define PUT(name, k, v) if (WIDE) name##4[k] = v; else name[k] = (v).x;
void main() {
    uint i = thread();
    if (i >= p.threads) return;
    uint part = i / p.columns, first = part * p.chunk, last = min(first + p.chunk, p.n);
    vec4 product = vec4(0), sum = vec4(0);
    uint at = first * p.columns + i % p.columns;
    for (uint row = first; row < last; row++) {
        vec2 s = stats[row];
        vec4 g = UNIT(gy, at);
        product = fma(g, (UNIT(x, at) - s.x) * s.y, product);
        sum += g;
        at += p.columns;
    }
    PUT(gw, i, product)
    PUT(gb, i, sum)
}
