#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Chains the picks of each row, so that gather_backward need not look for them: next[k] is the pick after k with the same
// row, plus 1, or 0. A thread goes backwards through a chunk of the picks, and writes heads and tails of chains of its own.
// With EACH, every element of x is a row.
layout(local_size_x = 8) in;
layout(constant_id = 0) const bool EACH = false;
layout(push_constant) uniform P { uint n, rows, size, inner, count, chunk, per; } p; // count: picks, per: picks times inner
layout(binding = 0) readonly buffer I { int index[]; };
layout(binding = 1) buffer H { uint head[]; };
layout(binding = 2) buffer T { uint tail[]; };
layout(binding = 3) buffer N { uint next[]; };
void main() {
    uint b = thread();
    if (b >= p.n) return;
    for (uint k = min((b + 1) * p.chunk, p.count), first = b * p.chunk; k-- > first;) {
        int j = index[k];
        uint row = uint(j < 0 ? j + int(p.rows) : j);
        if (EACH) row = (k / p.per * p.rows + row) * p.inner + k % p.inner;
        row += b * p.size;
        uint old = head[row];
        next[k] = old;
        if (old == 0) tail[row] = k;
        head[row] = k + 1;
    }
}
