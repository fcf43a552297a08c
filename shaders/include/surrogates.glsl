// Surrogate gradients g(x), x = H - threshold, one line each. The order is that of SURROGATES in ops/neuron.py.
#ifndef USER_SURROGATE
#define USER_SURROGATE(x, alpha) 0.0
#endif
float surrogate(uint kind, float x, float alpha) {
    float z = abs(x), s;
    switch (kind) {
        case 0: s = 1.5707963267948966 * alpha * x; return 0.5 * alpha / (1.0 + s * s);        // ATan
        case 1: s = exp(-alpha * z); return alpha * s / ((1.0 + s) * (1.0 + s));               // Sigmoid
        case 2: s = 1.0 + alpha * z; return 0.5 * alpha / (s * s);                             // FastSigmoid, SoftSign
        case 3: return max(0.0, alpha - alpha * alpha * z);                                    // PiecewiseQuadratic
        case 4: return 0.5 * alpha * exp(-alpha * z);                                          // PiecewiseExp
        case 5: s = 1.0 + z; return alpha / (s * s);                                           // SuperSpike
        case 6: s = alpha * x; return 0.5641895835477563 * alpha * exp(-s * s);                // Erf
        case 7: return z < 0.5 / alpha ? alpha : 0.0;                                          // Rect
        case 100: return USER_SURROGATE(x, alpha);
    }
    return 0.0;
}
