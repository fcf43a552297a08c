#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "slots.glsl"
//! OP: SLOTS_* of slots.glsl
// What a norm of several arrays is made of: a workgroup writes the sum of its squares, or LARGEST its largest absolute
// value, to part[first + group].
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool LARGEST = false;
layout(push_constant) uniform P { uint PUSH(n), PUSH(w), first; } p; // n: quads, w: words
#define TENSORS(k) QUADS_IN(k, x##k)
EACH(TENSORS)
layout(binding = OP) buffer Part { float part[]; };
shared vec4 sums[64];
vec4 unite(vec4 a, vec4 b) { return LARGEST ? mix(mix(a, b, greaterThan(b, a)), b, isnan(b)) : a + b; }
#define TAKE(k) { \
        vec4 sum = vec4(0); \
        EACH_QUAD(k) { \
            vec4 v = mix(vec4(0), x##k[i], lessThan(4 * i + uvec4(0, 1, 2, 3), uvec4(p.w##k))); \
            sum = LARGEST ? unite(sum, abs(v)) : fma(v, v, sum); \
        } \
        all = unite(all, sum); \
    }
void main() {
    uint me = gl_LocalInvocationID.x;
    vec4 all = vec4(0);
    EACH(TAKE)
    sums[me] = all;
    for (uint k = 32; k > 0; k /= 2) {
        barrier();
        if (me < k) sums[me] = unite(sums[me], sums[me + k]);
    }
    vec4 v = sums[0];
    if (me == 0) part[p.first + gl_WorkGroupID.x] = unite(unite(v, v.yyyy), unite(v.zzzz, v.wwww)).x;
}
