#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// The gradient of weights: gw[edge, head] = sum of g[row] * x[index] over the units of a head, and over `leads` leads. ONES: x
// counts as 1. PICKED: only where pick[row] is the edge.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(constant_id = 1) const bool ONES = false;
layout(constant_id = 2) const bool PICKED = false;
layout(constant_id = 3) const bool ADD = false; // to what is there
layout(push_constant) uniform P {
    uint n, entries, heads, rows, columns, units, per, lead0, leads, begin, end; // begin, end: among the units of a head
} p;
INPUT(0, g)
INPUT(1, x)
layout(binding = 2) readonly buffer K { uint pick[]; };
layout(binding = 2) readonly buffer K4 { uvec4 pick4[]; };
layout(binding = 3) readonly buffer R { uint row[]; };
layout(binding = 4) readonly buffer I { uint index[]; };
layout(binding = 5) readonly buffer E { uint edge[]; };
layout(binding = 6) buffer GW { float gw[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint line = divided(i, p.heads), head = i - line * p.heads, own = divided(line, p.entries), k = line - own * p.entries;
    uint e = edge[k], units = p.units, high = p.rows * units, far = p.columns * units, begin = p.begin, end = p.end;
    uint leads = p.leads, lead = own + p.lead0, to = (own * p.entries + e) * p.heads + head;
    uint a0 = (lead * p.rows + row[k]) * units + head * p.per, b0 = (lead * p.columns + index[k]) * units + head * p.per;
    vec4 sum = vec4(0);
    for (uint l = 0; l < leads; l++, a0 += high, b0 += far)
        for (uint c = begin; c < end; c++) {
            vec4 v = WIDE ? g4[a0 + c] : vec4(g[a0 + c], 0, 0, 0);
            if (PICKED) v = mix(vec4(0), v, equal(WIDE ? pick4[a0 + c] : uvec4(pick[a0 + c]), uvec4(e)));
            sum = ONES ? sum + v : fma(v, WIDE ? x4[b0 + c] : vec4(x[b0 + c], 0, 0, 0), sum);
        }
    float total = WIDE ? (sum.x + sum.y) + (sum.z + sum.w) : sum.x;
    gw[to] = ADD ? gw[to] + total : total;
}
