#include "divide.glsl"
// What pooling shares: windows of x (planes, h, w), which are those of y (planes, oh, ow). A window is a constant, since loops and
// divisions by what is not known take longer than all else.
layout(local_size_x = 64) in;
layout(constant_id = 0) const int KH = 2;
layout(constant_id = 1) const int KW = 2;
layout(constant_id = 2) const int SH = 2;
layout(constant_id = 3) const int SW = 2;
layout(constant_id = 4) const int PH = 0;
layout(constant_id = 5) const int PW = 0;
layout(constant_id = 6) const int DH = 1;
layout(constant_id = 7) const int DW = 1;
layout(constant_id = 8) const bool PAIRS = false; // 2 by 2 next to each other, in rows of an even length
layout(constant_id = 9) const uint EACH = 4; // or 1, for large windows: a thread's loops are not endless
layout(push_constant) uniform P { uint n; int planes, h, w, oh, ow; uint divisor; } p; // n: threads; the divisor of a mean, or 0
// The windows that an element lies in are at most so many, down and across.
const int MOST_H = ((KH - 1) * DH + SH) / SH, MOST_W = ((KW - 1) * DW + SW) / SW;

// Where an element of (planes, down, across) lies; the next one is `advance`.
struct Place { int plane, row, column; };
Place place(uint i, int down, int across) {
    int line = int(divided(i, uint(across))), plane = int(divided(uint(line), uint(down)));
    return Place(plane, line - plane * down, int(i) - line * across);
}
void advance(inout Place at, int down, int across) {
    if (++at.column < across) return;
    at.column = 0;
    if (++at.row < down) return;
    at.row = 0;
    at.plane = min(at.plane + 1, p.planes - 1);
}
