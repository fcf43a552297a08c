#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The norm from its parts, and the factor that takes it down to the limit: min(1, limit / (norm + 1e-6)), or NaN.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool LARGEST = false;
layout(push_constant) uniform P { uint n; float limit; } p;
layout(binding = 0) readonly buffer Part { float part[]; };
layout(binding = 1) buffer Norm { float norm[]; };
layout(binding = 2) buffer Factor { float factor[]; };
shared float sums[64];
float unite(float a, float b) { return LARGEST ? (b > a || isnan(b) ? b : a) : a + b; }
void main() {
    uint me = gl_LocalInvocationID.x;
    float all = 0.0;
    for (uint k = me; k < p.n; k += 64) all = unite(all, part[k]);
    sums[me] = all;
    for (uint k = 32; k > 0; k /= 2) {
        barrier();
        if (me < k) sums[me] = unite(sums[me], sums[me + k]);
    }
    if (me > 0) return;
    float whole = LARGEST ? sums[0] : sqrt(sums[0]), shrink = p.limit / (whole + 1e-6);
    norm[0] = whole;
    factor[0] = shrink > 1.0 ? 1.0 : shrink;
}
