#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// For each of n cells that fire: the sum of the gradients of its spike times, and that of the gradients times their order.
// Spikes `begin` to before `end` of each cell; more than those of one dispatch are added.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool MORE = false;
layout(push_constant) uniform P { uint n, begin, end, width; } p;
layout(binding = 0) readonly buffer G { float gt[]; };       // gradients of the rows, of which the time is the last column
layout(binding = 1) readonly buffer W { uint place[]; };     // the row of each spike
layout(binding = 2) readonly buffer F { uint beginning[]; }; // of each cell's spikes, and their end
layout(binding = 3) readonly buffer C { uint cell[]; };
layout(binding = 4) buffer A { float sum[]; };
layout(binding = 5) buffer B { float weighted[]; };
void main() {
    uint i = thread(), width = p.width;
    if (i >= p.n) return;
    uint at = cell[i], start = beginning[i], end = min(p.end, beginning[i + 1] - start);
    float a = MORE ? sum[at] : 0.0, b = MORE ? weighted[at] : 0.0;
    for (uint k = p.begin; k < end; k++) {
        float g = gt[place[start + k] * width + width - 1];
        a += g;
        b += g * float(k);
    }
    sum[at] = a;
    weighted[at] = b;
}
