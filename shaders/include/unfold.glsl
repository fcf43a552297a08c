// What the kernels of a convolution share: the windows of x (samples, channels, h, w) as a matrix of kg rows for each group,
// (channel, kernel row, kernel column), and of cols columns, (sample, output row, output column). Of the output's rows, oh from
// y0 on.
layout(local_size_x = 64) in;
layout(push_constant) uniform P {
    uint n, cols, k, kg, cg, channels, first; // first: sample
    int h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw, y0;
} p;
