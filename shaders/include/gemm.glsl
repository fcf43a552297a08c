#include "functions.glsl"
// What the bodies of the matrix product share: their variants, where matrices lie, and what happens to a sum at the end.
// nn: A (M,K) B (K,N), so C = A B; nt: B (N,K), so C = A B'; tn: A (K,M), so C = A' B.
#define GEMM_nn 0
#define GEMM_nt 1
#define GEMM_tn 2
#define KIND JOIN(GEMM_, OP)
// Rows lie ld words apart. Matrix z of a batch is (z / inner, z % inner): outer and inner strides, and a start.
#define GEMM_PUSH layout(push_constant) uniform P { \
    uint M, N, K, first, last, span, across, z0, inner, lda, ldb, ldc, a0, b0, c0, a_outer, a_inner, b_outer, b_inner, c_outer, c_inner; } p;
#define START(m, z) (p.m##0 + (z) / p.inner * p.m##_outer + (z) % p.inner * p.m##_inner)

float activated(uint which, float x) { // the order is that of ACTIVATIONS in ops/gemm.py
    if (which == 1) return F_relu;
    if (which == 2) return F_gelu;
    if (which == 3) return F_silu;
    if (which == 4) return F_sigmoid;
    if (which == 5) return F_tanh;
    return x;
}
// EXTRA: 1 is added before the activation, 2 is multiplied after it, 3 puts 0 where it is 0.
float finished(uint which, uint extra, float v, float e) {
    v = activated(which, extra == 1 ? v + e : v);
    return extra == 2 ? v * e : extra == 3 && e == 0.0 ? 0.0 : v;
}
