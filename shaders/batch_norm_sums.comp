#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Sums over a part of the samples of x (steps, samples, channels, inner), for each channel of each step: of x; of (x - mean)^2
// (SQUARES); or of g and of g * (x - mean) (BACK). A thread takes `count` words, quads where WIDE, of one channel.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(constant_id = 1) const bool SQUARES = false;
layout(constant_id = 2) const bool BACK = false;
layout(push_constant) uniform P { uint n, groups, channels, inner, total, count; } p; // groups: steps * channels
INPUT(0, x) // inner, total: words of a sample, of a channel
INPUT(1, g)
layout(binding = 2) readonly buffer M { float mean[]; };
layout(binding = 3) buffer S { float sums[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint channels = p.channels, inner = p.inner, group = i % p.groups, part = i / p.groups;
    uint from = part * p.count, to = min(from + p.count, p.total), at = from % inner;
    uint place = group / channels * p.total * channels + (from / inner * channels + group % channels) * inner + at;
    float m = SQUARES || BACK ? mean[group] : 0.0;
    vec4 one = vec4(0), two = vec4(0);
    for (uint k = from; k < to; k++) {
        vec4 v = WIDE ? x4[place] : vec4(x[place], m, m, m);
        if (SQUARES) one = fma(v - m, v - m, one);
        else if (BACK) {
            vec4 w = WIDE ? g4[place] : vec4(g[place], 0, 0, 0);
            one += w;
            two = fma(w, v - m, two);
        } else one += v;
        place++;
        if (++at == inner) {
            at = 0;
            place += (channels - 1) * inner;
        }
    }
    uint to_ = (BACK ? 2 : 1) * part * p.groups + group;
    sums[to_] = one.x + one.y + one.z + one.w;
    if (BACK) sums[to_ + p.groups] = two.x + two.y + two.z + two.w;
}
