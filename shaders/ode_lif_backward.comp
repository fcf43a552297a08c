#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool FUSED = true;
layout(constant_id = 1) const bool COUNTS = false; // a gradient of counts
layout(constant_id = 2) const bool TIMES = false;  // a gradient of times, summed by ode_lif_sums
layout(constant_id = 3) const bool PARTS = false;  // gradients of v_rest, tau, C, the threshold and v_reset
layout(constant_id = 4) const bool MORE = false;   // parts are added to those of later intervals
#define SIZES uint n, first, last; float tau, capacity;
#include "ode_lif.glsl"
// Backward through the intervals `last` - 1 to `first` of n leaky neurons: gv (n) is dL/dv at the end, and becomes dL/dv at
// the beginning. The formulas are in docs/ode.md; the count is taken as 1 + (h - t1) / isi wherever v_inf > threshold.
layout(binding = 0) readonly buffer I0 { float current0[]; };
layout(binding = 1) readonly buffer I1 { float current1[]; };
layout(binding = 2) readonly buffer S0 { float start0[]; };
layout(binding = 3) readonly buffer S1 { float start1[]; };
layout(binding = 4) readonly buffer E0 { float end0[]; }; // v after the last interval
layout(binding = 5) readonly buffer E1 { float end1[]; };
layout(binding = 6) readonly buffer N { float counts[]; };
layout(binding = 7) readonly buffer GN { float g_counts[]; };
layout(binding = 8) readonly buffer A { float sum[]; };
layout(binding = 9) readonly buffer B { float weighted[]; };
layout(binding = 10) buffer GV { float gv[]; };
layout(binding = 11) buffer GI { float gi[]; };
layout(binding = 12) buffer GP { float parts[]; }; // (5, n)
void main() {
    uint i = thread(), n = p.n, first = p.first;
    if (i >= n) return;
    float tau = p.tau, gain = p.gain0, span = p.span0;
    vec2 exact = vec2(gv[i], 0.0); // a pair: over thousands of short intervals, roundings go one way
    float part[5] = float[5](0.0, 0.0, 0.0, 0.0, 0.0);
    if (MORE) for (uint k = 0; k < 5; k++) part[k] = parts[k * n + i];
    vec2 v_end = vec2(end0[i], end1[i]);
    for (uint back = p.last; back > first; back--) {
        uint at = (back - 1) * n + i;
        vec2 current = vec2(current0[at], current1[at]), v = vec2(start0[at], start1[at]);
        Cell c = cell_of(current, v);
        float lambda = exact.x, a = c.a.x, b = c.b.x, g = c.g.x, count = counts[at];
        vec2 left = minus(c.v_inf, v_end); // of the distance to v_inf, at the end
        float g1 = 0.0, g_isi = 0.0;          // gradients of the first spike's time and of the time between spikes
        float g_inf, g_reset = 0.0, g_tau = 0.0, g_threshold = 0.0;
        vec2 before = vec2(0.0);
        if (count > 0.0) {
            g_inf = lambda * minus(c.g, left).x / g;
            g_reset = lambda * left.x / g;
            if (left.x * g > 0.0) g_tau = -lambda * left.x * log_of(over(c.g, left)).x / tau;
            if (c.driven) {
                float late = -lambda * left.x / tau; // a later last spike leaves less time to charge
                g1 = late;
                g_isi = (count - 1.0) * late;
                if (TIMES) {
                    g1 += sum[at];
                    g_isi += weighted[at];
                }
            }
        } else {
            g_inf = lambda * ((1.0 - p.decay0) - p.decay1);
            before = times(exact, PAIR(decay));
            g_tau = -lambda * c.fall.x * span / tau;
        }
        if (c.driven && (COUNTS || count > 0.0)) {
            float u1 = c.above ? 0.0 : log_of(over(c.b, c.a)).x, u = between_of(c).x;
            if (COUNTS) {
                float gc = g_counts[at] / (tau * u);
                g1 -= gc;
                g_isi -= gc * (span - u1) / u;
            }
            if (!c.above) {
                g_inf += g1 * tau * minus(c.a, c.b).x / (a * b);
                before = plus(before, vec2(-g1 * tau / b, 0.0));
                g_threshold += g1 * tau / a;
                g_tau += g1 * u1;
            }
            g_inf += g_isi * tau * minus(c.a, c.g).x / (a * g);
            g_reset -= g_isi * tau / g;
            g_threshold += g_isi * tau / a;
            g_tau += g_isi * u;
        }
        gi[at] = g_inf * gain;
        if (PARTS) {
            float per = g_inf * current.x / p.capacity; // tau enters v_inf too
            part[0] += g_inf;
            part[1] += g_tau + per;
            part[2] -= per * gain;
            part[3] += g_threshold;
            part[4] += g_reset;
        }
        exact = before;
        v_end = v;
    }
    gv[i] = exact.x;
    if (PARTS) for (uint k = 0; k < 5; k++) parts[k * n + i] = part[k];
}
