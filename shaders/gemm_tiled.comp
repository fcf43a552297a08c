#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "gemm.glsl"
//! OP: GEMM_* of gemm.glsl
// C = A B with an epilogue, for GPUs: a workgroup of TX*TY computes BM by BN through shared memory, a thread QM by QN blocks
// of 4 by 4. The next BK steps along k wait in registers while these are multiplied. The edges of A and B are read as 0.
// 128 by 128: 64 sums, 16 values on their way and 16 factors a thread, some 120 registers, so two workgroups of 256 on a
// multiprocessor of 64 Ki registers; 4 reads of 16 bytes from shared memory feed 64 FMA, so the FMA units are the limit.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint TX = 16;
layout(constant_id = 2) const uint TY = 16;
layout(constant_id = 3) const uint QM = 2;
layout(constant_id = 4) const uint QN = 2;
layout(constant_id = 5) const bool AV = true;
layout(constant_id = 6) const bool BV = true;
layout(constant_id = 7) const bool CV = true;
layout(constant_id = 8) const bool BIAS = false;
layout(constant_id = 9) const bool ADD = false; // to what is in C: a long K is done in several dispatches
layout(constant_id = 10) const bool SPLIT = false; // z is a part of K, `span` long; gemm_sum adds up the parts
layout(constant_id = 11) const uint ACT = 0;
layout(constant_id = 12) const uint EXTRA = 0;
PRODUCT_PUSH
INPUT(0, a)
INPUT(1, b)
INPUT(2, bias)
INPUT(3, extra)
OUTPUT(4, c)
const uint BK = 16, BM = 4 * QM * TY, BN = 4 * QN * TX, THREADS = TX * TY, BAND = 8;
const uint LA = QM * BK / TX, LB = QN * BK / TY; // quads of A and B that a thread brings
shared vec4 as_[BK][QM * TY + 1]; // [k][row / 4]; one more, so that rows of k begin in other banks
shared vec4 bs_[BK][QN * TX + 1];

vec4 a_along(uint at, uint row, uint k, uint last) { // four neighbours along k
    vec4 v = vec4(0);
    if (row >= p.M) return v;
    if (AV) { if (k < last) v = a4[at / 4]; }
    else for (uint q = 0; q < 4; q++) if (k + q < last) v[q] = a[at + q];
    return v;
}
vec4 b_along(uint at, uint col, uint k, uint last) {
    vec4 v = vec4(0);
    if (col >= p.N) return v;
    if (BV) { if (k < last) v = b4[at / 4]; }
    else for (uint q = 0; q < 4; q++) if (k + q < last) v[q] = b[at + q];
    return v;
}
vec4 a_across(uint at, uint row, uint k, uint last) { // four neighbouring rows of C
    vec4 v = vec4(0);
    if (k >= last) return v;
    if (AV) { if (row < p.M) v = a4[at / 4]; }
    else for (uint q = 0; q < 4; q++) if (row + q < p.M) v[q] = a[at + q];
    return v;
}
vec4 b_across(uint at, uint col, uint k, uint last) {
    vec4 v = vec4(0);
    if (k >= last) return v;
    if (BV) { if (col < p.N) v = b4[at / 4]; }
    else for (uint q = 0; q < 4; q++) if (col + q < p.N) v[q] = b[at + q];
    return v;
}

