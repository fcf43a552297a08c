// Sigmoid, tanh and erf, written so that large arguments neither overflow nor give NaN.
const float TWO_OVER_SQRT_PI = 1.1283791670955126, ONE_OVER_SQRT_2 = 0.7071067811865476, ONE_OVER_SQRT_2PI = 0.3989422804014327;

float stable_sigmoid(float x) { float e = exp(-abs(x)); return (x >= 0.0 ? 1.0 : e) / (1.0 + e); }
float stable_tanh(float x) {
    float z = abs(x), w = x * x;
    if (z < 0.25) return x * (1.0 + w * (-1.0 / 3.0 + w * (2.0 / 15.0 + w * (-17.0 / 315.0 + w * (62.0 / 2835.0 - w * 1382.0 / 155925.0)))));
    float e = exp(-2.0 * z);
    return sign(x) * (1.0 - e) / (1.0 + e);
}
float erf_(float x) {
    float z = abs(x), w = x * x;
    // a Taylor series near 0; beyond it a fit (Numerical Recipes, erfc, relative error below 1.2e-7)
    if (z < 0.5) return TWO_OVER_SQRT_PI * x * (1.0 + w * (-1.0 / 3.0 + w * (0.1 + w * (-1.0 / 42.0 + w * (1.0 / 216.0 + w * (-1.0 / 1320.0 + w * (1.0 / 9360.0)))))));
    float t = 1.0 / (1.0 + 0.5 * z);
    float s = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
            + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    return sign(x) * (1.0 - t * exp(-w + s));
}
