// What the forward and the backward pass of a multi-step neuron share.
#extension GL_EXT_control_flow_attributes : require
#define SEGMENT 8 // steps that the backward pass computes again at a time, in registers; also in ops/neuron.py

// KIND: 0 integrate-and-fire, 1 leaky, 2 leaky with q = sigmoid(w). Precise: the backward pass computes H again, and
// must not round otherwise than the forward pass, or a spike might be lost.
vec4 charge(uint kind, bool decay_input, vec4 v, vec4 x, float q, float rest) {
    precise vec4 h = v + x;
    if (kind != 0) h = decay_input ? v + (x - (v - rest)) * q : v - (v - rest) * q + x;
    return h;
}
bvec4 fires(vec4 h, float threshold) { return greaterThanEqual(h, vec4(threshold)); }
vec4 reset(bool soft, vec4 h, bvec4 fired, float threshold, float rest) {
    return mix(h, soft ? h - threshold : vec4(rest), fired);
}

// The vec4 of a thread, whose first element is `first`, in a row that begins at `row`. Rows are aligned if WIDE.
// `value` is a variable, not an element of an array: lavapipe of Mesa 22.3 loses components that are written by index there.
#define GET(name, row, value) \
    if (WIDE) value = name##4[((row) + first) / 4]; \
    else for (uint c = 0; c < 4; c++) if (first + c < p.m) value[c] = name[(row) + first + c];
#define PUT(name, row, value) \
    if (WIDE) name##4[((row) + first) / 4] = value; \
    else for (uint c = 0; c < 4; c++) if (first + c < p.m) name[(row) + first + c] = value[c];
