#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// Where h = x[index] + y[row]: dy[row] = w * sum of g[edge] over the entries of a row with h > 0. SUMS: also
// dw[row] = sum of g[edge] * relu(h), whose sum over rows is the gradient of w. A thread takes a quad (WIDE) or a word of a part
// of a row; parts of long rows go to rest and rest_w.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool WIDE = false;
layout(constant_id = 2) const bool SUMS = false;
layout(push_constant) uniform P { uint n, parts, units, rows, pieces; } p;
INPUT(0, x)
INPUT(1, y)
INPUT(2, w)
layout(binding = 3) readonly buffer G { float g[]; };
layout(binding = 4) readonly buffer A { uint first[]; };
layout(binding = 5) readonly buffer B { uint owner[]; };
layout(binding = 6) readonly buffer C { uint place[]; };
layout(binding = 7) readonly buffer I { uint index[]; };
layout(binding = 8) readonly buffer E { uint edge[]; };
OUTPUT(9, dy)
OUTPUT(10, dw)
OUTPUT(11, rest)
OUTPUT(12, rest_w)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    uint units = p.units, unit = part.unit, at = part.row * units + unit;
    vec4 own = WIDE ? y4[at] : vec4(y[at]), sum = vec4(0), sum_w = vec4(0);
    for (uint k = part.begin; k < part.end; k++) {
        uint from = index[k] * units + unit;
        vec4 h = own + (WIDE ? x4[from] : vec4(x[from])), s = vec4(g[edge[k]]);
        sum += mix(vec4(0), s, greaterThan(h, vec4(0)));
        if (SUMS) sum_w = fma(s, mix(h, vec4(0), lessThan(h, vec4(0))), sum_w);
    }
    sum *= WIDE ? w4[unit] : vec4(w[unit]);
    bool piece = SPLIT && part.place >= p.rows;
    uint to = (piece ? part.place - p.rows : part.place) * units + unit;
    if (WIDE) {
        if (piece) rest4[to] = sum;
        else dy4[to] = sum;
        if (SUMS) {
            if (piece) rest_w4[to] = sum_w;
            else dw4[to] = sum_w;
        }
    } else {
        if (piece) rest[to] = sum.x;
        else dy[to] = sum.x;
        if (SUMS) {
            if (piece) rest_w[to] = sum_w.x;
            else dw[to] = sum_w.x;
        }
    }
}
