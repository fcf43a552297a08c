#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Gradients of tau_m and tau_s, (n, 2): what V and I, and so spikes and the largest V, change with both, carried forward along the
// recorded events. A thread takes a neuron of a sample.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint n, units, each, room, rows, g_rows; float theta, duration; } p;
layout(binding = 0) readonly buffer Time { float time[]; };
layout(binding = 1) readonly buffer Slot { uint slot[]; };
layout(binding = 2) readonly buffer Found { uint found[]; };
layout(binding = 3) readonly buffer W { float w[]; };
layout(binding = 4) readonly buffer Mem { float tau_mem[]; };
layout(binding = 5) readonly buffer Syn { float tau_syn[]; };
layout(binding = 6) readonly buffer Y { float y[]; };
layout(binding = 7) readonly buffer Count { uint count[]; };
layout(binding = 8) readonly buffer Peaked { float peaked[]; };
layout(binding = 9) readonly buffer G { float g[]; };
layout(binding = 10) readonly buffer G_peak { float g_peak[]; };
layout(binding = 11) buffer Out { float out_[]; };
#include "event.glsl"
void main() {
    uint k = thread();
    if (k >= p.n) return;
    uint row = k / p.units, unit = k - row * p.units, base = row * p.room, e = 0, events = found[row], s = 0, spikes = count[k];
    set_rates(tau_mem[0], tau_syn[0]);
    float top = peaked[2 * k], v = 0.0, i = 0.0, t = 0.0;
    vec2 dv = vec2(0.0), sum = vec2(0.0); // for tau_m and tau_s
    float di = 0.0;                       // I knows nothing of tau_m
    bool pending = top >= 0.0 && g_peak[k] != 0.0;
    const float NEVER = uintBitsToFloat(0x7F800000u);
    for (;;) {
        float at_e = e < events && time[base + e] < p.duration ? time[base + e] : NEVER;
        float at_s = s < spikes ? y[k * p.rows + s] : NEVER, at_top = pending ? top : NEVER;
        float now = min(at_e, min(at_s, at_top));
        if (now == NEVER || (s == spikes && !pending)) break;
        float d = now - t, em = exp(-a * d), es = exp(-b * d), up = K(d);
        vec2 dk = -K_slopes(d) * vec2(a * a, b * b); // dK/dtau = -dK/da / tau^2
        dv = dv * em + vec2(v * em * d * a * a, 0.0) + i * dk + vec2(0.0, di * up);
        v = v * em + i * up;
        di = di * es + i * es * d * b * b;
        i *= es;
        t = now;
        if (at_s == now) { // before an input at the same time, as forward
            vec2 dt = -dv / (rise(i, p.theta) * a);
            sum += dt * (s < p.g_rows ? g[k * p.g_rows + s] : 0.0);
            dv = -i * a * dt;
            v = 0.0;
            s++;
        } else if (at_top == now) {
            sum += g_peak[k] * dv;
            pending = false;
        } else {
            i += w[slot[base + e] / p.each * p.units + unit];
            e++;
        }
    }
    out_[2 * k] = sum.x;
    out_[2 * k + 1] = sum.y;
}
