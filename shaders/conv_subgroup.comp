#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
// A convolution with a stride of 1 along rows, for CPU devices: as gemm_subgroup, a workgroup is one subgroup that computes
// RA*SG channels of SG quads of the output, and weights are handed round. The windows of a kernel row are cut from a few quads
// of x, in registers. Rows of x are whole quads, so a quad of x is inside or outside as a whole. Of SKIP columns one is stored.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint RA = 2;
layout(constant_id = 3) const uint TAPS = 3; // kernel columns
layout(constant_id = 4) const uint DW = 1;
layout(constant_id = 5) const int PW = 0;
layout(constant_id = 6) const bool BIAS = false;
layout(constant_id = 7) const bool WIDE = false; // rows of y are whole quads, and SKIP is 1
layout(constant_id = 8) const uint SKIP = 1;
layout(push_constant) uniform P {
    uint M, height, total, across, cg, channels, kh; // M: channels of the output in a group; total: quads of a channel
    int h, wide, oh, along, ow, sh, ph, dh; // along: quads of a row that are computed, ow: words that are stored
} p;
QUADS_IN(0, x)
QUADS_IN(1, w)
layout(binding = 2) readonly buffer B { float bias[]; };
OUTPUT(3, y)
const uint ROWS = RA * SG, QUADS = ROWS / 4, SHARE = 4 / RA; // SHARE: taps that one load of weights is for
const uint SHIFT = uint(-PW) & 3u, LOADS = (SHIFT + (TAPS - 1) * DW + 3) / 4 + 1, WEIGHTS = (TAPS + SHARE - 1) / SHARE;

void main() {
    uint lane = gl_SubgroupInvocationID, tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, g = gl_WorkGroupID.z;
    uint row0 = tile / p.across * ROWS, M = p.M, at = tile % p.across * SG + lane, i = min(at, p.total - 1);
    uint step = p.height / 4, lines = p.cg * p.kh, kh = p.kh;
    int wide = p.wide, h = p.h, dh = p.dh, b = int(i) % p.along, line = int(i) / p.along, oy = line % p.oh, s = line / p.oh;
    int left = b + ((-PW) >> 2), top = oy * p.sh - p.ph, plane = h * wide;
    int start = (s * int(p.channels) + int(g * p.cg)) * plane + top * wide + left;
    uint from = (g * lines * TAPS) * step + min(row0 / 4 + lane % QUADS, step - 1), mine = lane / QUADS;
    vec4 acc[ROWS];
    for (uint r = 0; r < ROWS; r++) acc[r] = vec4(BIAS ? bias[g * M + min(row0 + r, M - 1)] : 0.0);

    uint u = 0;
    int down = 0, begin = start;
    for (uint k = 0; k < lines; k++) {
        vec4 v[LOADS], weights[WEIGHTS];
        bool here = top + down >= 0 && top + down < h;
        [[unroll]] for (uint q = 0; q < LOADS; q++) {
            int z = left + int(q);
            bool inside = here && z >= 0 && z < wide;
            vec4 e = x[inside ? begin + down * wide + int(q) : 0];
            v[q] = inside ? e : vec4(0);
        }
        [[unroll]] for (uint q = 0; q < WEIGHTS; q++)
            weights[q] = w[from + (k * TAPS + min(q * SHARE + mine, TAPS - 1)) * step];
        [[unroll]] for (uint t = 0; t < TAPS; t++) {
            vec4 e;
            [[unroll]] for (uint q = 0; q < 4; q++) e[q] = v[(SHIFT + t * DW + q) / 4][(SHIFT + t * DW + q) % 4];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                float one = subgroupShuffle(weights[t / SHARE][r % 4], t % SHARE * QUADS + r / 4);
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
    uint col = uint(b) * 4, ow = uint(p.ow), area = uint(p.oh) * ow;
    uint to = ((uint(s) * gl_NumWorkGroups.z + g) * M + row0) * area + uint(oy) * ow;
    for (uint r = 0; r < ROWS; r++)
        if (row0 + r < M && at < p.total) {
            if (WIDE) y4[(to + r * area + col) / 4] = acc[r];
            else [[unroll]] for (uint q = 0; q < 4; q++)
                if ((col + q) % SKIP == 0 && (col + q) / SKIP < ow) y[to + r * area + (col + q) / SKIP] = acc[r][q];
        }
}
