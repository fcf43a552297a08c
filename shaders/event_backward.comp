#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// EventProp: from the last event to the first, tau_m lv' = -lv and tau_s li' = -li + lv in the time that runs back; at the neuron's
// own spike lv = (I lv + g) / (I - theta), at the largest V lv -= g / tau_m. What an input spike gets, in `out_`: li for its
// weight, or with INPUT_TIMES w (lv - li) for its time. A thread takes a neuron of a sample.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool INPUT_TIMES = false;
layout(push_constant) uniform P { uint n, units, each, slots, room, rows, g_rows, first; float theta, duration; } p;
layout(binding = 0) readonly buffer Time { float time[]; };
layout(binding = 1) readonly buffer Slot { uint slot[]; };
layout(binding = 2) readonly buffer Found { uint found[]; };
layout(binding = 3) readonly buffer W { float w[]; };
layout(binding = 4) readonly buffer Mem { float tau_mem[]; };
layout(binding = 5) readonly buffer Syn { float tau_syn[]; };
layout(binding = 6) readonly buffer Y { float y[]; };
layout(binding = 7) readonly buffer Current { float current[]; };
layout(binding = 8) readonly buffer Count { uint count[]; };
layout(binding = 9) readonly buffer Peaked { float peaked[]; };
layout(binding = 10) readonly buffer G { float g[]; };          // of the spikes, (n, g_rows)
layout(binding = 11) readonly buffer G_peak { float g_peak[]; };
layout(binding = 12) buffer Out { float out_[]; };              // (samples of this dispatch, slots, units)
#include "event.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint row = k / p.units, unit = k - row * p.units, target = row * p.slots;
    row += p.first;
    k += p.first * p.units;
    set_rates(tau_mem[0], tau_syn[0]);
    uint base = row * p.room;
    int e = int(found[row]) - 1, s = int(count[k]) - 1;
    while (e >= 0 && time[base + e] >= p.duration) {
        out_[(target + slot[base + e]) * p.units + unit] = 0.0; // too late to matter
        e--;
    }
    float top = peaked[2 * k], g_top = top >= 0.0 ? g_peak[k] : 0.0, slope = peaked[2 * k + 1];
    float lv = 0.0, li = 0.0, t = p.duration;
    bool pending = g_top != 0.0;
    while (e >= 0) {
        float at_e = time[base + e], at_s = s >= 0 ? y[k * p.rows + s] : -1.0, at_top = pending ? top : -1.0;
        float now = max(at_e, max(at_s, at_top));
        if (lv != 0.0 || li != 0.0) { // else t may still be infinite
            float d = t - now;
            float em = exp(-a * d), es = exp(-b * d);
            li = li * es + lv * (tau_m / tau_s) * K_of(d, em, es);
            lv *= em;
        }
        t = now;
        if (at_e == now) {
            uint where = slot[base + e];
            float sent = li;
            if (INPUT_TIMES) {
                sent = w[where / p.each * p.units + unit] * (lv - li);
                if (at_top == now) sent += g_top * slope; // the largest V is a kink that moves with this spike
                slope = at_top == now ? 0.0 : slope;
            }
            out_[(target + where) * p.units + unit] = sent;
            e--;
        } else if (at_s == now) {
            float i = current[k * p.rows + s];
            lv = (i * lv + (uint(s) < p.g_rows ? g[k * p.g_rows + s] : 0.0)) / rise(i, p.theta);
            s--;
        } else {
            lv -= g_top * a;
            pending = false;
        }
    }
}
