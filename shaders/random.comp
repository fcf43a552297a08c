#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "philox.glsl"
// Random values; element quad i of call (call_low, call_high) has the counter (i, 0, call_low, call_high).
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint MODE = 0; // 0 uniform [a, b), 1 normal (mean a, deviation b), 2 Bernoulli(x), 3 dropout(a)
layout(push_constant) uniform P { uint quads, seed_low, seed_high, call_low, call_high; float a, b; } p;
QUADS_IN(0, x)
QUADS_OUT(1, y)
void main() {
    uint i = thread();
    if (i >= p.quads) return;
    uvec4 bits = philox(uvec4(i, 0, p.call_low, p.call_high), uvec2(p.seed_low, p.seed_high));
    vec4 u = uniform01(bits);
    if (MODE == 0) y[i] = p.a + (p.b - p.a) * u;
    else if (MODE == 1) { // Box and Muller; 1 - u is never 0
        vec2 r = sqrt(-2.0 * log(1.0 - u.xz)), angle = 6.283185307179586 * u.yw;
        y[i] = p.a + p.b * vec4(r.x * cos(angle.x), r.x * sin(angle.x), r.y * cos(angle.y), r.y * sin(angle.y));
    } else if (MODE == 2) y[i] = mix(vec4(0), vec4(1), lessThan(u, x[i]));
    else y[i] = mix(vec4(0), vec4(1.0 / (1.0 - p.a)), greaterThanEqual(u, vec4(p.a)));
}
