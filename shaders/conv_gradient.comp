#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "divide.glsl"
// The gradient of a convolution's weight, for CPU devices: gw (parts, channels, lines * TAPS) from g and x whose rows are whole
// quads, where a line is a kernel row of a channel; and the sums of g. A workgroup is one subgroup that computes RA*SG channels
// by SG*EACH lines over a part of the output, in quads of it. Lanes load the windows of their own lines, and g is handed round.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint RA = 4;
layout(constant_id = 3) const uint TAPS = 3; // kernel columns
layout(constant_id = 4) const uint DW = 1;
layout(constant_id = 5) const int PW = 0;
layout(constant_id = 6) const uint SW = 1;
layout(constant_id = 7) const uint EACH = 1; // lines of a lane
layout(constant_id = 8) const bool SUMS = false;
layout(push_constant) uniform P {
    uint M, groups, across, lines, kh, total, count; // M: channels of g in a group; total: quads of a channel, count: of a part
    int h, wide, oh, along, sh, ph, dh, channels; // channels: of x in a group
} p;
QUADS_IN(0, x)
QUADS_IN(1, g)
layout(binding = 2) buffer GW { float gw[]; };
layout(binding = 3) buffer S { float sums[]; };
const uint ROWS = RA * SG, SHIFT = uint(-PW) & 3u, LOADS = (SHIFT + (TAPS - 1) * DW + 3 * SW) / 4 + 1, COLUMNS = EACH * TAPS;

void main() {
    uint lane = gl_SubgroupInvocationID, tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    uint part = divided(gl_WorkGroupID.z, p.groups), group = gl_WorkGroupID.z - part * p.groups, down = divided(tile, p.across);
    uint row0 = down * ROWS, line0 = (tile - down * p.across) * SG * EACH, M = p.M;
    uint from = part * p.count, to = min(from + p.count, p.total);
    int h = p.h, wide = p.wide, oh = p.oh, along = p.along, sh = p.sh, plane = oh * along, step = h * wide;
    int y_ = int(divided(from, uint(along))), b = int(from) - y_ * along, s = int(divided(uint(y_), uint(oh))), oy = y_ - s * oh;

    int pg[RA], px[EACH], top[EACH], all = int(p.groups * M), images = int(p.groups) * p.channels * step;
    [[unroll]] for (uint i = 0; i < RA; i++) pg[i] = (s * all + int(group * M + min(row0 + i * SG + lane, M - 1))) * plane + oy * along + b;
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint line = min(line0 + lane * EACH + e, p.lines - 1), channel = divided(line, p.kh);
        top[e] = int(line - channel * p.kh) * p.dh - p.ph;
        px[e] = s * images + (int(group) * p.channels + int(channel)) * step + top[e] * wide;
    }
    float acc[ROWS * COLUMNS];
    [[unroll]] for (uint r = 0; r < ROWS * COLUMNS; r++) acc[r] = 0.0;
    vec4 sum[RA];
    [[unroll]] for (uint i = 0; i < RA; i++) sum[i] = vec4(0);

    int moved = 0, y = oy * sh; // moved: words of g, and images of x, that lie between the samples
    for (uint k = from; k < to; k++) {
        vec4 gv[RA];
        [[unroll]] for (uint i = 0; i < RA; i++) {
            gv[i] = g[pg[i] + int(k - from) + moved * (all - 1) * plane];
            if (SUMS) sum[i] += gv[i];
        }
        int left = b * int(SW) + ((-PW) >> 2);
        [[unroll]] for (uint e = 0; e < EACH; e++) {
            vec4 v[LOADS];
            bool here = y + top[e] >= 0 && y + top[e] < h;
            [[unroll]] for (uint q = 0; q < LOADS; q++) {
                int z = left + int(q);
                bool inside = here && z >= 0 && z < wide;
                vec4 value = x[inside ? px[e] + moved * images + y * wide + z : 0];
                v[q] = inside ? value : vec4(0);
            }
            [[unroll]] for (uint q = 0; q < 4; q++)
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    float one = subgroupShuffle(gv[r / SG][q], r % SG);
                    [[unroll]] for (uint t = 0; t < TAPS; t++) {
                        uint at = SHIFT + t * DW + q * SW, c = r * COLUMNS + e * TAPS + t;
                        acc[c] = fma(one, v[at / 4][at % 4], acc[c]);
                    }
                }
        }
        if (++b == along) {
            b = 0;
            y += sh;
            if (++oy == oh) {
                oy = 0;
                y = 0;
                moved++;
            }
        }
    }
    uint depth = p.lines * TAPS, first = line0 + lane * EACH, base = (part * p.groups + group) * M;
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        if (row0 + r < M)
            [[unroll]] for (uint e = 0; e < EACH; e++)
                if (first + e < p.lines)
                    [[unroll]] for (uint t = 0; t < TAPS; t++)
                        gw[(base + row0 + r) * depth + (first + e) * TAPS + t] = acc[r * COLUMNS + e * TAPS + t];
    if (SUMS && line0 == 0)
        [[unroll]] for (uint i = 0; i < RA; i++) {
            uint row = row0 + i * SG + lane;
            if (row < M) sums[base + row] = sum[i].x + sum[i].y + sum[i].z + sum[i].w;
        }
}
