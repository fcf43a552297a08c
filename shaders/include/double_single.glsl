// Numbers of 48 bits as the sum of two floats, vec2(high, low) with |low| <= ulp(high) / 2. Everything is `precise`: a
// compiler that reorders sums would take the low parts away.
// Sources: Dekker 1971 (two_product without fma), Knuth (two_sum), Joldes, Muller, Popescu 2017 (sums and products of pairs).
// FUSED: fma rounds once. Vulkan lets a device round twice; see ops/ode_lif.py.
vec2 two_sum(float a, float b) {
    precise float s = a + b, t = s - a;
    precise float e = (a - (s - t)) + (b - t);
    return vec2(s, e);
}
vec2 quick_two_sum(float a, float b) { // |a| >= |b|
    precise float s = a + b;
    precise float e = b - (s - a);
    return vec2(s, e);
}
vec2 halves(float a) { // 12 bits each
    precise float c = 4097.0 * a;
    precise float h = c - (c - a);
    precise float l = a - h;
    return vec2(h, l);
}
vec2 two_product(float a, float b) {
    precise float p = a * b, e;
    if (FUSED) e = fma(a, b, -p);
    else {
        vec2 x = halves(a), y = halves(b);
        e = ((x.x * y.x - p) + x.x * y.y + x.y * y.x) + x.y * y.y;
    }
    return vec2(p, e);
}
vec2 plus(vec2 a, vec2 b) {
    vec2 s = two_sum(a.x, b.x), t = two_sum(a.y, b.y);
    precise float c = s.y + t.x;
    vec2 v = quick_two_sum(s.x, c);
    precise float w = t.y + v.y;
    return quick_two_sum(v.x, w);
}
vec2 minus(vec2 a, vec2 b) { return plus(a, -b); }
vec2 times(vec2 a, vec2 b) {
    vec2 p = two_product(a.x, b.x);
    precise float e = p.y + (a.x * b.y + a.y * b.x);
    return quick_two_sum(p.x, e);
}
vec2 over(vec2 a, vec2 b) {
    precise float q = a.x / b.x;
    vec2 r = minus(a, times(b, vec2(q, 0.0)));
    precise float q2 = r.x / b.x;
    return quick_two_sum(q, q2);
}
vec2 floor_of(vec2 a) {
    float h = floor(a.x);
    return h == a.x ? quick_two_sum(h, floor(a.y)) : vec2(h, 0.0);
}
float power_of_two(int n) { return uintBitsToFloat(uint(clamp(n, -126, 127) + 127) << 23); }
vec2 exp_of(vec2 y, out int n) { // exp(y) is the result times 2**n, which alone may be too small for a float
    float k = round(y.x * 1.44269504);
    n = int(k);
    // ln 2 = 355/512 - (2.1219444e-4 - 1.65e-12), and k times the first is exact
    precise float r = y.x - k * 0.693359375;
    vec2 f = plus(two_sum(r, y.y), times(vec2(k, 0.0), vec2(2.12194440e-4, -1.6465950e-12)));
    f *= 0.25;
    float x = f.x;
    vec2 s = vec2(1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0))), 0.0);
    s = plus(vec2(4.1666667908e-2, -1.2417634e-9), times(f, s)); // 1/24
    s = plus(vec2(1.6666667163e-1, -4.9670536e-9), times(f, s)); // 1/6
    s = plus(vec2(0.5, 0.0), times(f, s));
    s = plus(vec2(1.0, 0.0), times(f, s));
    s = plus(vec2(1.0, 0.0), times(f, s));
    s = times(s, s);
    return times(s, s);
}
vec2 log_of(vec2 r) { // r > 0: the device's own log, and from there one step of second order
    precise float y = log(r.x);
    int n;
    vec2 e = times(r, exp_of(vec2(-y, 0.0), n)) * power_of_two(n);
    vec2 z = plus(e, vec2(-1.0, 0.0));
    precise float half_square = 0.5 * z.x * z.x;
    return plus(two_sum(y, -half_square), z);
}
