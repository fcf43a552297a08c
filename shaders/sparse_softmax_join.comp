#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// Maximum and sum of exponentials of the rows that have several parts: see sparse_join.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, count, units, rows, pieces; } p;
layout(binding = 0) readonly buffer R { vec2 rest[]; };
layout(binding = 1) readonly buffer A { uint long_first[]; };
layout(binding = 2) readonly buffer B { uint long_row[]; };
layout(binding = 3) buffer Y { vec2 total[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint units = p.units, line = divided(i, units), lead = divided(line, p.count), k = line - lead * p.count, unit = i - line * units;
    uint begin = long_first[k], from = (lead * p.pieces + begin) * units + unit;
    vec2 all = rest[from];
    for (uint j = begin + 1; j < long_first[k + 1]; j++) {
        from += units;
        vec2 v = rest[from];
        float top = max(all.x, v.x);
        all = vec2(top, all.y * (all.x == top ? 1.0 : exp(all.x - top)) + v.y * (v.x == top ? 1.0 : exp(v.x - top)));
    }
    total[(lead * p.rows + long_row[k]) * units + unit] = all;
}
