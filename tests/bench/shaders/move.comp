#version 450
// Copies vec4s, EACH of them to a thread; with SUM the thread adds them up instead and writes one, so that it mostly reads.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint EACH = 1;
layout(constant_id = 1) const bool SUM = false;
layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) buffer Y { vec4 y[]; };
void main() {
    uint i = gl_GlobalInvocationID.x, threads = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    vec4 sum = vec4(0.0);
    for (uint k = 0; k < EACH; k++) {
        if (SUM) sum += x[k * threads + i];
        else y[k * threads + i] = x[k * threads + i];
    }
    if (SUM) y[i] = sum;
}
