#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// All T intervals of n leaky neurons in plain floats: counts (T, n), end (n). Beside v goes a bound of its error. A neuron of
// which a count could be another within the bounds is put on a list, for ode_lif_again to do in pairs of floats.
layout(local_size_x = 64) in;
layout(push_constant) uniform P {
    uint n, neurons, first, last, from;
    float error; // of a current, over |x| |w|
    float rest, gain, threshold, reset, span, decay;
} p;
layout(binding = 0) readonly buffer I { float current[]; };
layout(binding = 1) readonly buffer XX { float x_squares[]; };
layout(binding = 2) readonly buffer WW { float w_squares[]; };
layout(binding = 3) buffer V0 { float v0[]; };      // changed in place
layout(binding = 4) buffer E0 { float e0[]; };      // the bound of its error; below 0: the neuron is on the list
layout(binding = 5) buffer N { float counts[]; };
layout(binding = 6) buffer L { uint list[]; };
layout(binding = 7) buffer M { uint listed[]; };
layout(binding = 8) readonly buffer B0 { float begin0[]; };
layout(binding = 9) readonly buffer B1 { float begin1[]; };
layout(binding = 10) buffer V1 { float v1[]; };
const float TINY = 5.9604645e-8;
void main() {
    uint i = thread(), n = p.n, last = p.last, batch = p.n / p.neurons, who = i / p.neurons;
    if (i >= n) return;
    float rest = p.rest, gain = p.gain, threshold = p.threshold, span = p.span, decay = p.decay, low = p.reset;
    float v = v0[i], e = e0[i], norm = p.error * gain * sqrt(w_squares[i % p.neurons]);
    if (e < 0.0) return;
    float fixed_error = TINY * (2.0 * abs(rest) + 2.0 * abs(threshold) + abs(low));
    bool sure = v + e < threshold;
    for (uint t = p.first; t < last && sure; t++) {
        uint row = (t - p.from) * n + i;
        float v_inf = rest + current[row] * gain, a = v_inf - threshold, b = v_inf - v;
        float ei = norm * sqrt(x_squares[t * batch + who]) + fixed_error + 4.0 * TINY * abs(v_inf);
        float free = v_inf - b * decay, ef = e * decay + ei * (1.0 - decay) + 4.0 * TINY * (abs(v_inf) + abs(v));
        float count = 0.0;
        if (free + ef < threshold) {
            v = free;
            e = ef;
        } else if (free - ef >= threshold && a > 4.0 * ei) {
            float g = v_inf - low, u1 = log(b / a), u = log(g / a);
            float e1 = e / b + ei * (1.0 / a - 1.0 / b) + 16.0 * TINY * (1.0 + u1);
            float eu = ei * (1.0 / a - 1.0 / g) + 16.0 * TINY * (1.0 + u);
            float q = (span - u1) / u, eq = (e1 + abs(q) * eu + 4.0 * TINY * span) / u, k = floor(q);
            float left = span - u1 - k * u, d = exp(-left);
            count = k + 1.0;
            v = v_inf - g * d;
            e = ei + g * d * (e1 + k * eu + 16.0 * TINY * (1.0 + span));
            sure = k >= 0.0 && q < 4194304.0 && floor(q - eq) == k && floor(q + eq) == k && v + e < threshold;
        } else sure = false;
        sure = sure && e < 0.01 * (threshold - low);
        counts[t * n + i] = count;
    }
    v0[i] = sure ? v : begin0[i]; // on the list they begin again
    v1[i] = sure ? 0.0 : begin1[i];
    e0[i] = sure ? e : -1.0;
    if (!sure) list[atomicAdd(listed[0], 1)] = i;
}
