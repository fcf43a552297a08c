// A current-based LIF neuron between two events: tau_m V' = I - V, tau_s I' = -I. With a = 1/tau_m, b = 1/tau_s:
//   I(s) = I e^(-b s), V(s) = V e^(-a s) + I K(s), K(s) = a (e^(-b s) - e^(-a s)) / (a - b).
// Everything is written in lo = min(a, b) and gap = |a - b|, so that equal time constants are no special case.
float tau_m, tau_s, a, b, lo, gap;
void set_rates(float mem, float syn) {
    tau_m = mem;
    tau_s = syn;
    a = 1.0 / mem;
    b = 1.0 / syn;
    lo = min(a, b);
    gap = abs(a - b);
}
// near 0 with sinh(x)/x as a series, as the difference of two exponentials would lose digits
float K_of(float s, float em, float es) { // em, es: e^(-a s), e^(-b s)
    float x = 0.5 * gap * s, z = x * x;
    if (z < 1.0) return a * s * sqrt(em * es) * (1.0 + z / 6.0 * (1.0 + z / 20.0 * (1.0 + z / 42.0 * (1.0 + z / 72.0 * (1.0 + z / 110.0)))));
    return a * abs(em - es) / gap;
}
float K(float s) { return K_of(s, exp(-a * s), exp(-b * s)); }
// how K changes with a and with b: of G = K / a, (dG/d lo, dG/d hi) = -s^2 e^(-lo s) (chi, xi)
vec2 K_slopes(float s) {
    float x = gap * s, e = exp(-x), chi, xi;
    if (x < 0.25) {
        chi = 0.5 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x * (1.0 / 120.0 - x * (1.0 / 720.0))));
        xi = 0.5 - x * (1.0 / 3.0 - x * (1.0 / 8.0 - x * (1.0 / 30.0 - x * (1.0 / 144.0))));
    } else {
        chi = (x - 1.0 + e) / (x * x);
        xi = (1.0 - e * (1.0 + x)) / (x * x);
    }
    float base = -s * s * exp(-lo * s);
    vec2 g = base * (a <= b ? vec2(chi, xi) : vec2(xi, chi));
    return vec2(K(s) / a + a * g.x, a * g.y);
}
// tau_m V' at a spike. V only just reaches theta at a maximum with V'' = -theta / (tau_m tau_s); one that is higher by a rounding has
// this slope at theta, and less is not seen in floats.
float rise(float i, float theta) { return max(i - theta, theta * sqrt(2.4e-7 * tau_m / tau_s)); }
