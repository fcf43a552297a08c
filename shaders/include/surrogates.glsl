// Surrogate gradients g(x), x = H - threshold, one line and one shader each; or a user's line, of floats.
#define G_ATan 0.5 * alpha / (1.0 + square(1.5707963267948966 * alpha * x))
#define G_Sigmoid alpha * exp(-alpha * abs(x)) / square(1.0 + exp(-alpha * abs(x)))
#define G_FastSigmoid 0.5 * alpha / square(1.0 + alpha * abs(x))
#define G_PiecewiseQuadratic max(alpha - alpha * alpha * abs(x), 0.0)
#define G_PiecewiseExp 0.5 * alpha * exp(-alpha * abs(x))
#define G_SuperSpike alpha / square(1.0 + abs(x))
#define G_Erf 0.5641895835477563 * alpha * exp(-square(alpha * x))
#define G_Rect mix(vec4(0), vec4(alpha), lessThan(abs(x), vec4(0.5 / alpha)))
#define G_Triangle max(1.0 - alpha * abs(x), 0.0)
// normal densities 1.15 N(0, alpha) - 0.15 N(alpha, 6 alpha) - 0.15 N(-alpha, 6 alpha); 0.3989... is 1 / sqrt(2 pi)
#define G_MultiGaussian 0.3989422804014327 / alpha * (1.15 * exp(-0.5 * square(x / alpha)) \
    - 0.025 * (exp(-0.5 * square((x / alpha - 1.0) / 6.0)) + exp(-0.5 * square((x / alpha + 1.0) / 6.0))))
vec4 square(vec4 x) { return x * x; }
vec4 surrogate(vec4 x, float alpha) {
#ifdef USER_SURROGATE
    vec4 g;
    for (uint c = 0; c < 4; c++) g[c] = USER_SURROGATE(x[c], alpha);
    return g;
#else
    return JOIN(G_, OP);
#endif
}
