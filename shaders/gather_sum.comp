#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx of gather along the chains of picks, `most` of each: rest is where to go on. WIDE takes four columns at a time (inner
// divisible by 4).
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool EACH = false;
layout(constant_id = 1) const bool MORE = false; // adds to what is there
layout(constant_id = 2) const bool WIDE = false;
layout(push_constant) uniform P { uint n, rows, picks, inner, most; } p; // inner: quads if WIDE
INPUT(0, gy)
layout(binding = 1) readonly buffer N { uint next[]; };
layout(binding = 2) readonly buffer S { uint start[]; };
layout(binding = 3) buffer R { uint rest[]; };
OUTPUT(4, gx)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint place = i / p.inner, outer = place / p.rows, row = EACH ? i : place - outer * p.rows, column = i - place * p.inner;
    uint k = start[row];
    vec4 sum = !MORE ? vec4(0) : WIDE ? gx4[i] : vec4(gx[i]);
    for (uint left = p.most; k > 0 && left > 0; left--) {
        uint at = EACH ? k - 1 : (outer * p.picks + k - 1) * p.inner + column;
        sum += WIDE ? gy4[at] : vec4(gy[at]);
        k = next[k - 1];
    }
    if (WIDE) gx4[i] = sum;
    else gx[i] = sum.x;
    if (EACH || (outer == 0 && column == 0)) rest[row] = k;
}
