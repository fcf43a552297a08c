#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// gx = y (gy - sum gy y), or for the logarithm gx = gy - exp(y) sum gy, for each row of (n, rows).
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool LOG = false;
layout(constant_id = 4) const bool WIDE = false;
layout(push_constant) uniform P { uint n, rows; } p;
INPUT(0, y)
INPUT(1, gy)
OUTPUT(2, gx)
#include "rows.glsl"
void main() {
    begin_row(thread() / LANES, p.n, p.rows);
    vec4 sum = vec4(0);
    EACH_UNIT(k) sum += LOG ? UNIT(gy, k) : UNIT(gy, k) * UNIT(y, k);
    float total = lanes_sum(sum_of(sum), LANES);
    EACH_UNIT(k) {
        vec4 g = UNIT(gy, k), v = UNIT(y, k);
        v = LOG ? g - exp(v) * total : v * (g - total);
        PUT(gx, k, v)
    }
}
