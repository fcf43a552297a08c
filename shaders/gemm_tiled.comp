#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// C = A B (+ bias), for GPUs: a workgroup of 256 computes BM by BN through shared memory, a thread TM by TN of it.
// KIND as in gemm_subgroup. The edges of A and B are read as 0.
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint TM = 4;
layout(constant_id = 1) const uint TN = 4;
layout(constant_id = 2) const uint KIND = 0;
layout(constant_id = 3) const bool BIAS = false;
layout(constant_id = 4) const bool ADD = false; // to what is in C: a long K is done in several dispatches
layout(push_constant) uniform P { uint M, N, K, first, last, batch_a, batch_b, batch_c; } p;
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };
layout(binding = 3) buffer C { float c[]; };
const uint BK = 16, BM = 16 * TM, BN = 16 * TN;
shared float as_[BK][BM + 1];
shared float bs_[BK][BN + 1];

void main() {
    uint t = gl_LocalInvocationID.x, tx = t % 16, ty = t / 16;
    uint row0 = gl_WorkGroupID.y * BM, col0 = gl_WorkGroupID.x * BN;
    uint a_start = gl_WorkGroupID.z * p.batch_a, b_start = gl_WorkGroupID.z * p.batch_b;
    float acc[TM][TN];
    for (uint i = 0; i < TM; i++) for (uint j = 0; j < TN; j++) acc[i][j] = 0.0;
    for (uint k0 = p.first; k0 < p.last; k0 += BK) {
        // neighbouring threads read neighbouring addresses
        for (uint e = t; e < BM * BK; e += 256) {
            uint m = KIND == 2 ? e % BM : e / BK, k = KIND == 2 ? e / BM : e % BK;
            bool inside = row0 + m < p.M && k0 + k < p.last;
            uint at = KIND == 2 ? (k0 + k) * p.M + row0 + m : (row0 + m) * p.K + k0 + k;
            as_[k][m] = inside ? a[a_start + at] : 0.0;
        }
        for (uint e = t; e < BN * BK; e += 256) {
            uint n = KIND == 1 ? e / BK : e % BN, k = KIND == 1 ? e % BK : e / BN;
            bool inside = col0 + n < p.N && k0 + k < p.last;
            uint at = KIND == 1 ? (col0 + n) * p.K + k0 + k : (k0 + k) * p.N + col0 + n;
            bs_[k][n] = inside ? b[b_start + at] : 0.0;
        }
        barrier();
        for (uint k = 0; k < BK; k++) {
            float av[TM], bv[TN];
            for (uint i = 0; i < TM; i++) av[i] = as_[k][ty + 16 * i];
            for (uint j = 0; j < TN; j++) bv[j] = bs_[k][tx + 16 * j];
            for (uint i = 0; i < TM; i++) for (uint j = 0; j < TN; j++) acc[i][j] = fma(av[i], bv[j], acc[i][j]);
        }
        barrier();
    }
    uint c_start = gl_WorkGroupID.z * p.batch_c;
    for (uint i = 0; i < TM; i++)
        for (uint j = 0; j < TN; j++) {
            uint row = row0 + ty + 16 * i, col = col0 + tx + 16 * j;
            if (row >= p.M || col >= p.N) continue;
            uint at = c_start + row * p.N + col;
            c[at] = acc[i][j] + (BIAS ? bias[col] : 0.0) + (ADD ? c[at] : 0.0);
        }
}
