#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// Softmax of the scores of a row's entries, in the order of edges. FUSED: the score is leaky_relu(source[index] + target[row]). A
// thread takes a head of a part of a row. Rows of several parts leave maximum and sum of each, which are joined to `total`;
// then REST finishes them.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool FUSED = false;
layout(constant_id = 2) const bool REST = false;
layout(push_constant) uniform P { uint n, parts, units, rows, pieces, columns, entries; float negative; } p; // units: heads
layout(binding = 0) readonly buffer S { float source[]; }; // or the scores
layout(binding = 1) readonly buffer T { float target[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer C { uint place[]; };
layout(binding = 5) readonly buffer I { uint index[]; };
layout(binding = 6) readonly buffer E { uint edge[]; };
layout(binding = 7) readonly buffer U { vec2 total[]; };
layout(binding = 8) buffer Y { float y[]; };
layout(binding = 9) buffer R { vec2 rest[]; };
uint heads, columns_at, edges_at;
float at_target, negative;
float score(uint k) {
    if (!FUSED) return source[edges_at + edge[k] * heads];
    float v = source[columns_at + index[k] * heads] + at_target;
    return v < 0.0 ? v * negative : v;
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    heads = p.units;
    negative = p.negative;
    columns_at = part.lead * p.columns * heads + part.unit;
    edges_at = part.lead * p.entries * heads + part.unit;
    uint own = (part.lead * p.rows + part.row) * heads + part.unit;
    at_target = FUSED ? target[own] : 0.0;
    bool piece = SPLIT && part.place >= p.rows;
    if (REST && !piece) return;
    vec2 all = vec2(0);
    if (REST) all = total[own];
    else if (part.begin < part.end) {
        all = vec2(score(part.begin), 1.0);
        for (uint k = part.begin + 1; k < part.end; k++) {
            float v = score(k), less = v == all.x ? 1.0 : exp(min(v, all.x) - max(v, all.x)); // they may be infinite
            all = v > all.x ? vec2(v, fma(all.y, less, 1.0)) : vec2(all.x, all.y + less);
        }
    }
    if (piece && !REST) {
        rest[(part.lead * p.pieces + part.place - p.rows) * heads + part.unit] = all;
        return;
    }
    float share = 1.0 / all.y;
    for (uint k = part.begin; k < part.end; k++) y[edges_at + edge[k] * heads] = exp(score(k) - all.x) * share;
}
