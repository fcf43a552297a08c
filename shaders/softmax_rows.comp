#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Softmax, or its logarithm, of each row of (n, rows).
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;
layout(constant_id = 2) const bool NEAR = false;
layout(constant_id = 3) const bool LOG = false;
layout(constant_id = 4) const bool WIDE = false;
layout(push_constant) uniform P { uint n, rows; } p;
INPUT(0, x)
OUTPUT(1, y)
#include "rows.glsl"
void main() {
    begin_row(thread() / LANES, p.n, p.rows);
    vec4 most = UNIT(x, begin), sum = vec4(0);
    EACH_UNIT(k) most = max(most, UNIT(x, k));
    float top = lanes_max(max_of(most), LANES);
    EACH_UNIT(k) sum += exp(UNIT(x, k) - top);
    float total = lanes_sum(sum_of(sum), LANES), shift = LOG ? log(total) : 1.0 / total;
    EACH_UNIT(k) {
        vec4 v = UNIT(x, k) - top;
        v = LOG ? v - shift : exp(v) * shift;
        PUT(y, k, v)
    }
}
