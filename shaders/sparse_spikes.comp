#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
#include "sparse.glsl"
// sparse_spikes.glsl for GPUs: threads of a row read the same entry and the same words, which is one access of a subgroup.
#define TAKEN 1
#define TAKE(k, stop, block, mine) add(words_of(index[k], block), WEIGHTED ? weight[SORTED ? k : edge[k]] : 1.0, mine);
#include "sparse_spikes.glsl"
void main() {
    uint i = thread(), line = i / LANES;
    if (line < p.n) spikes(line, i % LANES, true);
}
