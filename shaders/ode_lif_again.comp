#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 8) in;
layout(constant_id = 0) const bool FUSED = true;
layout(constant_id = 1) const bool LOW_X = false;
layout(constant_id = 2) const bool LOW_W = false;
layout(constant_id = 3) const bool QUADS = true; // m is divisible by 4
#define SIZES uint n, neurons, m, first, last, stride;
#include "ode_lif.glsl"
// The neurons of several samples on the list of ode_lif_fast, in pairs of floats: intervals `first` to before `last`. Each
// has inputs of its own, so that nothing is shared, as in ode_current.glsl.
INPUT(0, x)
INPUT(1, x_low)
INPUT(2, w)
INPUT(3, w_low)
layout(binding = 4) readonly buffer XX { float x_squares[]; };
layout(binding = 5) readonly buffer WW { float w_squares[]; };
layout(binding = 6) readonly buffer L { uint list[]; };
layout(binding = 7) readonly buffer M { uint listed[]; };
layout(binding = 8) buffer V0 { float v0[]; };
layout(binding = 9) buffer V1 { float v1[]; };
layout(binding = 10) buffer N { float counts[]; };
#include "ode_sum.glsl"
void main() {
    uint n = p.n, m = p.m, first = p.first, last = p.last, neurons = p.neurons, batch = n / neurons, most = listed[0], stride = p.stride;
    for (uint place = thread(); place < most; place += stride) {
        uint i = list[place], neuron = i % neurons, who = i / neurons, b = neuron * m;
        vec2 v = vec2(v0[i], v1[i]);
        float ww = w_squares[neuron];
        for (uint t = first; t < last; t++) {
            uint row = t * batch + who, a = row * m;
            float start = grid_of(x_squares[row], ww), high = start, low = 0.0;
            for (uint k = 0; k < m; k += 4) {
                vec4 xh = QUAD(x, a, k, m), wh = QUAD(w, b, k, m), xl = vec4(0), wl = vec4(0);
                if (LOW_X) xl = QUAD(x_low, a, k, m);
                if (LOW_W) wl = QUAD(w_low, b, k, m);
                for (uint q = 0; q < 4; q++) add_product(high, low, xh[q], wh[q], xl[q], wl[q]);
            }
            Cell c = cell_of(sum_of(high, low, start), v);
            float count;
            v = next_of(c, count);
            counts[t * n + i] = count;
        }
        v0[i] = v.x;
        v1[i] = v.y;
    }
}
