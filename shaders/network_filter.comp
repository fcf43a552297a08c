#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "network.glsl"
// A step of neurons that see filtered spikes: g = gain * sum of kernel[lag] * arrived(lag) + sum of own[lag] * spiked(lag) + b + stimulus,
// mean = height * f(slope * g + offset), and spikes are drawn with that mean.
const uint SIGMOID = 0, EXP = 1, RELU = 2, SOFTPLUS = 3;
layout(constant_id = 4) const uint WINDOW = 1; // steps that the kernel reaches back
layout(constant_id = 5) const uint OWN = 0;    // steps that a neuron's own spikes reach back
layout(constant_id = 6) const uint RESPONSE = 0;
layout(constant_id = 7) const uint REACH = 0xffffffffu; // neurons below it see their own spikes
layout(constant_id = 8) const float UNIT = 1.0;         // counts are multiplied with it, and cut off to whole numbers
layout(binding = 9) readonly buffer Kernels { float kernels[]; }; // (WINDOW + OWN)
layout(binding = 10) buffer History { uvec4 history[]; };         // (OWN in words, quads): bit k is the spike k steps ago
void main() {
    uint q = thread();
    if (q >= p.quads) return;
    vec4 sum = vec4(0);
    for (uint lag = 0; lag < WINDOW; lag++) {
        uint slot = p.slot + p.slots - 1 - lag;
        if (slot >= p.slots) slot -= p.slots;
        sum = fma(vec4(kernels[lag]), arrived(slot, q), sum);
    }
    sum *= scale[q] * constant(0, q);
    for (uint word = 0; word < (OWN + 31) / 32; word++) {
        uvec4 bits = history[word * p.quads + q];
        if (bits != uvec4(0))
            for (uint k = 0; k < min(OWN - 32 * word, 32u); k++)
                sum = fma(vec4(kernels[WINDOW + 32 * word + k]), vec4((bits >> k) & 1u), sum);
    }
    vec4 g = sum + constant(1, q) + stimulus(q), z = constant(2, q) * g + constant(3, q);
    vec4 mean = constant(4, q) * (RESPONSE == SIGMOID ? 1.0 / (1.0 + exp(-z)) : RESPONSE == EXP ? exp(z) :
        RESPONSE == RELU ? mix(z, vec4(0), lessThan(z, vec4(0))) : max(z, vec4(0)) + log(1.0 + exp(-abs(z))));
    uvec4 spikes = drawn(mean, chance(q), q);
    if (UNIT != 1.0) spikes = uvec4(vec4(spikes) * UNIT);
    clear(p.slot, q);
    uvec4 carry = uvec4(greaterThan(spikes, uvec4(0))) * uvec4(lessThan(uvec4(4 * q) + uvec4(0, 1, 2, 3), uvec4(REACH)));
    for (uint word = 0; word < (OWN + 31) / 32; word++) {
        uvec4 bits = history[word * p.quads + q];
        history[word * p.quads + q] = bits << 1 | carry;
        carry = bits >> 31;
    }
    send(q, spikes);
}
