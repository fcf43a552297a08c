#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// The loss of each sample, as in cross_entropy.comp, for logits x (n, classes). With FOLD one workgroup goes through all
// samples, and writes their sum times scale to loss[0], or with MEAN their sum divided by that of the labels' weights,
// which goes to part[0].
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool WEIGHTED = false;
layout(constant_id = 4) const bool FOLD = false;
layout(constant_id = 5) const bool MEAN = false;
layout(constant_id = 6) const bool WIDE = false;
layout(push_constant) uniform P { uint n, classes; float smooth_, scale; int ignored; } p;
INPUT(0, x)
layout(binding = 1) readonly buffer L { int label[]; };
INPUT(2, weight)
layout(binding = 3) buffer Y { float loss[]; };
layout(binding = 4) buffer Z { float part[]; };
#include "rows.glsl"
vec4 weights(uint k) { return WEIGHTED ? UNIT(weight, k - begin) : vec4(1); }
vec2 sample_(uint i) { // loss and weight
    begin_row(i, p.n, p.classes);
    vec4 most = UNIT(x, begin), sum = vec4(0);
    EACH_UNIT(k) most = max(most, UNIT(x, k));
    float top = lanes_max(max_of(most), LANES), spread = 0.0;
    EACH_UNIT(k) sum += exp(UNIT(x, k) - top);
    float lse = log(lanes_sum(sum_of(sum), LANES)); // of x - top
    if (p.smooth_ > 0.0) {
        vec4 all = vec4(0);
        EACH_UNIT(k) all += weights(k) * (lse - (UNIT(x, k) - top));
        spread = lanes_sum(sum_of(all), LANES);
    }
    if (i >= p.n || label[i] == p.ignored) return vec2(0);
    uint right = uint(clamp(label[i], 0, int(p.classes) - 1));
    float w = WEIGHTED ? weight[right] : 1.0;
    return vec2((1.0 - p.smooth_) * w * (lse - (x[i * p.classes + right] - top)) + p.smooth_ / float(p.classes) * spread, w);
}
void main() {
    uint i = FOLD ? gl_LocalInvocationID.x / LANES : thread() / LANES, rows = FOLD ? gl_WorkGroupSize.x / LANES : 1;
    vec2 all = vec2(0);
    for (uint start = 0; start < (FOLD ? p.n : 1); start += rows) all += sample_(start + i);
    bool mine = gl_LocalInvocationID.x % LANES == 0;
    if (FOLD) {
        all = mine ? all : vec2(0);
        all = vec2(lanes_sum(all.x, gl_WorkGroupSize.x), lanes_sum(all.y, gl_WorkGroupSize.x));
        if (gl_LocalInvocationID.x > 0) return;
        loss[0] = MEAN ? all.x / all.y : all.x * p.scale;
        part[0] = all.y;
    } else if (mine && i < p.n) {
        loss[i] = all.x;
        part[i] = all.y;
    }
}
