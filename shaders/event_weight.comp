#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Gradients of the weights: -tau_s times the sum over samples and spikes of li, (units, inputs); with ADD, added to those of
// the samples before. A thread takes a weight.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool ADD = false;
layout(push_constant) uniform P { uint n, units, inputs, each, samples, first; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Li { float li[]; };
layout(binding = 2) readonly buffer Syn { float tau_syn[]; };
layout(binding = 3) buffer Gw { float gw[]; };
#define INFINITY uintBitsToFloat(0x7F800000u)
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint source = k / p.units, unit = k - source * p.units, slots = p.inputs * p.each;
    float sum = 0.0;
    for (uint s = 0; s < p.samples; s++) {
        for (uint j = 0; j < p.each; j++) {
            uint at = source * p.each + j;
            if (x[(p.first + s) * slots + at] < INFINITY) sum += li[(s * slots + at) * p.units + unit];
        }
    }
    uint to = unit * p.inputs + source;
    gw[to] = -tau_syn[0] * sum + (ADD ? gw[to] : 0.0);
}
