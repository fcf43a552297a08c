// The divisor of a window's mean is torch's: see torch.nn.AvgPool2d.
layout(constant_id = 10) const bool COUNT_PAD = true;
float divisor(int r, int c) {
    if (p.divisor != 0) return float(p.divisor);
    int top = r * SH - PH, left = c * SW - PW, bottom = min(top + KH, p.h + PH), right = min(left + KW, p.w + PW);
    if (COUNT_PAD) return float((bottom - top) * (right - left));
    return float((min(bottom, p.h) - max(top, 0)) * (min(right, p.w) - max(left, 0)));
}
