#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx for cross_entropy_rows; the gradient of a sample's loss is as in cross_entropy_backward.comp.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool WEIGHTED = false;
layout(constant_id = 4) const bool EACH = false;
layout(constant_id = 5) const bool MEAN = false;
layout(constant_id = 6) const bool WIDE = false;
layout(push_constant) uniform P { uint n, classes; float smooth_, scale; int ignored; } p;
INPUT(0, x)
layout(binding = 1) readonly buffer L { int label[]; };
INPUT(2, weight)
layout(binding = 3) readonly buffer G { float g[]; };
layout(binding = 4) readonly buffer T { float total[]; };
OUTPUT(5, gx)
#include "rows.glsl"
vec4 weights(uint k) { return WEIGHTED ? UNIT(weight, k - begin) : vec4(1); }
void main() {
    uint i = thread() / LANES;
    begin_row(i, p.n, p.classes);
    vec4 most = UNIT(x, begin), sum = vec4(0), heavy = vec4(0);
    EACH_UNIT(k) most = max(most, UNIT(x, k));
    float top = lanes_max(max_of(most), LANES);
    EACH_UNIT(k) {
        sum += exp(UNIT(x, k) - top);
        if (WEIGHTED) heavy += weights(k);
    }
    float total_ = lanes_sum(sum_of(sum), LANES), even = p.smooth_ / float(p.classes);
    float all = WEIGHTED ? lanes_sum(sum_of(heavy), LANES) : float(p.classes);
    if (i >= p.n) return;
    bool counts = label[i] != p.ignored;
    uint right = uint(clamp(label[i], 0, int(p.classes) - 1));
    float up = counts ? g[EACH ? i : 0] * p.scale / (MEAN ? total[0] : 1.0) : 0.0;
    float w = (1.0 - p.smooth_) * (WEIGHTED ? weight[right] : 1.0), pull = (w + even * all) / total_;
    EACH_UNIT(k) {
        vec4 own = mix(vec4(0), vec4(w), equal((WIDE ? 4 : 1) * (k - begin) + uvec4(0, 1, 2, 3), uvec4(right)));
        if (p.smooth_ > 0.0) own += even * weights(k);
        vec4 v = counts ? up * (exp(UNIT(x, k) - top) * pull - own) : vec4(0);
        PUT(gx, k, v)
    }
}
