#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// The largest (MIN: smallest) weight[edge] * x[index] of the entries of a row, and its edge, the first of equal ones. A row without
// entries gets 0 and no edge. A thread takes a quad (WIDE) or a word.
layout(local_size_x = 64) in;
layout(constant_id = 1) const bool WEIGHTED = false;
layout(constant_id = 2) const bool MIN = false;
layout(constant_id = 3) const bool WIDE = false;
layout(push_constant) uniform P { uint n, parts, units, rows, pieces, columns; } p;
INPUT(0, x)
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer C { uint place[]; };
layout(binding = 5) readonly buffer I { uint index[]; };
layout(binding = 6) readonly buffer E { uint edge[]; };
OUTPUT(7, y)
layout(binding = 8) buffer K { uint pick[]; };
layout(binding = 8) buffer K4 { uvec4 pick4[]; };
OUTPUT(9, rest)
layout(binding = 10) buffer L { uint rest_pick[]; };
layout(binding = 10) buffer L4 { uvec4 rest_pick4[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    PART(part, i)
    uint units = p.units, base = part.lead * p.columns * units + part.unit;
    vec4 best = vec4(0);
    uvec4 found = uvec4(NONE);
    for (uint k = part.begin; k < part.end; k++) {
        uint e = edge[k], at = base + index[k] * units;
        vec4 v = WIDE ? x4[at] : vec4(x[at]);
        if (WEIGHTED) v *= weight[e];
        uvec4 better = uvec4(MIN ? lessThan(v, best) : greaterThan(v, best)) | uvec4(isnan(v)) | uvec4(k == part.begin ? 1u : 0u);
        best = mix(best, v, notEqual(better, uvec4(0)));
        found = mix(found, uvec4(e), notEqual(better, uvec4(0)));
    }
    bool piece = SPLIT && part.place >= p.rows;
    uint to = (piece ? part.lead * p.pieces + part.place - p.rows : part.lead * p.rows + part.place) * units + part.unit;
    if (piece) {
        if (WIDE) { rest4[to] = best; rest_pick4[to] = found; }
        else { rest[to] = best.x; rest_pick[to] = found.x; }
    } else if (WIDE) { y4[to] = best; pick4[to] = found; }
    else { y[to] = best.x; pick[to] = found.x; }
}
