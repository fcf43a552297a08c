// What avg_pool2d and its backward pass share. The divisor is torch's: see torch.nn.AvgPool2d.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool COUNT_PAD = true;
layout(push_constant) uniform P { uint n; int h, w, oh, ow, kh, kw, sh, sw, ph, pw, fixed_; } p;
float divisor(int r, int c) {
    if (p.fixed_ != 0) return float(p.fixed_);
    int top = r * p.sh - p.ph, left = c * p.sw - p.pw;
    int bottom = min(top + p.kh, p.h + p.ph), right = min(left + p.kw, p.w + p.pw);
    if (COUNT_PAD) return float((bottom - top) * (right - left));
    return float((min(bottom, p.h) - max(top, 0)) * (min(right, p.w) - max(left, 0)));
}
