#include "divide.glsl"
// What convolutions of a few channels share: all taps of a kernel are constants, and a thread takes HIGH quads of the output,
// one below the other. Of the rows of x that they see, each is read once. Rows of x are whole quads.
layout(local_size_x = 64) in;
layout(constant_id = 0) const int KH = 3;
layout(constant_id = 1) const int TAPS = 3; // kernel columns
layout(constant_id = 2) const int SH = 1;
layout(constant_id = 3) const int SW = 1;
layout(constant_id = 4) const int PW = 0;
layout(constant_id = 5) const int DH = 1;
layout(constant_id = 6) const int DW = 1;
layout(constant_id = 7) const int HIGH = 4;
QUADS_IN(0, x)
const int SHIFT = (-PW) & 3, LOADS = (SHIFT + (TAPS - 1) * DW + 3 * SW) / 4 + 1, SPAN = (HIGH - 1) * SH + (KH - 1) * DH + 1;

// A row of x, from quad `left` on, with 0 outside; `start` is where its image begins.
#define LOAD_ROW(v, start, y, left) \
    vec4 v[LOADS]; \
    [[unroll]] for (int q = 0; q < LOADS; q++) { \
        bool inside = (y) >= 0 && (y) < h && (left) + q >= 0 && (left) + q < wide; \
        vec4 value = x[inside ? (start) + (y) * wide + (left) + q : 0]; \
        v[q] = inside ? value : vec4(0); \
    }
// What the tap t of four windows sees.
#define CUT(e, v, t) \
    vec4 e; \
    [[unroll]] for (int q = 0; q < 4; q++) e[q] = v[(SHIFT + (t) * DW + q * SW) / 4][(SHIFT + (t) * DW + q * SW) % 4];
