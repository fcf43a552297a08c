#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "divide.glsl"
// Of a part of the samples of x (steps, samples, channels, inner), for each channel of each step: the mean and the sum of squared distances to it; or
// with BACK the sums of g and of g * (x - mean). A thread takes `count` words, quads where WIDE, of one channel.
// Distances are first taken to the thread's first values. The squared distance of these to the mean is at most n times
// the variance of the n values of a part, so at most n times 2^-24 of the sum is lost, wherever the mean lies.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool WIDE = false;
layout(constant_id = 1) const bool BACK = false;
layout(push_constant) uniform P { uint n, groups, channels, inner, total, count; } p; // groups: steps * channels
INPUT(0, x) // inner, total: words of a sample, of a channel
INPUT(1, g)
layout(binding = 2) readonly buffer M { float mean[]; };
layout(binding = 3) buffer S { float sums[]; };
float total_of(vec4 v) { return WIDE ? v.x + v.y + v.z + v.w : v.x; }
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint channels = p.channels, inner = p.inner, part = divided(i, p.groups), group = i - part * p.groups;
    uint from = part * p.count, to = min(from + p.count, p.total), sample_ = divided(from, inner), at = from - sample_ * inner;
    uint step = divided(group, channels), c = group - step * channels;
    uint place = step * p.total * channels + (sample_ * channels + c) * inner + at;
    vec4 one = vec4(0), two = vec4(0), near = BACK ? vec4(mean[group]) : WIDE ? x4[place] : vec4(x[place]);
    for (uint k = from; k < to; k++) {
        vec4 v = (WIDE ? x4[place] : vec4(x[place])) - near, w = v;
        if (BACK) w = WIDE ? g4[place] : vec4(g[place]);
        one += w;
        two = fma(w, v, two);
        place++;
        if (++at == inner) {
            at = 0;
            place += (channels - 1) * inner;
        }
    }
    uint first = 2 * part * p.groups + group;
    if (BACK) {
        sums[first] = total_of(one);
        sums[first + p.groups] = total_of(two);
        return;
    }
    float count = float(to - from), lanes = WIDE ? 4.0 : 1.0;
    vec4 far = near - near.x + one / count;
    float middle = total_of(far) / lanes;
    sums[first] = near.x + middle;
    sums[first + p.groups] = total_of(two - one * (one / count) + count * (far - middle) * (far - middle));
}
