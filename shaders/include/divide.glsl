// n / d for n <= 2^30 and 0 < d <= 2^30. An integer division of a vector is one of each lane on CPU devices, and takes longer than
// all else that an index needs. The first quotient is off by 1 and n / d * 2^-22 at most, the second by 1.
uint divided(uint n, uint d) {
    float inverse = 1.0 / float(int(d));
    int q = int(float(int(n)) * inverse), rest = int(n) - q * int(d);
    int more = int(floor(float(rest) * inverse));
    rest -= more * int(d);
    return uint(q + more + (rest < 0 ? -1 : rest >= int(d) ? 1 : 0));
}
