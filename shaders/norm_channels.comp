#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// What each channel of each sample gives to the gradients of weight and bias: rows of (n, rows), `channels` of which were
// normalized together.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool WIDE = false;
layout(push_constant) uniform P { uint n, rows, channels; } p;
INPUT(0, x)
INPUT(1, gy)
layout(binding = 2) readonly buffer Stats { float stats[]; };
layout(binding = 3) buffer GW { float gw[]; };
layout(binding = 4) buffer GB { float gb[]; };
#include "rows.glsl"
void main() {
    uint row = thread() / LANES, group = min(row, p.n - 1) / p.channels;
    begin_row(row, p.n, p.rows);
    float mean = stats[2 * group], factor = stats[2 * group + 1];
    vec4 product = vec4(0), sum = vec4(0);
    EACH_UNIT(k) {
        vec4 g = UNIT(gy, k);
        product = fma(g, UNIT(x, k) - mean, product);
        sum += g;
    }
    float w = lanes_sum(sum_of(product), LANES), b = lanes_sum(sum_of(sum), LANES);
    if (row < p.n && gl_LocalInvocationID.x % LANES == 0) {
        gw[row] = w * factor;
        gb[row] = b;
    }
}
