#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y = weight (x - mean) / sqrt(variance + eps) + bias for each row of (n, rows); without CENTER the mean counts as 0.
// stats keeps the mean and the factor of each row.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool WIDE = false;
layout(constant_id = 4) const bool CENTER = true;
layout(constant_id = 5) const bool CHANNELS = false;
layout(constant_id = 6) const bool WEIGHTED = false;
layout(constant_id = 7) const bool BIASED = false;
layout(push_constant) uniform P { uint n, rows, groups, channels; float per, eps; } p;
INPUT(0, x)
INPUT(1, weight)
INPUT(2, bias)
OUTPUT(3, y)
layout(binding = 4) buffer Stats { float stats[]; };
#include "rows.glsl"
#include "norm.glsl"
void main() {
    uint row = thread() / LANES;
    begin_row(row, p.n, p.rows);
    float share = 1.0 / float(p.rows), mean = 0.0;
    vec4 sum = vec4(0), squares = vec4(0);
    if (CENTER) {
        EACH_UNIT(k) sum += UNIT(x, k);
        mean = lanes_sum(sum_of(sum), LANES) * share;
    }
    EACH_UNIT(k) {
        vec4 v = UNIT(x, k) - mean;
        squares = fma(v, v, squares);
    }
    float factor = inversesqrt(lanes_sum(sum_of(squares), LANES) * share + p.eps);
    if (row < p.n && gl_LocalInvocationID.x % LANES == 0) {
        stats[2 * row] = mean;
        stats[2 * row + 1] = factor;
    }
    EACH_UNIT(k) {
        vec4 v = (UNIT(x, k) - mean) * factor;
        uint c = channel(row, k);
        if (WEIGHTED) v *= OF_PLACE(weight, c, k);
        if (BIASED) v += OF_PLACE(bias, c, k);
        PUT(y, k, v)
    }
}
