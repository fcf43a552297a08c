#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Spikes of current-based LIF neurons, event by event; a thread takes a neuron of a sample. Between events V is known in closed
// form. It can only reach theta on its way up to its maximum, at s* = tau_s y log1p(z)/z, y = (I - V)/I, z = y (tau_s - tau_m)/tau_m,
// and there it is concave: Newton's steps from the left approach the crossing and never pass it. After `last` spikes it is done.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, units, each, room, rows, most, last; float theta, duration; } p;
layout(binding = 0) readonly buffer Time { float time[]; };   // events of a sample, ascending, (rows, room)
layout(binding = 1) readonly buffer Slot { uint slot[]; };    // the input that each comes from, times `each`
layout(binding = 2) readonly buffer Found { uint found[]; };
layout(binding = 3) readonly buffer W { float w[]; };         // (inputs, units)
layout(binding = 4) readonly buffer Mem { float tau_mem[]; };
layout(binding = 5) readonly buffer Syn { float tau_syn[]; };
layout(binding = 6) buffer Y { float y[]; };                  // spikes, (n, rows)
layout(binding = 7) buffer Current { float current[]; };      // I at each
layout(binding = 8) buffer Count { uint count[]; };
layout(binding = 9) buffer Peak { float peak[]; };            // the largest V, (n,)
layout(binding = 10) buffer Peaked { float peaked[]; };       // when; and V' then, (n, 2)
layout(binding = 11) buffer Summary { uint summary[]; };
#include "event.glsl"
#define INFINITY uintBitsToFloat(0x7F800000u)
float log1p_ratio(float z) {
    if (abs(z) > 0.1) return log(1.0 + z) / z;
    float s = z / (2.0 + z), q = s * s;
    return 2.0 / (2.0 + z) * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0))));
}
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint sample_ = k / p.units, unit = k - sample_ * p.units, base = sample_ * p.room, events = found[sample_], spikes = 0;
    set_rates(tau_mem[0], tau_syn[0]);
    float v = 0.0, i = 0.0, t = 0.0, top = 0.0, top_at = 0.0, top_slope = 0.0;
    for (uint e = 0; e <= events; e++) {
        float next = e < events ? min(time[base + e], p.duration) : p.duration;
        // after a spike, I comes from the last input again, so that roundings do not add up
        float start = t, length_ = next - t;
        float since = 0.0, from_ = i;
        float em, es, v_end, i_end;
        for (;;) {
            float d = length_ - since, s = 0.0, high = v;
            em = exp(-a * d);
            es = exp(-b * d);
            i_end = i * es;
            v_end = d < INFINITY ? v * em + i * K_of(d, em, es) : 0.0;
            if (i <= max(v, 0.0)) break; // V only falls, or stays below 0
            if (i_end > v_end && d < INFINITY) { // it rises to the end
                s = d;
                high = v_end;
            } else {
                float y = (i - v) / i, z = y * (tau_s - tau_m) / tau_m;
                if (z > -1.0) {
                    s = min(d, tau_s * y * log1p_ratio(z));
                    high = v * exp(-a * s) + i * K(s);
                }
            }
            if (high > top) {
                top = high;
                top_at = t + s;
                top_slope = s < d ? 0.0 : (i_end - high) * a;
            }
            if (high < p.theta || s <= 0.0) break;
            float furthest = s;
            s = 0.0;
            for (uint step_ = 0; step_ < 24; step_++) {
                float em = exp(-a * s), es = exp(-b * s), now = v * em + i * K_of(s, em, es), left = p.theta - now;
                float change = left / ((i * es - now) * a);
                if (!(left > 0.0) || !(change > 1e-7 * s)) break;
                s = min(s + change, furthest);
            }
            since += s;
            t = start + since;
            i = from_ * exp(-b * since);
            v = 0.0;
            if (spikes < p.rows) {
                y[k * p.rows + spikes] = t;
                current[k * p.rows + spikes] = i;
            }
            if (++spikes > p.most || spikes == p.last) break;
        }
        if (!(next < p.duration) || spikes > p.most || spikes == p.last) break;
        v = v_end;
        i = i_end + w[slot[base + e] / p.each * p.units + unit];
        t = next;
    }
    for (uint s = spikes; s < p.rows; s++) y[k * p.rows + s] = INFINITY;
    count[k] = spikes;
    bool fired = spikes > 0;
    peak[k] = fired ? p.theta : top;
    peaked[2 * k] = fired ? -1.0 : top_at;
    peaked[2 * k + 1] = top_slope;
    atomicMax(summary[2], spikes);
    bool sound = a > 0.0 && b > 0.0 && a < INFINITY && b < INFINITY && abs(v) < INFINITY && abs(i) < INFINITY;
    if (!sound) atomicMax(summary[3], sample_ + 1);
}
