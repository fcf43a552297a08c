#include "smooth.glsl"
// What the bodies of the matrix product share: their variants, where matrices lie, and what happens to a sum at the end.
// nn: A (M,K) B (K,N), so C = A B; nt: B (N,K), so C = A B'; tn: A (K,M), so C = A' B. A name with _f has the activations
// beyond relu (smooth_): a driver takes milliseconds to throw away what a pipeline does not use.
#define GEMM_nn 0
#define GEMM_nt 1
#define GEMM_tn 2
#define GEMM_nn_f 0
#define GEMM_nt_f 1
#define GEMM_tn_f 2
#define KIND JOIN(GEMM_, OP)
#define MORE_nn x
#define MORE_nt x
#define MORE_tn x
#define MORE_nn_f smooth_(which, x)
#define MORE_nt_f smooth_(which, x)
#define MORE_tn_f smooth_(which, x)
// Rows lie ld words apart. Matrix z of a batch is (z / inner, z % inner): outer and inner strides, and a start.
#define PRODUCT_PUSH layout(push_constant) uniform P { \
    uint M, N, K, first, last, span, across, z0, inner, lda, ldb, ldc, a0, b0, c0, a_outer, a_inner, b_outer, b_inner, c_outer, c_inner; } p;
#define START(m, z) (p.m##0 + (z) / p.inner * p.m##_outer + (z) % p.inner * p.m##_inner)

// The order of activations is that of ACTIVATIONS in ops/gemm.py.
float smooth_(uint which, float x) {
    if (which == 2) return 0.5 * x * (1.0 + erf_(x * ONE_OVER_SQRT_2));
    if (which == 3) return x * stable_sigmoid(x);
    if (which == 4) return stable_sigmoid(x);
    if (which == 5) return stable_tanh(x);
    return x;
}
float activated(uint which, float x) { return which == 1 && x == x ? max(x, 0.0) : JOIN(MORE_, OP); }
// EXTRA: 1 is added before the activation, 2 is multiplied after it, 3 puts 0 where it is 0.
float finished(uint which, uint extra, float v, float e) {
    v = activated(which, extra == 1 ? v + e : v);
    return extra == 2 ? v * e : extra == 3 && e == 0.0 ? 0.0 : v;
}
