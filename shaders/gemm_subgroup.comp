#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "common.glsl"
// C = A B (+ bias), for CPU devices: a workgroup is one subgroup that computes RA*SG rows by 4*SG columns in registers.
// Lanes load wide and hand their values round with subgroupShuffle; there is no shared memory, which is slow there.
// KIND: 0 A (M,K) B (K,N); 1 A (M,K) B (N,K), so C = A B'; 2 A (K,M) B (K,N), so C = A' B.
// AV, BV, CV: rows of A, B, C are aligned to vec4. Rows and columns outside C are computed from clamped addresses and
// not stored.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint RA = 2;
layout(constant_id = 3) const uint KIND = 0;
layout(constant_id = 4) const bool AV = true;
layout(constant_id = 5) const bool BV = true;
layout(constant_id = 6) const bool CV = true;
layout(constant_id = 7) const bool BIAS = false;
layout(constant_id = 8) const bool ADD = false; // to what is in C: a long K is done in several dispatches
layout(push_constant) uniform P { uint M, N, K, first, last, batch_a, batch_b, batch_c; } p;
INPUT(0, a)
INPUT(1, b)
INPUT(2, bias)
OUTPUT(3, c)
const uint ROWS = RA * SG;
uint a_start, b_start;

vec4 a_quad(uint row, uint k) { // four neighbours along k
    uint at = a_start + min(row, p.M - 1) * p.K + k;
    if (AV) return a4[at / 4];
    vec4 v = vec4(0);
    for (uint q = 0; q < 4; q++) if (k + q < p.K) v[q] = a[at + q];
    return v;
}
vec4 b_columns(uint k, uint col) { // four neighbouring columns of row k
    if (k >= p.K) return vec4(0); // in the last step along k; 0 times a clamped value could be NaN
    uint at = b_start + k * p.N;
    if (BV) return b4[(at + min(col, p.N - 4)) / 4];
    vec4 v;
    for (uint q = 0; q < 4; q++) v[q] = b[at + min(col + q, p.N - 1)];
    return v;
}
vec4 b_quad(uint col, uint k) { // four neighbours along k of a row of B'
    uint at = b_start + min(col, p.N - 1) * p.K + k;
    if (BV) return b4[at / 4];
    vec4 v = vec4(0);
    for (uint q = 0; q < 4; q++) if (k + q < p.K) v[q] = b[at + q];
    return v;
}

void main() {
    uint lane = gl_SubgroupInvocationID;
    uint row0 = gl_WorkGroupID.y * ROWS, col0 = gl_WorkGroupID.x * SG * 4;
    a_start = gl_WorkGroupID.z * p.batch_a;
    b_start = gl_WorkGroupID.z * p.batch_b;
    vec4 acc[ROWS];
    for (uint r = 0; r < ROWS; r++) acc[r] = vec4(0);

    if (KIND == 2) {
        for (uint k = p.first; k < p.last; k++) {
            vec4 bv = b_columns(k, col0 + 4 * lane);
            if (AV && RA == 4) { // a lane holds four neighbouring rows
                vec4 av = a4[(a_start + k * p.M + min(row0 + 4 * lane, p.M - 4)) / 4];
                for (uint r = 0; r < SG; r++)
                    for (uint q = 0; q < 4; q++) acc[4 * r + q] = fma(vec4(subgroupShuffle(av[q], r)), bv, acc[4 * r + q]);
            } else for (uint i = 0; i < RA; i++) {
                float av = a[a_start + k * p.M + min(row0 + i * SG + lane, p.M - 1)];
                for (uint r = 0; r < SG; r++) acc[i * SG + r] = fma(vec4(subgroupShuffle(av, r)), bv, acc[i * SG + r]);
            }
        }
    } else if (KIND == 1) {
        for (uint k = p.first; k < p.last; k += 4) {
            vec4 bv[4];
            for (uint j = 0; j < 4; j++) bv[j] = b_quad(col0 + j * SG + lane, k);
            for (uint i = 0; i < RA; i++) {
                vec4 av = a_quad(row0 + i * SG + lane, k);
                for (uint q = 0; q < 4; q++)
                    for (uint r = 0; r < SG; r++)
                        acc[i * SG + r] = fma(vec4(subgroupShuffle(av[q], r)), vec4(bv[0][q], bv[1][q], bv[2][q], bv[3][q]), acc[i * SG + r]);
            }
        }
    } else {
        for (uint k = p.first; k < p.last; k += 4) {
            vec4 av[RA];
            for (uint i = 0; i < RA; i++) av[i] = a_quad(row0 + i * SG + lane, k);
            for (uint q = 0; q < 4; q++) {
                vec4 bv = b_columns(k + q, col0 + 4 * lane);
                for (uint i = 0; i < RA; i++)
                    for (uint r = 0; r < SG; r++) acc[i * SG + r] = fma(vec4(subgroupShuffle(av[i][q], r)), bv, acc[i * SG + r]);
            }
        }
    }

    uint c_start = gl_WorkGroupID.z * p.batch_c;
    for (uint r = 0; r < ROWS; r++) {
        uint row = row0 + r;
        if (row >= p.M) break;
        if (KIND != 1 && CV) {
            uint col = col0 + 4 * lane;
            if (col < p.N) {
                vec4 v = acc[r];
                uint at = (c_start + row * p.N + col) / 4;
                if (BIAS) v += bias4[col / 4];
                if (ADD) v += c4[at];
                c4[at] = v;
            }
        } else {
            for (uint j = 0; j < 4; j++) {
                uint col = KIND == 1 ? col0 + j * SG + lane : col0 + 4 * lane + j;
                if (col < p.N) {
                    float v = acc[r][j];
                    uint at = c_start + row * p.N + col;
                    if (BIAS) v += bias[col];
                    if (ADD) v += c[at];
                    c[at] = v;
                }
            }
        }
    }
}
