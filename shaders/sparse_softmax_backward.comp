#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// The gradient of sparse_softmax for the scores: a (g - sum of a g), in the order of edges; FUSED: times the slope of the leaky relu.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool FUSED = false;
layout(constant_id = 2) const bool REST = false;
layout(push_constant) uniform P { uint n, parts, units, rows, pieces, columns, entries; float negative; } p;
layout(binding = 0) readonly buffer S { float source[]; };
layout(binding = 1) readonly buffer T { float target[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer C { uint place[]; };
layout(binding = 5) readonly buffer I { uint index[]; };
layout(binding = 6) readonly buffer E { uint edge[]; };
layout(binding = 7) readonly buffer U { float total[]; };
layout(binding = 8) readonly buffer V { float a[]; };
layout(binding = 9) readonly buffer G { float g[]; };
layout(binding = 10) buffer Y { float gs[]; };
layout(binding = 11) buffer R { float rest[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    uint heads = p.units, columns_at = part.lead * p.columns * heads + part.unit;
    uint edges_at = part.lead * p.entries * heads + part.unit, own = (part.lead * p.rows + part.row) * heads + part.unit;
    float at_target = FUSED ? target[own] : 0.0, negative = p.negative, sum = 0.0;
    bool piece = SPLIT && part.place >= p.rows;
    if (REST && !piece) return;
    if (REST) sum = total[own];
    else for (uint k = part.begin; k < part.end; k++) {
        uint at = edges_at + edge[k] * heads;
        sum = fma(a[at], g[at], sum);
    }
    if (piece && !REST) {
        rest[(part.lead * p.pieces + part.place - p.rows) * heads + part.unit] = sum;
        return;
    }
    for (uint k = part.begin; k < part.end; k++) {
        uint at = edges_at + edge[k] * heads;
        float v = a[at] * (g[at] - sum);
        if (FUSED) v *= source[columns_at + index[k] * heads] + at_target < 0.0 ? negative : 1.0;
        gs[at] = v;
    }
}
