#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
//! OP: STATES_* of ode_models.glsl
#include "common.glsl"
#include "ode_tableau.glsl"
#include "ode_models.glsl"
// Neurons through intervals of constant or linear current (T or T + 1, m), each with steps of its own. A thread takes a
// neuron as far as `rounds` attempted steps or its slots for spikes go; it is dispatched again until its status is DONE.
layout(local_size_x = 64) in;
layout(push_constant) uniform Push {
    uint m, intervals, rounds, slots, samples, spread, attempts;
    float interval, longest, rtol, atol, start;
} p;
layout(binding = 0) readonly buffer Current { float current[]; };
layout(binding = 1) readonly buffer Parameters { float parameters[]; }; // (PARAMETERS, 1) or, with spread, (PARAMETERS, m)
layout(binding = 2) buffer State { float state[]; };   // (2, STATES, m): values, and what they lost to rounding
layout(binding = 3) buffer Clock { float clock[]; };   // (6, m): as named where it is read
layout(binding = 4) buffer Mark { uint mark[]; };      // (8, m)
layout(binding = 5) buffer Counts { float counts[]; }; // (T, m)
layout(binding = 6) buffer When { float when[]; };     // (slots, m): time in the interval
layout(binding = 7) buffer Where { uint where[]; };    // (slots, m): interval
layout(binding = 8) buffer Trace { float trace[]; };   // (STATES, T samples + 1, m)
const uint RUNNING = 0, DONE = 1, NOT_FINITE = 2, TOO_SMALL = 3, TOO_MANY = 4, STUCK = 5;
const float FLOOR = 1e-18; // the shortest step, in intervals: just below a peak cut off at V_peak, steps are that short
const uint SEARCH = 24;    // rounds that a spike's time may take: 2**-24 of a step
#define N USER_STATES
#define EACH(s) [[unroll]] for (uint s = 0; s < N; s++)
bool finite(float x) { return (floatBitsToUint(x) & 0x7F800000u) != 0x7F800000u; }
bool finite(float x[N]) {
    bool all = true;
    EACH(s) all = all && finite(x[s]);
    return all;
}
// sum, and what it lost, in place of x and low
void add(inout float x, inout float low, float more) {
    precise float b = more + low, sum = x + b, part = sum - x, lost = (x - (sum - part)) + (b - part);
    x = sum;
    low = lost;
}
float size(float x[N], float y[N], float z[N]) { // root of the mean square of x in units of the tolerance at y, z
    float sum = 0.0;
    EACH(s) {
        float e = x[s] / (p.atol + p.rtol * max(abs(y[s]), abs(z[s])));
        sum += e * e;
    }
    return sqrt(sum / float(N));
}
float c0, c1, before; // the current at both ends of the interval, and the time before it
float input_at(float t) { return LINEAR ? mix(c0, c1, t / p.interval) : c0; }
// The first step's length (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.4).
float first_step(float t, float y[N], bool held, float f[N]) {
    float d0 = size(y, y, y), d1 = size(f, y, y);
    float h = min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 * p.interval : 0.01 * d0 / d1, p.interval), z[N], g[N];
    EACH(s) z[s] = y[s] + h * f[s];
    derive(before + t, input_at(t), z, held, g);
    EACH(s) g[s] -= f[s];
    float d2 = max(d1, size(g, y, y) / h);
    float other = d2 <= 1e-15 ? max(1e-6 * p.interval, 1e-3 * h) : pow(0.01 / d2, 1.0 / (ORDER + 1.0));
    return finite(d2) ? min(100.0 * h, other) : 1e-3 * h;
}
// The solution inside a step of length h: y + h (q0 x + q1 x**2 + q2 x**3 + q3 x**4).
void inside(float y[N], float h, float poly[4][N], float x, out float z[N]) {
    EACH(s) z[s] = y[s] + h * x * (poly[0][s] + x * (poly[1][s] + x * (poly[2][s] + x * poly[3][s])));
}
// Where a spike comes between x0 (margin f0 < 0) and x1 (f1 >= 0): the ITP method (Oliveira and Takahashi, 2020).
float search(float t, float y[N], float h, float poly[4][N], float x0, float x1, float f0, float f1) {
    const float near = 6e-8;
    float radius = near * exp2(ceil(log2((x1 - x0) / (2.0 * near))) + 1.0), wide = x1 - x0;
    for (uint k = 0; k < SEARCH && x1 - x0 > 2.0 * near; k++) {
        float middle = 0.5 * (x0 + x1), line = (f1 * x0 - f0 * x1) / (f1 - f0), away = middle - line;
        float cut = min(0.2 / wide * (x1 - x0) * (x1 - x0), abs(away));
        float x = line + sign(away) * cut, room = max(radius - 0.5 * (x1 - x0), 0.0), z[N];
        x = abs(x - middle) <= room ? x : middle - sign(away) * room;
        if (!(x > x0 && x < x1)) x = middle;
        inside(y, h, poly, x, z);
        float f = margin(before + t + x * h, input_at(t + x * h), z);
        if (f >= 0.0) { x1 = x; f1 = f; } else { x0 = x; f0 = f; }
        radius *= 0.5;
    }
    return x1;
}
void main() {
    uint i = thread();
    if (i >= p.m) return;
    if (mark[p.m + i] != RUNNING) {
        mark[7 * p.m + i] = 0; // its slots were read after the dispatch before
        return;
    }
    for (uint k = 0; k < USER_PARAMETERS; k++) q[k] = parameters[p.spread == 1 ? k * p.m + i : k];
    float y[N], low[N], k[MOST][N];
    EACH(s) { y[s] = state[s * p.m + i]; low[s] = state[(N + s) * p.m + i]; }
    float t = clock[i], t_low = clock[p.m + i], h = clock[2 * p.m + i], last = clock[3 * p.m + i], quiet = clock[4 * p.m + i];
    uint at = mark[i], status = RUNNING, tried = mark[2 * p.m + i], steps = mark[3 * p.m + i], refused = mark[4 * p.m + i];
    uint next = mark[5 * p.m + i], kept = 0;
    bool below = mark[6 * p.m + i] == 1, fresh = true, again = false;
    if (steps == 0 && at == 0 && tried == 0) {
        c0 = current[i];
        if (current[i] != clock[5 * p.m + i]) h = 0.0; // the step was for another current
        if (mark[6 * p.m + i] == 2) below = margin(p.start, c0, y) < 0.0; // not known from an earlier run
        if (TRACE) EACH(s) trace[s * (p.intervals * p.samples + 1) * p.m + i] = y[s];
    }
    for (uint round = 0; round < p.rounds && status == RUNNING && !(TIMES && kept == p.slots); round++) {
        bool held = quiet > 0.0, spike = false, accepted = true, border = false;
        c0 = current[at * p.m + i];
        c1 = LINEAR ? current[(at + 1) * p.m + i] : c0;
        before = p.start + float(at) * p.interval;
        if (fresh) derive(before + t, input_at(t), y, held, k[0]);
        fresh = false;
        if (!finite(k[0]) || !finite(y)) { status = NOT_FINITE; break; }
        float left = (p.interval - t) - t_low, step = 0.0, x = 1.0, poly[4][N];
        EACH(s) [[unroll]] for (uint j = 0; j < 4; j++) poly[j][s] = 0.0;
        float grown = h;
        if (RESETS && !held && margin(before + t, input_at(t), y) >= 0.0) {
            spike = true;
            x = 0.0;
        } else if (left <= FLOOR * p.interval) {
            border = true; // a spike came at the very end
        } else {
            if (++tried > p.attempts) { status = TOO_MANY; break; }
            if (h <= 0.0) h = first_step(t, y, held, k[0]);
            h = min(h, p.longest);
            float stop = held ? min(left, quiet) : left;
            bool cut = h >= 0.9999 * stop;
            step = cut ? stop : h;
            float z[N], e[N], change[N];
            EACH(s) { e[s] = E[0] * k[0][s]; change[s] = 0.0; z[s] = 0.0; }
            [[unroll]] for (uint j = 1; j < MOST; j++) if (j < STAGES) {
                EACH(s) {
                    float sum = 0.0;
                    [[unroll]] for (uint l = 0; l < j; l++) sum += A[j * (j - 1) / 2 + l] * k[l][s];
                    change[s] = step * sum;
                    z[s] = y[s] + change[s];
                }
                float now = t + C[j] * step;
                derive(before + now, input_at(now), z, held, k[j]);
                EACH(s) e[s] += E[j] * k[j][s];
            }
            EACH(s) e[s] *= step;
            float error = size(e, y, z);
            steps++;
            accepted = finite(error) && finite(z) && error <= 1.0;
            if (!accepted) {
                refused++;
                again = true;
                h = step * (finite(error) && finite(z) ? max(0.2, 0.9 * pow(error, -1.0 / (ORDER + 1.0))) : 0.2);
                if (h < FLOOR * p.interval) status = finite(error) ? TOO_SMALL : NOT_FINITE;
            } else {
                // a controller with memory (Gustafsson's, with Hairer's exponents)
                float small = max(error, 1e-6);
                float factor = 0.9 * pow(small, -(1.0 / (ORDER + 1.0) - 0.03)) * pow(last, 0.04);
                grown = step * clamp(factor, 0.2, again ? 1.0 : 5.0); // not longer right after a refusal
                again = false;
                if (cut) grown = max(h, grown);
                last = max(small, 1e-4);
                border = cut && stop == left;
                EACH(s) [[unroll]] for (uint j = 0; j < 4; j++) {
                    float sum = 0.0;
                    [[unroll]] for (uint l = 0; l < MOST; l++) if (l < STAGES) sum += P[l * 4 + j] * k[l][s];
                    poly[j][s] = sum;
                }
                if (!held) { // at the end, and where the membrane may have come and gone
                    float x0 = 0.0, f0 = min(margin(before + t, input_at(t), y), -1e-30);
                    [[unroll]] for (uint j = 1; j <= 4; j++) if (!spike) {
                        float x1 = 0.25 * float(j), w[N];
                        if (j == 4) w = z; else inside(y, step, poly, x1, w);
                        float f1 = margin(before + t + x1 * step, input_at(t + x1 * step), w);
                        if (below && f1 >= 0.0) {
                            spike = true;
                            x = search(t, y, step, poly, x0, x1, f0, f1);
                        }
                        below = f1 < 0.0;
                        if (below) { x0 = x1; f0 = f1; }
                    }
                    if (!RESETS && spike) below = margin(before + t + step, input_at(t + step), z) < 0.0;
                }
                float end = spike && RESETS ? x * step : step;
                if (TRACE) {
                    float gap = p.interval / float(p.samples);
                    while (next <= p.samples) {
                        float ahead = next == p.samples ? left : (float(next) * gap - t) - t_low;
                        bool within = border && !(spike && RESETS) || ahead <= end;
                        if (!within) break;
                        float w[N];
                        inside(y, step, poly, clamp(ahead / step, 0.0, 1.0), w);
                        EACH(s) trace[(s * (p.intervals * p.samples + 1) + at * p.samples + next) * p.m + i] = w[s];
                        next++;
                    }
                }
                if (spike && RESETS && x < 1.0) {
                    float w[N];
                    inside(y, step, poly, x, w);
                    EACH(s) change[s] = w[s] - y[s];
                    step = end;
                    border = false;
                }
                if (!spike || !RESETS) h = grown;
            }
            if (accepted) EACH(s) add(y[s], low[s], change[s]);
        }
        if (!accepted || status != RUNNING) continue;
        float spiked = RESETS ? t + t_low + step : t + t_low + x * step;
        if (spike) {
            counts[at * p.m + i] += 1.0;
            if (TIMES) {
                when[kept * p.m + i] = min(spiked, p.interval);
                where[kept * p.m + i] = at;
                kept++;
            }
        }
        add(t, t_low, step);
        if (held) {
            quiet = step >= quiet ? 0.0 : quiet - step;
            if (quiet == 0.0) { // steps grew while the membrane stood still
                fresh = true;
                h = 0.0;
                last = 1e-4;
            }
        }
        [[unroll]] for (uint j = 1; j < MOST; j++) if (j == STAGES - 1 && step > 0.0) k[0] = k[j];
        if (spike && RESETS) {
            quiet = jump(before + t, input_at(t), y);
            EACH(s) low[s] = 0.0;
            if (margin(before + t, input_at(t), y) >= 0.0) status = STUCK;
            h = 0.0;
            last = 1e-4;
            fresh = true;
            below = true;
        }
        if (border) {
            if (TRACE) while (next <= p.samples) { // left out when a spike came at the very end
                EACH(s) trace[(s * (p.intervals * p.samples + 1) + at * p.samples + next) * p.m + i] = y[s];
                next++;
            }
            t = t_low = 0.0;
            tried = 0;
            next = 1;
            fresh = true;
            if (++at == p.intervals) {
                if (status == RUNNING) status = DONE;
            } else if (!LINEAR && current[at * p.m + i] != c0) h = 0.0; // the step was for another current
        }
    }
    EACH(s) { state[s * p.m + i] = y[s]; state[(N + s) * p.m + i] = low[s]; }
    clock[i] = t;
    clock[p.m + i] = t_low;
    clock[2 * p.m + i] = h;
    clock[3 * p.m + i] = last;
    clock[4 * p.m + i] = quiet;
    clock[5 * p.m + i] = LINEAR ? c1 : c0;
    mark[i] = at;
    mark[p.m + i] = status;
    mark[2 * p.m + i] = tried;
    mark[3 * p.m + i] = steps;
    mark[4 * p.m + i] = refused;
    mark[5 * p.m + i] = next;
    mark[6 * p.m + i] = below ? 1 : 0;
    mark[7 * p.m + i] = kept;
}
