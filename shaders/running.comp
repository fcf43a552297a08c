#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Running statistics move towards those of a batch by a factor; if it is negative, by 1 over the batches counted. One workgroup.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n; float factor, unbiased; } p;
layout(binding = 0) readonly buffer M { float mean[]; };
layout(binding = 1) readonly buffer V { float var[]; };
layout(binding = 2) buffer RM { float running_mean[]; };
layout(binding = 3) buffer RV { float running_var[]; };
layout(binding = 4) buffer C { int count[]; };
void main() {
    int batches = count[0] + 1;
    float factor = p.factor < 0.0 ? 1.0 / float(batches) : p.factor;
    for (uint i = gl_LocalInvocationID.x; i < p.n; i += 64) {
        running_mean[i] = (1.0 - factor) * running_mean[i] + factor * mean[i];
        running_var[i] = (1.0 - factor) * running_var[i] + factor * (var[i] * p.unbiased);
    }
    barrier();
    if (gl_LocalInvocationID.x == 0) count[0] = batches;
}
