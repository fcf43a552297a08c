#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// y[row] = sum of weight[edge] * x[index] over the entries of a row; ONES: x counts as 1. A thread takes a quad (WIDE) or a word
// of a part of a row. PICKED: only where pick[index] is the edge, as the gradient of a maximum wants it.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool WIDE = false;
layout(constant_id = 2) const bool WEIGHTED = false;
layout(constant_id = 3) const bool ONES = false;
layout(constant_id = 4) const bool PICKED = false;
layout(push_constant) uniform P {
    uint n, parts, units, rows, pieces, columns; // units: of a row; pieces: of rows with several parts
    uint per, heads, weights;                    // per: units of a head; weights: words from lead to lead
} p;
INPUT(0, x)
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer C { uint place[]; };
layout(binding = 5) readonly buffer I { uint index[]; };
layout(binding = 6) readonly buffer E { uint edge[]; };
layout(binding = 7) readonly buffer K { uint pick[]; };
layout(binding = 7) readonly buffer K4 { uvec4 pick4[]; };
OUTPUT(8, y)
OUTPUT(9, rest)
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    uint units = p.units, base = part.lead * p.columns * units + part.unit, heads = p.heads;
    uint from = part.lead * p.weights + divided(part.unit, p.per);
    vec4 sum = vec4(0);
    for (uint k = part.begin; k < part.end; k++) {
        uint at = base + index[k] * units, e = WEIGHTED || PICKED ? edge[k] : 0;
        vec4 v = vec4(1);
        if (!ONES) v = WIDE ? x4[at] : vec4(x[at]);
        if (PICKED) v = mix(vec4(0), v, equal(WIDE ? pick4[at] : uvec4(pick[at]), uvec4(e)));
        sum = WEIGHTED ? fma(vec4(weight[from + e * heads]), v, sum) : sum + v;
    }
    bool piece = SPLIT && part.place >= p.rows;
    uint to = (piece ? part.lead * p.pieces + part.place - p.rows : part.lead * p.rows + part.place) * units + part.unit;
    if (piece) {
        if (WIDE) rest4[to] = sum;
        else rest[to] = sum.x;
    } else if (WIDE) y4[to] = sum;
    else y[to] = sum.x;
}
