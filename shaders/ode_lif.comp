#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x_id = 3) in;
layout(constant_id = 0) const bool FUSED = true;
layout(constant_id = 1) const bool KEEP = false; // v at the beginning of each interval, for times and gradients
layout(constant_id = 2) const bool LISTED = false; // only the neurons on the list
#define SIZES uint n, first, last, from, stride;
#include "ode_lif.glsl"
// Intervals `first` to before `last` of n leaky neurons: counts (T, n), and the voltage v (n), which is changed in place.
// Currents and voltages are pairs of floats. A thread takes every `stride`-th neuron; `from` is the row where the currents begin.
layout(binding = 0) readonly buffer I0 { float current0[]; };
layout(binding = 1) readonly buffer I1 { float current1[]; };
layout(binding = 2) buffer V0 { float v0[]; };
layout(binding = 3) buffer V1 { float v1[]; };
layout(binding = 4) buffer S0 { float start0[]; };
layout(binding = 5) buffer S1 { float start1[]; };
layout(binding = 6) buffer N { float counts[]; };
layout(binding = 7) readonly buffer L { uint list[]; };
layout(binding = 8) readonly buffer M { uint listed[]; };
void main() {
    uint n = p.n, first = p.first, last = p.last, from = p.from, most = LISTED ? listed[0] : n, stride = p.stride;
    for (uint place = thread(); place < most; place += stride) {
        uint i = LISTED ? list[place] : place;
        vec2 v = vec2(v0[i], v1[i]);
        for (uint t = first; t < last; t++) {
            uint at = t * n + i, row = (t - from) * n + place;
            if (KEEP) {
                start0[at] = v.x;
                start1[at] = v.y;
            }
            Cell c = cell_of(vec2(current0[row], current1[row]), v);
            float count;
            v = next_of(c, count);
            counts[at] = count;
        }
        v0[i] = v.x;
        v1[i] = v.y;
    }
}