void main() {
    uint t = gl_LocalInvocationID.x, tx = t % TX, ty = t / TX;
    // workgroups walk in bands of eight rows of tiles, so that those at work together share A and B in the cache
    uint tile = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, down = (p.M + BM - 1) / BM;
    uint band = tile / (BAND * p.across), within = tile % (BAND * p.across);
    if (band * BAND >= down) return; // the whole workgroup
    uint high = min(BAND, down - band * BAND);
    uint row0 = (band * BAND + within % high) * BM, col0 = within / high * BN;
    if (col0 >= p.N) return;
    uint z = SPLIT ? 0 : gl_WorkGroupID.z + p.z0, part = SPLIT ? gl_WorkGroupID.z : 0;
    uint first = p.first + part * p.span, last = SPLIT ? min(first + p.span, p.last) : p.last;
    uint a_start = START(a, z), b_start = START(b, z);

    vec4 ra[LA], rb[LB];
    vec4 acc[4 * QM][QN];
    for (uint i = 0; i < 4 * QM; i++) for (uint j = 0; j < QN; j++) acc[i][j] = vec4(0);
    for (uint k0 = first; k0 < last + BK; k0 += BK) { // the first round only loads, the last one only multiplies
        if (k0 > first) {
            barrier(); // all have read the tiles before
            for (uint i = 0; i < LA; i++) {
                uint e = t + i * THREADS;
                if (KIND == 2) as_[e / (BM / 4)][e % (BM / 4)] = ra[i];
                else for (uint q = 0; q < 4; q++) as_[e % (BK / 4) * 4 + q][e / BK][e / (BK / 4) % 4] = ra[i][q];
            }
            for (uint i = 0; i < LB; i++) {
                uint e = t + i * THREADS;
                if (KIND != 1) bs_[e / (BN / 4)][e % (BN / 4)] = rb[i];
                else for (uint q = 0; q < 4; q++) bs_[e % (BK / 4) * 4 + q][e / BK][e / (BK / 4) % 4] = rb[i][q];
            }
            barrier();
        }
        if (k0 < last) {
            for (uint i = 0; i < LA; i++) {
                uint e = t + i * THREADS;
                uint row = row0 + (KIND == 2 ? e % (BM / 4) * 4 : e / (BK / 4)), k = k0 + (KIND == 2 ? e / (BM / 4) : e % (BK / 4) * 4);
                ra[i] = KIND == 2 ? a_across(a_start + k * p.lda + row, row, k, last) : a_along(a_start + row * p.lda + k, row, k, last);
            }
            for (uint i = 0; i < LB; i++) {
                uint e = t + i * THREADS;
                uint col = col0 + (KIND != 1 ? e % (BN / 4) * 4 : e / (BK / 4)), k = k0 + (KIND != 1 ? e / (BN / 4) : e % (BK / 4) * 4);
                rb[i] = KIND != 1 ? b_across(b_start + k * p.ldb + col, col, k, last) : b_along(b_start + col * p.ldb + k, col, k, last);
            }
        }
        if (k0 > first)
            for (uint k = 0; k < BK; k++) { // a thread's blocks lie TY and TX quads apart: neighbours read neighbouring banks
                vec4 av[QM], bv[QN];
                for (uint i = 0; i < QM; i++) av[i] = as_[k][ty + i * TY];
                for (uint j = 0; j < QN; j++) bv[j] = bs_[k][tx + j * TX];
                for (uint i = 0; i < QM; i++)
                    for (uint q = 0; q < 4; q++)
                        for (uint j = 0; j < QN; j++) acc[4 * i + q][j] = fma(vec4(av[i][q]), bv[j], acc[4 * i + q][j]);
            }
    }

    uint c_start = START(c, z) + part * p.M * p.ldc;
    for (uint j = 0; j < QN; j++) {
        uint col = col0 + 4 * (tx + j * TX);
        if (col >= p.N) break;
        for (uint i = 0; i < 4 * QM; i++) {
            uint row = row0 + 4 * (ty + i / 4 * TY) + i % 4;
            if (row >= p.M) break;
            uint at = c_start + row * p.ldc + col, e = (z * p.M + row) * p.N + col;
            vec4 v = acc[i][j];
            if (CV) {
                if (BIAS) v += bias4[col / 4];
                if (ADD) v += c4[at / 4];
                vec4 w = EXTRA == 0 ? vec4(0) : extra4[e / 4];
                c4[at / 4] = vec4(finished(ACT, EXTRA, v.x, w.x), finished(ACT, EXTRA, v.y, w.y), finished(ACT, EXTRA, v.z, w.z), finished(ACT, EXTRA, v.w, w.w));
            } else for (uint q = 0; q < 4; q++) {
                if (col + q >= p.N) break;
                float s = v[q] + (BIAS ? bias[col + q] : 0.0) + (ADD ? c[at + q] : 0.0);
                c[at + q] = finished(ACT, EXTRA, s, EXTRA == 0 ? 0.0 : extra[e + q]);
            }
        }
    }
}
