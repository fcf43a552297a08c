// Currents I = x W^T, as pairs of floats: x (rows, m), W (n, m), each with a low part where it has one.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool FUSED = true;
layout(constant_id = 2) const bool LOW_X = false;
layout(constant_id = 3) const bool LOW_W = false;
layout(constant_id = 4) const bool MORE = false; // products `first` to before `last` are added to those before
layout(constant_id = 5) const bool QUADS = true; // m is divisible by 4
layout(constant_id = 6) const uint SG = 8;       // rows of a thread: the lanes of a subgroup, or any number
layout(constant_id = 7) const uint CJ = 1;       // neurons of a thread
layout(constant_id = 8) const bool LISTED = false; // only the neurons on the list, side by side in rows of n
#include "double_single.glsl"
layout(push_constant) uniform P { uint rows, n, m, first, last, across, begin; } p; // begin: row of x; across: columns of tiles at once
INPUT(0, x)
INPUT(1, x_low)
INPUT(2, w)
INPUT(3, w_low)
layout(binding = 4) readonly buffer XX { float x_squares[]; }; // (rows)
layout(binding = 5) readonly buffer WW { float w_squares[]; }; // (n)
layout(binding = 6) buffer I0 { float current0[]; };
layout(binding = 7) buffer I1 { float current1[]; };
layout(binding = 8) readonly buffer L { uint list[]; };
layout(binding = 9) readonly buffer M { uint listed[]; };
#include "ode_sum.glsl"
void main() {
#if SHARED
    uint lane = gl_SubgroupInvocationID, tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, wide = SG * CJ;
#else
    uint lane = 0, tile = thread(), wide = 1;
#endif
    uint across = p.across, row0 = tile / across * SG, m = p.m, first = p.first, last = p.last, rows = p.rows, n = p.n;
    uint begin = p.begin, most = LISTED ? listed[0] : n;
    if (row0 >= rows) return;
    for (uint left = tile % across * wide; left < most; left += across * wide) {
        uint col0 = left + lane;
#if SHARED
        uint xa = (begin + min(row0 + lane, rows - 1)) * m;
        float own_squares = x_squares[begin + min(row0 + lane, rows - 1)];
#endif
        uint wa[CJ];
        float t[SG * CJ], low[SG * CJ];
        precise float start[SG * CJ];
        [[unroll]] for (uint j = 0; j < CJ; j++) {
            uint col = min(col0 + j * SG, most - 1);
            if (LISTED) col = list[col];
            wa[j] = col * m;
            float ww = w_squares[col];
            [[unroll]] for (uint r = 0; r < SG; r++) {
#if SHARED
                float xx = subgroupShuffle(own_squares, r);
#else
                float xx = x_squares[begin + min(row0 + r, rows - 1)];
#endif
                start[r * CJ + j] = t[r * CJ + j] = grid_of(xx, ww);
                low[r * CJ + j] = 0.0;
            }
        }
        for (uint k = first; k < last; k += 4) {
            vec4 wh[CJ], wl[CJ];
            [[unroll]] for (uint j = 0; j < CJ; j++) {
                wh[j] = QUAD(w, wa[j], k, last);
                if (LOW_W) wl[j] = QUAD(w_low, wa[j], k, last);
            }
#if SHARED
            vec4 xh = QUAD(x, xa, k, last), xl = vec4(0);
            if (LOW_X) xl = QUAD(x_low, xa, k, last);
#endif
            [[unroll]] for (uint r = 0; r < SG; r++) {
#if !SHARED
                uint xa = (begin + min(row0 + r, rows - 1)) * m;
                vec4 xh = QUAD(x, xa, k, last), xl = vec4(0);
                if (LOW_X) xl = QUAD(x_low, xa, k, last);
#endif
                [[unroll]] for (uint q = 0; q < 4; q++) {
#if SHARED
                    float a = subgroupShuffle(xh[q], r), al = 0.0;
                    if (LOW_X) al = subgroupShuffle(xl[q], r);
#else
                    float a = xh[q], al = xl[q];
#endif
                    [[unroll]] for (uint j = 0; j < CJ; j++) {
                        uint at = r * CJ + j;
                        add_product(t[at], low[at], a, wh[j][q], al, LOW_W ? wl[j][q] : 0.0);
                    }
                }
            }
        }
        [[unroll]] for (uint r = 0; r < SG; r++)
            if (row0 + r < rows)
                [[unroll]] for (uint j = 0; j < CJ; j++) {
                    uint col = col0 + j * SG, at = (row0 + r) * n + col;
                    if (col < most) {
                        vec2 sum = sum_of(t[r * CJ + j], low[r * CJ + j], start[r * CJ + j]);
                        if (MORE) sum = plus(sum, vec2(current0[at], current1[at]));
                        current0[at] = sum.x;
                        current1[at] = sum.y;
                    }
                }
    }
}
