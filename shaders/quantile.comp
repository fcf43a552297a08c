#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "poisson.glsl"
// y = the quantile of u: of the Poisson distribution of that mean (NaN where the mean is not finite), or NORMAL: of the normal distribution.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool NORMAL = false;
layout(push_constant) uniform P { uint quads; } p;
QUADS_IN(0, u)
QUADS_IN(1, mean)
QUADS_OUT(2, y)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    if (NORMAL) { y[i] = probit(u[i]); return; }
    bvec4 wrong = equal(floatBitsToUint(mean[i]) & 0x7F800000u, uvec4(0x7F800000u)); // NaN or infinite
    y[i] = mix(poisson(min(mix(mean[i], vec4(0), wrong), vec4(1e6)), u[i]), vec4(uintBitsToFloat(0x7FC00000u)), wrong);
}
