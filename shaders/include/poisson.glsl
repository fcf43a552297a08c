// The normal deviate of probability u, which is at least 2^-25 here (Giles, "Approximating the erfinv function", 2010; single
// precision).
vec4 probit(vec4 u) {
    u = max(u, vec4(2.9802322e-8));
    vec4 x = 2.0 * u - 1.0, w = -log(4.0 * u * (1.0 - u));
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
// The least k whose Poisson distribution function is above u. The terms of the distribution are added without their common factor
// exp(-mean), and compared with u times their sum: so neither an error of exp nor roundings of the sum can keep u from being
// reached. Past a mean of 64, by the expansion about the normal distribution (Giles, "Algorithm 955: approximation of the inverse
// Poisson cumulative distribution function", 2016).
vec4 poisson(vec4 mean, vec4 u) {
    vec4 small = clamp(mean, vec4(0), vec4(64)), term = vec4(1), total = vec4(1), count = vec4(0);
    uint last = 1;
    for (; last < 192; last++) {
        term *= small / float(last);
        total += term;
        if (all(lessThan(term, 1e-9 * total))) break;
    }
    vec4 wanted = u * total, below = vec4(1);
    term = vec4(1);
    for (uint k = 1; k <= last; k++) {
        bvec4 more = greaterThanEqual(wanted, below);
        if (!any(more)) break;
        count += vec4(more);
        term *= small / float(k);
        below += term;
    }
    bvec4 large = greaterThan(mean, vec4(64.0));
    if (any(large)) {
        vec4 w = probit(u), root = sqrt(mean), w2 = w * w;
        vec4 about = root * w + (w2 + 2.0) / 6.0 - (w2 + 2.0) * w / (72.0 * root) + ((3.0 * w2 + 7.0) * w2 - 16.0) / (810.0 * mean);
        count = mix(count, max(floor(mean) + floor(fract(mean) + about), vec4(0)), large);
    }
    return count;
}
