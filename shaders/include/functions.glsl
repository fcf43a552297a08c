#include "arithmetic.glsl"
#include "smooth.glsl"
// The functions of one variable: a line F_name for f(x), and a line D_name for its derivative. Each becomes a shader of
// its own, unary.name and unary_backward.name: a driver takes milliseconds to throw away what a pipeline does not use.
// a and b are parameters; y = f(x). Written so that large arguments neither overflow nor give NaN.
float expm1_(float x) { return abs(x) < 0.1 ? x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0))))) : exp(x) - 1.0; }
float log1p_(float x) {
    if (abs(x) > 0.1) return log(1.0 + x);
    float s = x / (2.0 + x), w = s * s; // log1p(x) = 2 atanh(x / (2 + x))
    return 2.0 * s * (1.0 + w * (1.0 / 3.0 + w * (0.2 + w * (1.0 / 7.0))));
}
float gelu_tanh_slope(float x) {
    float k = 1.5957691216057308, s = stable_sigmoid(k * (x + 0.044715 * x * x * x));
    return s + x * s * (1.0 - s) * k * (1.0 + 0.134145 * x * x);
}
float silu_slope(float x, float y) { float s = stable_sigmoid(x); return s + y * (1.0 - s); }

#define F_affine fma(a, x, b)
#define F_plus x + a
#define F_times a * x
#define F_abs abs(x)
#define F_exp exp(x)
#define F_log log(x)
#define F_sqrt sqrt(x)
#define F_rsqrt inversesqrt(x)
#define F_square x * x
#define F_reciprocal a / x
#define F_sin sin(x)
#define F_cos cos(x)
#define F_tanh stable_tanh(x)
#define F_sigmoid stable_sigmoid(x)
#define F_relu x != x ? x : max(x, 0.0)
#define F_leaky_relu x >= 0.0 ? x : a * x
#define F_gelu 0.5 * x * (1.0 + erf_(x * ONE_OVER_SQRT_2))
#define F_gelu_tanh x * stable_sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
#define F_silu x * stable_sigmoid(x)
#define F_erf erf_(x)
#define F_clip x != x ? x : clamp(x, a, b)
#define F_sign x != x ? x : sign(x)
#define F_floor floor(x)
#define F_ceil ceil(x)
#define F_round roundEven(x)
#define F_power power(x, a)
#define F_exp_base power(a, x)
#define F_greater_equal x >= a ? 1.0 : 0.0
#define F_greater x > a ? 1.0 : 0.0
#define F_equal x == a ? 1.0 : 0.0
#define F_not_equal x != a ? 1.0 : 0.0
#define F_less x < a ? 1.0 : 0.0
#define F_less_equal x <= a ? 1.0 : 0.0
#define F_expm1 expm1_(x)
#define F_log1p log1p_(x)
#define F_softplus a * x > b ? x : (max(a * x, 0.0) + log1p_(exp(-abs(a * x)))) / a
#define F_elu x > 0.0 ? x : a * expm1_(x)
#define F_hardtanh x != x ? x : clamp(x, a, b)
#define F_maximum larger(x, a)
#define F_minimum smaller(x, a)
#define F_divide_by x / a

#define D_affine a
#define D_plus 1.0
#define D_times a
#define D_abs sign(x)
#define D_exp y
#define D_log 1.0 / x
#define D_sqrt 0.5 / y
#define D_rsqrt -0.5 * y * y * y
#define D_square 2.0 * x
#define D_reciprocal -a / (x * x)
#define D_sin cos(x)
#define D_cos -sin(x)
#define D_tanh 1.0 - y * y
#define D_sigmoid y * (1.0 - y)
#define D_leaky_relu x > 0.0 ? 1.0 : a
#define D_gelu 0.5 * (1.0 + erf_(x * ONE_OVER_SQRT_2)) + x * ONE_OVER_SQRT_2PI * exp(-0.5 * x * x)
#define D_gelu_tanh gelu_tanh_slope(x)
#define D_silu silu_slope(x, y)
#define D_erf TWO_OVER_SQRT_PI * exp(-x * x)
#define D_clip x >= a && x <= b ? 1.0 : 0.0
#define D_power a == 0.0 ? 0.0 : a * power(x, a - 1.0)
#define D_exp_base a == 0.0 ? 0.0 : y * log(a)
#define D_expm1 y + 1.0
#define D_log1p 1.0 / (1.0 + x)
#define D_softplus a * x > b ? 1.0 : stable_sigmoid(a * x)
#define D_elu x > 0.0 ? 1.0 : a * exp(x)
#define D_hardtanh x <= a || x >= b ? 0.0 : 1.0
#define D_maximum x > a ? 1.0 : x == a ? 0.5 : 0.0
#define D_minimum x < a ? 1.0 : x == a ? 0.5 : 0.0
#define D_divide_by 1.0 / a
