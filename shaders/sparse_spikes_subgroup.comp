#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// sparse_spikes.glsl for CPU devices: each lane reads an entry, and they hand them round.
#define TAKEN LANES
#define TAKE(k, stop, block, mine) { \
    uvec4 bits = uvec4(0); \
    float w = 0.0; \
    if (k + mine < stop) { \
        bits = words_of(index[k + mine], block); \
        if (WEIGHTED) w = weight[SORTED ? k + mine : edge[k + mine]]; \
    } \
    uint lane = gl_SubgroupInvocationID & ~(LANES - 1); \
    [[unroll]] for (uint s = 0; s < LANES; s++) { \
        uvec4 now = uvec4(0); \
        [[unroll]] for (uint u = 0; u < EACH; u++) now[u] = subgroupShuffle(bits[u], lane + s); \
        add(now, WEIGHTED ? subgroupShuffle(w, lane + s) : 1.0, mine); \
    } \
}
#include "sparse_spikes.glsl"
#include "spread.glsl"
void main() {
    uint lane = gl_SubgroupInvocationID, line = spread_group(p.spread) * (gl_WorkGroupSize.x / LANES) + lane / LANES;
    spikes(min(line, p.n - 1), lane % LANES, line < p.n);
}
