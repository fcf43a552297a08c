#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[t] = x[t] + decay * y[t - 1] for x (T, m), from step `first` to before `last`; y[-1] is start. A thread takes a column.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint m, first, last; float decay; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer S { float start[]; };
layout(binding = 2) buffer Y { float y[]; };
void main() {
    uint i = thread();
    if (i >= p.m) return;
    float sum = p.first == 0 ? start[i] : y[(p.first - 1) * p.m + i];
    for (uint t = p.first; t < p.last; t++) {
        uint at = t * p.m + i;
        sum = x[at] + p.decay * sum;
        y[at] = sum;
    }
}
