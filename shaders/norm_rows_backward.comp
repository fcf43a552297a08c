#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx = factor (h - mean h - z mean(h z)) for each row of (n, rows), where z = factor (x - mean) and h = weight gy.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool WIDE = false;
layout(constant_id = 4) const bool CENTER = true;
layout(constant_id = 5) const bool CHANNELS = false;
layout(constant_id = 6) const bool WEIGHTED = false;
layout(push_constant) uniform P { uint n, rows, groups, channels; float per; } p;
INPUT(0, x)
INPUT(1, gy)
INPUT(2, weight)
layout(binding = 3) readonly buffer Stats { float stats[]; };
OUTPUT(4, gx)
#include "rows.glsl"
#include "norm.glsl"
void main() {
    uint row = thread() / LANES, at = min(row, p.n - 1);
    begin_row(row, p.n, p.rows);
    float mean = stats[2 * at], factor = stats[2 * at + 1], share = 1.0 / float(p.rows);
    vec4 sum = vec4(0), product = vec4(0);
    EACH_UNIT(k) {
        vec4 h = UNIT(gy, k);
        if (WEIGHTED) h *= OF_PLACE(weight, channel(row, k), k);
        sum += h;
        product = fma(h, UNIT(x, k) - mean, product);
    }
    float shift = CENTER ? lanes_sum(sum_of(sum), LANES) * share : 0.0;
    float slope = lanes_sum(sum_of(product), LANES) * share * factor * factor;
    EACH_UNIT(k) {
        vec4 h = UNIT(gy, k);
        if (WEIGHTED) h *= OF_PLACE(weight, channel(row, k), k);
        vec4 v = (h - shift - (UNIT(x, k) - mean) * slope) * factor;
        PUT(gx, k, v)
    }
}
