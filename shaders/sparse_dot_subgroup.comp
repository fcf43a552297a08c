#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
#include "spread.glsl"
// sparse_dot for CPU devices: LANES lanes share a part of a row, of which each reads EACH quads at a time for LANES entries.
layout(local_size_x_id = 1) in;
layout(constant_id = 2) const uint LANES = 8;
layout(constant_id = 3) const uint EACH = 2;
layout(constant_id = 4) const bool SORTED = false; // entry k is edge k
layout(constant_id = 5) const bool ADD = false;    // to what is there
layout(constant_id = 6) const uint AHEAD = 0; // lines of each row of x that lanes touch together, so that misses of the cache overlap
layout(push_constant) uniform P {
    uint n, parts, rows, columns, entries, heads, quads, lead0, leads, spread; // n: parts of all heads, of all leads of the weight
} p;
QUADS_IN(0, g)
QUADS_IN(1, x)
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer B { uint owner[]; };
layout(binding = 4) readonly buffer I { uint index[]; };
layout(binding = 5) readonly buffer E { uint edge[]; };
layout(binding = 6) buffer GW { float gw[]; };
void main() {
    uint lane = gl_SubgroupInvocationID, mine = lane % LANES, team = lane & ~(LANES - 1);
    uint line = spread_group(p.spread) * (gl_WorkGroupSize.x / LANES) + lane / LANES;
    bool here = line < p.n;
    line = min(line, p.n - 1);
    uint above = divided(line, p.parts), part = line - above * p.parts, own = divided(above, p.heads), head = above - own * p.heads;
    uint begin = first[part], end = here ? first[part + 1] : begin, row = SPLIT ? owner[part] : part;
    uint quads = p.quads, heads = p.heads, stride = heads * quads, high = p.rows * stride, far = p.columns * stride;
    uint lead = own + p.lead0, g0 = lead * high + row * stride + head * quads, x0 = lead * far + head * quads, leads = p.leads;
    uint to = own * p.entries * heads + head;
    float touched = 0.0;
    for (uint k = begin; k < end; k += LANES) {
        bool mine_too = k + mine < end;
        uint at = 0, e = k + mine;
        if (mine_too) {
            at = index[k + mine] * stride;
            [[unroll]] for (uint t = 0; t < AHEAD; t++) touched += x[x0 + at + min(4 * t, quads - 1)].x;
        }
        float total = 0.0;
        for (uint l = 0; l < leads; l++) {
            for (uint q = 0; q < quads; q += LANES * EACH) {
                vec4 mul[EACH];
                uint place[EACH];
                [[unroll]] for (uint u = 0; u < EACH; u++) {
                    uint quad = q + u * LANES + mine;
                    place[u] = min(quad, quads - 1);
                    vec4 v = g[g0 + l * high + place[u]];
                    mul[u] = quad < quads ? v : vec4(0);
                    place[u] += x0 + l * far;
                }
                uint count = min(end - k, LANES), from = at;
                for (uint s = 0; s < count; s++) {
                    uint now = subgroupShuffle(from, team);
                    vec4 sum = vec4(0);
                    [[unroll]] for (uint u = 0; u < EACH; u++) sum = fma(mul[u], x[now + place[u]], sum);
                    float one = (sum.x + sum.y) + (sum.z + sum.w);
                    [[unroll]] for (uint apart = LANES / 2; apart > 0; apart /= 2)
                        one += subgroupShuffle(one, team + (mine ^ apart));
                    if (mine == s) total += one;
                    from = subgroupShuffle(from, team + (lane + 1) % LANES);
                }
            }
        }
        if (mine_too) {
            if (!SORTED) e = edge[e];
            e = to + e * heads;
            gw[e] = ADD ? gw[e] + total : total;
        }
    }
    if (!here && touched != 0.0) gw[0] = touched; // never: there are no entries
}
