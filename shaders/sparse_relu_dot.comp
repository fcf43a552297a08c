#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// z[edge] = sum of w * relu(x[index] + y[row]) over units begin to end. A thread takes an entry.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false; // units are quads
layout(constant_id = 1) const bool ADD = false;  // to what is there
layout(push_constant) uniform P { uint n, units, begin, end; } p;
INPUT(0, x)
INPUT(1, y)
INPUT(2, w)
layout(binding = 3) readonly buffer R { uint row[]; };
layout(binding = 4) readonly buffer I { uint index[]; };
layout(binding = 5) readonly buffer E { uint edge[]; };
layout(binding = 6) buffer Z { float z[]; };
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint to = edge[k], a = row[k] * p.units, b = index[k] * p.units, begin = p.begin, end = p.end;
    vec4 sum = vec4(0);
    for (uint c = begin; c < end; c++) {
        vec4 v = WIDE ? x4[b + c] + y4[a + c] : vec4(x[b + c] + y[a + c], 0, 0, 0);
        sum = fma(WIDE ? w4[c] : vec4(w[c], 0, 0, 0), mix(v, vec4(0), lessThan(v, vec4(0))), sum);
    }
    float total = WIDE ? (sum.x + sum.y) + (sum.z + sum.w) : sum.x;
    z[to] = ADD ? z[to] + total : total;
}
