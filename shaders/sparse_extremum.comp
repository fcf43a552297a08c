#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// The largest (MIN: smallest) weight[edge] * x[index] of the entries of a row, and its edge, the first of equal ones. A row without
// entries gets 0 and no edge.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool WEIGHTED = false;
layout(constant_id = 2) const bool MIN = false;
layout(push_constant) uniform P { uint n, parts, units, rows, pieces, columns; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer C { uint place[]; };
layout(binding = 5) readonly buffer I { uint index[]; };
layout(binding = 6) readonly buffer E { uint edge[]; };
layout(binding = 7) buffer Y { float y[]; };
layout(binding = 8) buffer K { uint pick[]; };
layout(binding = 9) buffer R { float rest[]; };
layout(binding = 10) buffer L { uint rest_pick[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    uint units = p.units, base = part.lead * p.columns * units + part.unit, found = NONE;
    float best = 0.0;
    for (uint k = part.begin; k < part.end; k++) {
        uint e = edge[k];
        float v = x[base + index[k] * units];
        if (WEIGHTED) v *= weight[e];
        if (found == NONE || (MIN ? v < best : v > best) || isnan(v)) { best = v; found = e; }
    }
    bool piece = SPLIT && part.place >= p.rows;
    uint to = (piece ? part.lead * p.pieces + part.place - p.rows : part.lead * p.rows + part.place) * units + part.unit;
    if (piece) { rest[to] = best; rest_pick[to] = found; }
    else { y[to] = best; pick[to] = found; }
}
