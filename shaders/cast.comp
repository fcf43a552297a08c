#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Converts between dtypes. A boolean is the float 0 or 1.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint FROM = 0; // 0 float32, 1 int32, 2 uint32
layout(constant_id = 1) const uint TO = 0;   // the same, and 3 bool
layout(push_constant) uniform P { uint quads; } p;
layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) buffer Y { uvec4 y[]; };
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    uvec4 w = x[i];
    vec4 f = FROM == 0 ? uintBitsToFloat(w) : FROM == 1 ? vec4(ivec4(w)) : vec4(w);
    if (TO == 0) y[i] = floatBitsToUint(f);
    else if (TO == 3) y[i] = floatBitsToUint(mix(vec4(0), vec4(1), notEqual(f, vec4(0))));
    else if (FROM != 0) y[i] = w; // int32 and uint32 share their bits
    else y[i] = TO == 1 ? uvec4(ivec4(f)) : uvec4(f);
}
