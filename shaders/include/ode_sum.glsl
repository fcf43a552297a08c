// Sums of products to 36 bits of |x| |w| or more. The sum starts at a power of two that no partial sum can reach (Cauchy and Schwarz: |sum| <=
// |x| |w|), so that all its roundings are to one grid: then s - t is exact, and so is what the rounding lost, x w - (s - t)
// (Rump, Ogita, Oishi 2008). That is four operations a product, in place of the ten of a sum of pairs.
float grid_of(float xx, float ww) { // 1.5 * 2**q, 2**(q - 1) > |x| |w|
    float most = max(sqrt(xx) * sqrt(ww) * 1.0001, 1e-30);
    uint q = (floatBitsToUint(most) >> 23) + 2;
    return uintBitsToFloat(q << 23 | 0x400000u);
}
void add_product(inout float t, inout float low, float x, float w, float x_low, float w_low) {
    precise float s, d, lost;
    if (FUSED) {
        s = fma(x, w, t);
        d = s - t;
        lost = fma(x, w, -d);
    } else {
        vec2 y = two_product(x, w);
        s = y.x + t;
        d = s - t;
        lost = (y.x - d) + y.y;
    }
    t = s;
    precise float l = low + lost;
    if (LOW_X) l = fma(x_low, w, l);
    if (LOW_W) l = fma(x, w_low, l);
    low = l;
}
vec2 sum_of(float t, float low, float start) {
    precise float high = t - start;
    return two_sum(high, low);
}
#define QUAD(name, base, k, last) (QUADS ? name##4[((base) + (k)) / 4] : vec4( \
    name[(base) + (k)], (k) + 1 < last ? name[(base) + (k) + 1] : 0.0, \
    (k) + 2 < last ? name[(base) + (k) + 2] : 0.0, (k) + 3 < last ? name[(base) + (k) + 3] : 0.0))
