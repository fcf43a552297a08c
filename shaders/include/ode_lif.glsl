// One interval of a leaky neuron with a constant current, in closed form. Times u are in units of tau.
//     v(u) = v_inf - (v_inf - v0) exp(-u),  v_inf = v_rest + I tau / C
// It fires first at u1 = log((v_inf - v0) / (v_inf - threshold)), and then each log((v_inf - v_reset) / (v_inf - threshold)).
#include "double_single.glsl"
// decay = exp(-interval / tau), gain = tau / C, span = interval / tau
layout(push_constant) uniform P {
    SIZES // of the shader that includes this
    float rest0, rest1, gain0, gain1, threshold0, threshold1, reset0, reset1, span0, span1, decay0, decay1;
} p;
#define PAIR(name) vec2(p.name##0, p.name##1)
struct Cell {
    vec2 a, b, g;          // v_inf less the threshold, v0 and v_reset
    vec2 v_inf, fall;      // fall: what is left of b at the end, without a spike
    bool above, driven, fires; // v0 >= threshold; v_inf > threshold; a first spike, and then more, within the interval
};
Cell cell_of(vec2 current, vec2 v) {
    Cell c;
    c.v_inf = plus(PAIR(rest), times(current, PAIR(gain)));
    c.a = minus(c.v_inf, PAIR(threshold));
    c.b = minus(c.v_inf, v);
    c.g = minus(c.v_inf, PAIR(reset));
    c.fall = times(c.b, PAIR(decay));
    c.above = minus(v, PAIR(threshold)).x >= 0.0;
    c.driven = c.a.x > 0.0;
    c.fires = c.driven && (c.above || minus(c.a, c.fall).x >= 0.0); // without a logarithm: exact at the interval's end
    return c;
}
vec2 first_of(Cell c) { return c.above ? vec2(0.0) : log_of(over(c.b, c.a)); }
vec2 between_of(Cell c) { return log_of(over(c.g, c.a)); }
vec2 next_of(Cell c, out float count) { // v at the end
    vec2 rest = c.above ? times(c.g, PAIR(decay)) : c.fall;
    count = c.above ? 1.0 : 0.0;
    if (c.fires) {
        vec2 u1 = first_of(c), u = between_of(c), more = floor_of(over(minus(PAIR(span), u1), u));
        if (more.x < 0.0) more = vec2(0.0); // the first spike is at the very end
        int k;
        vec2 e = exp_of(minus(plus(u1, times(more, u)), PAIR(span)), k);
        rest = times(c.g, e) * power_of_two(k);
        count = 1.0 + more.x;
    }
    return minus(c.v_inf, rest);
}
