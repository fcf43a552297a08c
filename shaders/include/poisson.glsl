// The normal deviate of probability u (Giles, "Approximating the erfinv function", 2010; single precision).
vec4 probit(vec4 u) {
    vec4 x = 2.0 * max(u, vec4(2.9802322e-8)) - 1.0, w = -log((1.0 - x) * (1.0 + x));
    vec4 a = w - 2.5, b = sqrt(max(w, vec4(5.0))) - 3.0, near = vec4(2.81022636e-8), far = vec4(-0.000200214257);
    near = 3.43273939e-7 + near * a;
    near = -3.5233877e-6 + near * a;
    near = -4.39150654e-6 + near * a;
    near = 0.00021858087 + near * a;
    near = -0.00125372503 + near * a;
    near = -0.00417768164 + near * a;
    near = 0.246640727 + near * a;
    near = 1.50140941 + near * a;
    far = 0.000100950558 + far * b;
    far = 0.00134934322 + far * b;
    far = -0.00367342844 + far * b;
    far = 0.00573950773 + far * b;
    far = -0.0076224613 + far * b;
    far = 0.00943887047 + far * b;
    far = 1.00167406 + far * b;
    far = 2.83297682 + far * b;
    return 1.41421356 * x * mix(far, near, lessThan(w, vec4(5.0)));
}
// The least k whose Poisson distribution function is above u. Past a mean of 64, by its expansion about the normal
// distribution (Giles, "Algorithm 955: approximation of the inverse Poisson cumulative distribution function", 2016).
vec4 poisson(vec4 mean, vec4 u) {
    vec4 small = min(mean, vec4(64.0)), term = exp(-small), below = term, count = vec4(0);
    for (uint k = 1; k < 192; k++) {
        bvec4 more = greaterThanEqual(u, below);
        if (!any(more)) break;
        count += vec4(more);
        term *= small / float(k);
        below += term;
    }
    bvec4 large = greaterThan(mean, vec4(64.0));
    if (any(large)) {
        vec4 w = probit(u), root = sqrt(mean);
        vec4 about = mean + root * w + (w * w + 2.0) / 6.0 - (w * w * w + 2.0 * w) / (72.0 * root);
        count = mix(count, max(floor(about), vec4(0)), large);
    }
    return count;
}
