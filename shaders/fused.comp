#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// What fma keeps of the rounding of x[0] x[1]: 0 on a device whose fma rounds twice.
layout(local_size_x = 1) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
void main() {
    precise float p = x[0] * x[1];
    precise float e = fma(x[0], x[1], -p);
    y[0] = e;
}
