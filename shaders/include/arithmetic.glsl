// What GLSL leaves undefined, as NumPy defines it. Shared by the functions of one and of two variables.
#define NOT_A_NUMBER uintBitsToFloat(0x7FC00000u)
#define INFINITY uintBitsToFloat(0x7F800000u)
bool either_nan(float a, float b) { return isnan(a) || isnan(b); }
float larger(float a, float b) { return either_nan(a, b) ? NOT_A_NUMBER : max(a, b); }
float smaller(float a, float b) { return either_nan(a, b) ? NOT_A_NUMBER : min(a, b); }

float power(float x, float e) {
    if (e == 0.0 || x == 1.0) return 1.0;
    if (either_nan(x, e)) return NOT_A_NUMBER;
    if (e == 1.0) return x;
    if (e == 2.0) return x * x;
    bool whole = e == floor(e), odd = whole && abs(e) < 16777216.0 && mod(e, 2.0) != 0.0;
    if (x < 0.0 && !whole && !isinf(x)) return NOT_A_NUMBER;
    float z = abs(x), m = z == 0.0 ? (e > 0.0 ? 0.0 : INFINITY) : z == 1.0 ? 1.0 : pow(z, e);
    return odd && floatBitsToInt(x) < 0 ? -m : m;
}

// a // b and a % b, the sign of the remainder being b's. Each step takes away the largest b * 2^k that fits: exact.
vec2 divided(float a, float b) {
    if (b == 0.0 || isinf(a) || either_nan(a, b)) return vec2(b == 0.0 ? a / b : NOT_A_NUMBER, NOT_A_NUMBER);
    float r = abs(a), z = abs(b);
    int rank_z, rank_r;
    float part_z = frexp(z, rank_z);
    for (int k = 0; k < 300 && r >= z; k++) {
        float part_r = frexp(r, rank_r);
        r -= ldexp(part_z, rank_r - int(part_z > part_r));
    }
    r = a < 0.0 ? -r : r;
    float q = (a - r) / b;
    return r != 0.0 && (r < 0.0) != (b < 0.0) ? vec2(round(q - 1.0), r + b) : vec2(round(q), r);
}
