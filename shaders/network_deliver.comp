#version 450
#extension GL_GOOGLE_include_directive : require
// Spikes arrive: for every neuron on the list, the weights of its edges are added to the sums of their targets, in whole
// numbers. A workgroup takes every groups-th neuron of the list, and of its edges one of `parts` shares. Edges of a neuron begin at start, in quads; those that fill up a
// quad go to a target beyond all neurons.
layout(local_size_x_id = 1) in;
layout(constant_id = 0) const bool COUNTS = false;
layout(push_constant) uniform P { uint here, slot, groups, parts, targets; } p; // here: where the list begins; slot: where its sums begin; targets: padded, of a slot
layout(binding = 0) readonly buffer List { uint list[]; };
layout(binding = 1) readonly buffer Start { uint start[]; };
layout(binding = 2) readonly buffer Target { uvec4 target[]; };
layout(binding = 3) readonly buffer Weight { ivec4 weight[]; }; // with COUNTS two for each quad of edges: low, then high words
layout(binding = 4) buffer Sums { int sums[]; };
void add(uint to, uint low, uint high, uint count) { // a weight of 64 bits, count times
    uint over, product;
    umulExtended(low, count, over, product);
    over += high * count;
    uint before = uint(atomicAdd(sums[p.slot + to], int(product)));
    over += before + product < before ? 1 : 0;
    if (over != 0) atomicAdd(sums[p.slot + p.targets + to], int(over));
}
void main() {
    uint count = list[p.here];
    for (uint a = gl_WorkGroupID.x; a < count; a += p.groups) {
        uint at = p.here + 1 + (COUNTS ? 2 * a : a), neuron = list[at], times = COUNTS ? list[at + 1] : 1;
        uint end = start[neuron + 1];
        for (uint k = start[neuron] + gl_WorkGroupID.y * gl_WorkGroupSize.x + gl_LocalInvocationID.x; k < end; k += p.parts * gl_WorkGroupSize.x) {
            uvec4 to = target[k];
            if (COUNTS) {
                uvec4 low = uvec4(weight[2 * k]), high = uvec4(weight[2 * k + 1]);
                for (uint c = 0; c < 4; c++) add(to[c], low[c], high[c], times);
            } else {
                ivec4 w = weight[k];
                atomicAdd(sums[p.slot + to.x], w.x);
                atomicAdd(sums[p.slot + to.y], w.y);
                atomicAdd(sums[p.slot + to.z], w.z);
                atomicAdd(sums[p.slot + to.w], w.w);
            }
        }
    }
}
