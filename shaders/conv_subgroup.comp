#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
// A convolution for CPU devices: as gemm_subgroup, a workgroup is one subgroup that computes RA*SG channels of SG quads of the
// output, and weights are handed round. The windows of a kernel row are cut from a few quads of x, in registers. Rows of x are
// whole quads, so a quad of x is inside or outside as a whole. What is computed is every OUT-th column of y.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint RA = 2;
layout(constant_id = 3) const uint TAPS = 3; // kernel columns
layout(constant_id = 4) const uint DW = 1;
layout(constant_id = 5) const int PW = 0;
layout(constant_id = 6) const uint SW = 1;
layout(constant_id = 7) const uint EACH = 1; // kernel rows, of all channels, that a round does: what a loop carries costs a blend
layout(constant_id = 8) const bool BIAS = false;
layout(constant_id = 9) const bool WIDE = false; // rows of y are whole quads, and OUT is 1
layout(constant_id = 10) const uint OUT = 1;
layout(push_constant) uniform P {
    uint M, height, total, across, cg, channels, kh; // M: channels of the output in a group; total: quads of a channel
    int h, wide, oh, along, ow, sh, ph, dh; // along: quads of a row that are computed, ow: words
    uint area, line, first; // words of y from channel to channel and from row to row, and before the first
} p;
QUADS_IN(0, x)
QUADS_IN(1, w)
layout(binding = 2) readonly buffer B { float bias[]; };
OUTPUT(3, y)
const uint ROWS = RA * SG, QUADS = ROWS / 4, SHARE = 4 / RA; // SHARE: taps that one load of weights is for
const uint SHIFT = uint(-PW) & 3u, LOADS = (SHIFT + (TAPS - 1) * DW + 3 * SW) / 4 + 1;
const uint STEPS = EACH * TAPS, WEIGHTS = (STEPS + SHARE - 1) / SHARE;

void main() {
    uint lane = gl_SubgroupInvocationID, tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, g = gl_WorkGroupID.z;
    uint down_tile = divided(tile, p.across), row0 = down_tile * ROWS, M = p.M, at = (tile - down_tile * p.across) * SG + lane;
    uint i = min(at, p.total - 1), line = divided(i, uint(p.along)), sample_ = divided(line, uint(p.oh));
    uint step = p.height / 4, lines = p.cg * p.kh, kh = p.kh;
    int wide = p.wide, h = p.h, dh = p.dh, b = int(i) - int(line) * p.along, s = int(sample_), oy = int(line) - s * p.oh;
    int left = b * int(SW) + ((-PW) >> 2), top = oy * p.sh - p.ph, plane = h * wide;
    int start = (s * int(p.channels) + int(g * p.cg)) * plane + top * wide + left;
    uint from = (g * lines * TAPS) * step + min(row0 / 4 + lane % QUADS, step - 1), mine = lane / QUADS;
    uint last = max(lines * TAPS, 1u) - 1;
    vec4 acc[ROWS];
    for (uint r = 0; r < ROWS; r++) acc[r] = vec4(BIAS ? bias[g * M + min(row0 + r, M - 1)] : 0.0);

    uint u = 0;
    int down = 0, begin = start;
    for (uint k = 0; k < lines; k += EACH) {
        vec4 weights[WEIGHTS];
        [[unroll]] for (uint q = 0; q < WEIGHTS; q++)
            weights[q] = w[from + min(k * TAPS + q * SHARE + mine, last) * step];
        [[unroll]] for (uint each = 0; each < EACH; each++) {
            vec4 v[LOADS];
            bool here = top + down >= 0 && top + down < h && (EACH == 1 || k + each < lines);
            [[unroll]] for (uint q = 0; q < LOADS; q++) {
                int z = left + int(q);
                bool inside = here && z >= 0 && z < wide;
                vec4 e = x[inside ? begin + down * wide + int(q) : 0];
                v[q] = inside ? e : vec4(0);
            }
            [[unroll]] for (uint t = 0; t < TAPS; t++) {
                vec4 e;
                [[unroll]] for (uint q = 0; q < 4; q++) e[q] = v[(SHIFT + t * DW + q * SW) / 4][(SHIFT + t * DW + q * SW) % 4];
                uint now = each * TAPS + t;
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    float one = subgroupShuffle(weights[now / SHARE][r % 4], now % SHARE * QUADS + r / 4);
                    acc[r] = fma(vec4(one), e, acc[r]);
                }
            }
            u++;
            down += dh;
            if (u == kh) {
                u = 0;
                down = 0;
                begin += plane;
            }
        }
    }
    uint col = uint(b) * 4, ow = uint(p.ow), area = p.area;
    uint to = ((uint(s) * gl_NumWorkGroups.z + g) * M + row0) * area + uint(oy) * p.line + p.first;
    for (uint r = 0; r < ROWS; r++)
        if (row0 + r < M && at < p.total) {
            if (WIDE) y4[(to + r * area + col) / 4] = acc[r];
            else [[unroll]] for (uint q = 0; q < 4; q++) if (col + q < ow) y[to + r * area + (col + q) * OUT] = acc[r][q];
        }
}
