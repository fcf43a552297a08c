// What the forward and the backward pass of a multi-step neuron share.
// KIND: 0 integrate-and-fire, 1 leaky, 2 leaky with q = sigmoid(w). V4 is vec4 where rows are aligned, see WIDE.
vec4 charge(uint kind, bool decay_input, vec4 v, vec4 x, float q, float rest) {
    if (kind == 0) return v + x;
    return decay_input ? v + (x - (v - rest)) * q : v - (v - rest) * q + x;
}
vec4 fire(vec4 h, float threshold) { return mix(vec4(0), vec4(1), greaterThanEqual(h, vec4(threshold))); }
vec4 reset(bool soft, vec4 h, vec4 s, float threshold, float rest) {
    return soft ? h - s * threshold : mix(h, vec4(rest), greaterThan(s, vec4(0)));
}
