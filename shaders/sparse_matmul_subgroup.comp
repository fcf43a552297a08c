#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
#include "spread.glsl"
// sparse_matmul for CPU devices, where each load of a lane is a round of a loop: LANES lanes share a part of a row, each with EACH
// quads of it. They load LANES entries together and hand them round.
layout(local_size_x_id = 1) in;
layout(constant_id = 2) const uint LANES = 8;
layout(constant_id = 3) const uint EACH = 2;
layout(constant_id = 4) const bool SORTED = false; // entry k is edge k
layout(constant_id = 5) const bool WIDE = true; // rows of y are whole quads
layout(constant_id = 6) const bool WEIGHTED = false;
layout(constant_id = 7) const uint AHEAD = 0; // lines of each row that lanes touch together, so that misses of the cache overlap
layout(push_constant) uniform P {
    uint n, parts, rows, pieces, columns, blocks; // n: parts of all blocks and leads; blocks: of a row
    uint per, quads, width, heads, weights, spread;       // per: blocks of a head; quads, width: of a head in x, and words of it in y
} p;
QUADS_IN(0, x)
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer C { uint place[]; };
layout(binding = 4) readonly buffer I { uint index[]; };
layout(binding = 5) readonly buffer E { uint edge[]; };
OUTPUT(6, y)
OUTPUT(7, rest)
void main() {
    uint lane = gl_SubgroupInvocationID, mine = lane % LANES;
    uint line = spread_group(p.spread) * (gl_WorkGroupSize.x / LANES) + lane / LANES;
    bool inside = line < p.n;
    line = min(line, p.n - 1);
    uint above = divided(line, p.parts), part = line - above * p.parts, lead = divided(above, p.blocks), block = above - lead * p.blocks;
    uint head = divided(block, p.per), quad0 = (block - head * p.per) * LANES * EACH + mine, quads = p.quads, heads = p.heads;
    uint begin = first[part], end = inside ? first[part + 1] : begin, to = SPLIT ? place[part] : part;
    uint stride = heads * quads, base = lead * p.columns * stride + head * quads, from = lead * p.weights + head;
    uint at[EACH];
    for (uint u = 0; u < EACH; u++) at[u] = base + min(quad0 + u * LANES, quads - 1);
    float touched = 0.0;
    uint following = (lane & ~(LANES - 1)) + (lane + 1) % LANES;
    vec4 sum[EACH];
    for (uint u = 0; u < EACH; u++) sum[u] = vec4(0);
    for (uint k = begin; k < end; k += LANES) {
        uint row = 0;
        float w = 1.0;
        if (k + mine < end) {
            row = index[k + mine] * stride;
            if (WEIGHTED) w = weight[from + (SORTED ? k + mine : edge[k + mine]) * heads];
            [[unroll]] for (uint t = 0; t < AHEAD; t++)
                touched += x[row + base + min(quad0 - mine + 4 * t, quads - 1)].x;
        }
        for (uint left = min(end - k, LANES); left > 0; left--) {
            uint now = subgroupShuffle(row, lane & ~(LANES - 1));
            float v = WEIGHTED ? subgroupShuffle(w, lane & ~(LANES - 1)) : 1.0;
            [[unroll]] for (uint u = 0; u < EACH; u++)
                sum[u] = WEIGHTED ? fma(vec4(v), x[now + at[u]], sum[u]) : sum[u] + x[now + at[u]];
            row = subgroupShuffle(row, following);
            if (WEIGHTED) w = subgroupShuffle(w, following);
        }
    }
    if (!inside) {
        if (touched != 0.0) y[0] = touched; // never: there are no entries
        return;
    }
    bool piece = SPLIT && to >= p.rows;
    uint start = (piece ? lead * p.pieces + to - p.rows : lead * p.rows + to) * heads + head;
    for (uint u = 0; u < EACH; u++) {
        uint quad = quad0 + u * LANES;
        if (quad >= quads) continue;
        if (WIDE) {
            if (piece) rest4[start * quads + quad] = sum[u];
            else y4[start * quads + quad] = sum[u];
        } else for (uint c = 0; c < 4; c++)
            if (4 * quad + c < p.width) {
                if (piece) rest[start * p.width + 4 * quad + c] = sum[u][c];
                else y[start * p.width + 4 * quad + c] = sum[u][c];
            }
    }
}
