#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// The rows that have several parts: their sums. The parts of row long_row[k] are the pieces long_first[k] to long_first[k + 1].
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, count, units, rows, pieces; } p; // count: of such rows
layout(binding = 0) readonly buffer R { float rest[]; };
layout(binding = 1) readonly buffer A { uint long_first[]; };
layout(binding = 2) readonly buffer B { uint long_row[]; };
layout(binding = 3) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint units = p.units, line = divided(i, units), lead = divided(line, p.count), k = line - lead * p.count, unit = i - line * units;
    float sum = 0.0;
    for (uint j = long_first[k]; j < long_first[k + 1]; j++) sum += rest[(lead * p.pieces + j) * units + unit];
    y[(lead * p.rows + long_row[k]) * units + unit] = sum;
}
