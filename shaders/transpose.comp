#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y (batch, columns, rows) = x (batch, rows, columns), both counted in quads of four words. A thread turns 4 by 4 words, a
// workgroup 32 by 32: what it reads and writes are whole lines of a cache.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, rows, columns; } p; // n: tiles
layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) buffer Y { uvec4 y[]; };
void main() {
    uint tile = thread() / 64, at = thread() % 64;
    uint across = (p.columns + 7) / 8, down = (p.rows + 7) / 8;
    uint c = tile % across * 8 + at % 8, r = tile / across % down * 8 + at / 8, batch = tile / (across * down);
    if (tile >= p.n || c >= p.columns || r >= p.rows) return;
    uint from = (batch * p.rows + r) * 4 * p.columns + c, to = (batch * p.columns + c) * 4 * p.rows + r;
    uvec4 v0 = x[from], v1 = x[from + p.columns], v2 = x[from + 2 * p.columns], v3 = x[from + 3 * p.columns];
    y[to] = uvec4(v0.x, v1.x, v2.x, v3.x);
    y[to + p.rows] = uvec4(v0.y, v1.y, v2.y, v3.y);
    y[to + 2 * p.rows] = uvec4(v0.z, v1.z, v2.z, v3.z);
    y[to + 3 * p.rows] = uvec4(v0.w, v1.w, v2.w, v3.w);
}
