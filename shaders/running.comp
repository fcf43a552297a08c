#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Running statistics of some steps, from step `first`, move towards those of a batch by a factor; if it is negative, by 1 over
// the batches counted. One workgroup.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, channels, first; float factor, unbiased; } p; // n: steps * channels
layout(binding = 0) readonly buffer M { float mean[]; };
layout(binding = 1) readonly buffer V { float var[]; };
layout(binding = 2) buffer RM { float running_mean[]; };
layout(binding = 3) buffer RV { float running_var[]; };
layout(binding = 4) buffer C { int count[]; };
void main() {
    uint before = p.first * p.channels, steps = p.n / p.channels;
    for (uint i = gl_LocalInvocationID.x; i < p.n; i += 64) {
        float factor = p.factor < 0.0 ? 1.0 / float(count[p.first + i / p.channels] + 1) : p.factor;
        uint at = before + i;
        running_mean[at] = (1.0 - factor) * running_mean[at] + factor * mean[i];
        running_var[at] = (1.0 - factor) * running_var[at] + factor * (var[i] * p.unbiased);
    }
    barrier();
    for (uint i = gl_LocalInvocationID.x; i < steps; i += 64) count[p.first + i] += 1;
}
