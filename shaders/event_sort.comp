#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The spikes of a sample in order of time: of x (rows, slots), with +inf where there is none, the finite times ascending as
// `time`, where each stood as `slot` (ties in that order), and how many there are as `found`. A workgroup sorts a row, in
// steps of a bitonic network. Of more than `room` spikes, a power of 2, only the number is found. `problem` is the number of a row,
// from 1, with NaN or a time below 0.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint rows, slots, room; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) coherent buffer Time { float time[]; };
layout(binding = 2) coherent buffer Slot { uint slot[]; };
layout(binding = 3) buffer Found { uint found[]; };
layout(binding = 4) buffer Summary { uint summary[]; }; // most spikes of a sample, a row with a problem, ...
#define INFINITY uintBitsToFloat(0x7F800000u)
shared uint count;
void main() {
    uint row = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, me = gl_LocalInvocationID.x;
    if (row >= p.rows) return;
    uint first = row * p.slots, base = row * p.room;
    if (me == 0) count = 0;
    barrier();
    for (uint k = me; k < p.slots; k += gl_WorkGroupSize.x) {
        float t = x[first + k];
        if (!(t >= 0.0)) atomicMax(summary[1], row + 1);
        if (t < INFINITY) {
            uint at = atomicAdd(count, 1);
            if (at < p.room) {
                time[base + at] = t;
                slot[base + at] = k;
            }
        }
    }
    barrier();
    uint n = count, padded = 1;
    if (me == 0) {
        found[row] = n;
        atomicMax(summary[0], n);
    }
    if (n > p.room) return;
    while (padded < n) padded *= 2;
    for (uint k = n + me; k < padded; k += gl_WorkGroupSize.x) {
        time[base + k] = INFINITY;
        slot[base + k] = 0xFFFFFFFFu;
    }
    for (uint size = 2; size <= padded; size *= 2) {
        for (uint apart = size / 2; apart > 0; apart /= 2) {
            memoryBarrierBuffer();
            barrier();
            for (uint k = me; k < padded / 2; k += gl_WorkGroupSize.x) {
                uint low = base + 2 * k - (k & (apart - 1)), high = low + apart;
                float s = time[low], t = time[high];
                uint u = slot[low], v = slot[high];
                bool up = ((2 * k - (k & (apart - 1))) & size) == 0, swapped = s > t || (s == t && u > v);
                if (swapped == up) {
                    time[low] = t;
                    time[high] = s;
                    slot[low] = v;
                    slot[high] = u;
                }
            }
        }
    }
}
