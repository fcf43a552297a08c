#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "gemm.glsl"
//! OP: GEMM_* of gemm.glsl
// C = A B with an epilogue, for CPU devices: a workgroup is one subgroup that computes RA*SG rows by CJ*SG columns.
// Lanes load wide and hand their values round with subgroupShuffle; there is no shared memory, which is slow there.
// A load costs a lane 40 instructions, so tiles are large though their sums spill; what a loop carries costs a blend, so
// four steps along k are unrolled; a push constant is a gather inside a loop, so all are read before it.
// AV, BV, CV: quads of A, B, C are aligned. KV: K is a multiple of 4. Rows and columns outside C are computed from clamped
// addresses and not stored.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint RA = 2;
layout(constant_id = 3) const uint CJ = 4;
layout(constant_id = 4) const bool AV = true;
layout(constant_id = 5) const bool BV = true;
layout(constant_id = 6) const bool CV = true;
layout(constant_id = 7) const bool KV = true;
layout(constant_id = 8) const bool BIAS = false;
layout(constant_id = 9) const bool ADD = false; // to what is in C: a long K is done in several dispatches
layout(constant_id = 10) const uint ACT = 0;
layout(constant_id = 11) const uint EXTRA = 0;
PRODUCT_PUSH
INPUT(0, a)
INPUT(1, b)
INPUT(2, bias)
INPUT(3, extra)
OUTPUT(4, c)
const uint ROWS = RA * SG, QUADS = ROWS / 4; // QUADS: lanes that hold the rows of a step where each has four

void main() {
    uint lane = gl_SubgroupInvocationID, tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    uint row0 = tile / p.across * ROWS, col0 = tile % p.across * SG * CJ, col = col0 + CJ * lane, z = gl_WorkGroupID.z + p.z0;
    uint M = p.M, N = p.N, K = p.K, first = p.first, last = p.last, lda = p.lda, ldb = p.ldb;
    uint c_start = START(c, z) + row0 * p.ldc + col, extra_start = (z * M + row0) * N + col;
    uint ldc = p.ldc, rows = row0 < M ? M - row0 : 0;
    vec4 acc[ROWS];
    vec4 sum = vec4(0);
    bool wide = CJ == 4 && CV;
    if (BIAS && wide) sum = bias4[min(col, N - 4) / 4];
    else if (BIAS) for (uint j = 0; j < CJ; j++) sum[j] = bias[min(col + j, N - 1)];
    for (uint r = 0; r < ROWS; r++) acc[r] = sum;

    // where a lane's values begin: along k where k is the last axis, else along rows and columns
    uint pa[RA], pb[4];
    if (KIND == 2 && AV) pa[0] = START(a, z) / 4 + min(row0 + lane % QUADS * 4, (M - 1) & ~3u) / 4;
    else for (uint i = 0; i < RA; i++) {
        uint row = min(row0 + i * SG + lane, M - 1);
        pa[i] = START(a, z) + (KIND == 2 ? row : row * lda);
        if (AV) pa[i] /= 4;
    }
    if (KIND != 1 && BV) pb[0] = (START(b, z) + min(col, (N - 1) & ~3u)) / 4;
    else for (uint j = 0; j < CJ; j++) {
        pb[j] = START(b, z) + min(col + j, N - 1) * (KIND == 1 ? ldb : 1);
        if (BV) pb[j] /= 4;
    }
    if (AV) lda /= 4;
    if (BV) ldb /= 4;

    for (uint k = first; k < last; k += 4) {
        vec4 av[4], bv[4]; // av[i][q]: row i*SG + lane (TN with quads: see below), step k + q; bv[q]: columns, step k + q
        if (KIND == 2 && AV) { // a quad of rows to a lane; 4 / RA steps along k share a load
            for (uint i = 0; i < RA; i++) av[i] = a4[pa[0] + min(k + i * (4 / RA) + lane / QUADS, K - 1) * lda];
        } else for (uint i = 0; i < RA; i++) {
            if (KIND != 2 && AV) av[i] = a4[pa[i] + k / 4];
            else for (uint q = 0; q < 4; q++) {
                uint at = KV ? k + q : min(k + q, K - 1);
                float v = a[pa[i] + (KIND == 2 ? at * lda : at)];
                av[i][q] = KV || k + q < K ? v : 0.0; // 0 times a clamped value could be NaN
            }
        }
        if (KIND == 1) {
            vec4 along[4];
            for (uint j = 0; j < CJ; j++) {
                if (BV) along[j] = b4[pb[j] + k / 4];
                else for (uint q = 0; q < 4; q++) {
                    float v = b[pb[j] + (KV ? k + q : min(k + q, K - 1))];
                    along[j][q] = KV || k + q < K ? v : 0.0;
                }
            }
            for (uint q = 0; q < 4; q++) {
                bv[q] = vec4(0);
                for (uint j = 0; j < CJ; j++) bv[q][j] = along[j][q];
            }
        } else for (uint q = 0; q < 4; q++) {
            uint at = (KV ? k + q : min(k + q, K - 1)) * ldb;
            bv[q] = vec4(0);
            if (BV) bv[q] = b4[pb[0] + at];
            else for (uint j = 0; j < CJ; j++) bv[q][j] = b[pb[j] + at];
            if (!KV) bv[q] = k + q < K ? bv[q] : vec4(0);
        }
        [[unroll]] for (uint q = 0; q < 4; q++)
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                float v = KIND == 2 && AV ? subgroupShuffle(av[q * RA / 4][r % 4], q % (4 / RA) * QUADS + r / 4)
                                          : subgroupShuffle(av[r / SG][q], r % SG);
                if (KIND == 2 && AV && !KV) v = k + q < K ? v : 0.0;
                acc[r] = fma(vec4(v), bv[q], acc[r]);
            }
    }

    bool direct = EXTRA == 0 && ACT <= 1; // no more than a relu: at once. Else in a loop over what was stored: small code
    for (uint r = 0; r < ROWS; r++) {
        if (r < rows) {
            vec4 v = acc[r];
            uint at = c_start + r * ldc;
            if (wide) {
                if (col < N) {
                    if (ADD) v += c4[at / 4];
                    if (direct && ACT == 1) v = vec4(activated(1, v.x), activated(1, v.y), activated(1, v.z), activated(1, v.w));
                    c4[at / 4] = v;
                }
            } else for (uint j = 0; j < CJ; j++)
                if (col + j < N) {
                    if (ADD) v[j] += c[at + j];
                    c[at + j] = direct ? activated(ACT, v[j]) : v[j];
                }
        }
    }
    if (direct) return;
    [[dont_unroll]] for (uint r = 0; r < min(rows, ROWS); r++) {
        uint at = c_start + r * ldc, e = extra_start + r * N;
        if (wide) {
            if (col < N) {
                vec4 v = c4[at / 4], w = EXTRA == 0 ? vec4(0) : extra4[e / 4];
                c4[at / 4] = vec4(finished(ACT, EXTRA, v.x, w.x), finished(ACT, EXTRA, v.y, w.y), finished(ACT, EXTRA, v.z, w.z), finished(ACT, EXTRA, v.w, w.w));
            }
        } else for (uint j = 0; j < CJ; j++)
            if (col + j < N) c[at + j] = finished(ACT, EXTRA, c[at + j], EXTRA == 0 ? 0.0 : extra[e + j]);
    }
}
