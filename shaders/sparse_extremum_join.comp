#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// The rows that have several parts: see sparse_join.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool MIN = false;
layout(push_constant) uniform P { uint n, count, units, rows, pieces; } p;
layout(binding = 0) readonly buffer R { float rest[]; };
layout(binding = 1) readonly buffer L { uint rest_pick[]; };
layout(binding = 2) readonly buffer A { uint long_first[]; };
layout(binding = 3) readonly buffer B { uint long_row[]; };
layout(binding = 4) buffer Y { float y[]; };
layout(binding = 5) buffer K { uint pick[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint units = p.units, line = divided(i, units), lead = divided(line, p.count), k = line - lead * p.count, unit = i - line * units;
    uint begin = long_first[k], from = (lead * p.pieces + begin) * units + unit, found = rest_pick[from];
    float best = rest[from];
    for (uint j = begin + 1; j < long_first[k + 1]; j++) {
        from += units;
        float v = rest[from];
        if ((MIN ? v < best : v > best) || isnan(v)) { best = v; found = rest_pick[from]; }
    }
    uint to = (lead * p.rows + long_row[k]) * units + unit;
    y[to] = best;
    pick[to] = found;
}
