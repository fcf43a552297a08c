// Weights of a normalized row: one for each place, or with CHANNELS one for each of its channels. `per` is 1 / units of a
// channel: float division is exact here (a row has less than 2**22 units), and faster than that of integers.
uint channel(uint row, uint k) {
    return CHANNELS ? row % p.groups * p.channels + uint((float(k - begin) + 0.5) * p.per) : 0;
}
#define OF_PLACE(name, c, k) (CHANNELS ? vec4(name[c]) : UNIT(name, k - begin))
