// A step of a fractional neuron backward: what fractional_backward and fractional_modes_backward share. After the buffers.
vec4 sum = vec4(0), of_fade = vec4(0), of_level = vec4(0);
float d[SEGMENT + 2];
// The gradient of z at a step, from those of all later steps: `after` for jumps at its own time, `before` for jumps at the time
// before, each by way of what fades.
vec4 back(uint first, uint row, vec4 after, vec4 before, float d1) {
    vec4 zz = vec4(0), up = vec4(0), gv = vec4(0), part = vec4(0), g_noise = vec4(0), slope = vec4(0);
    GET(z, row, zz)
    if (HAS_GS) { GET(gs, row, up) }
    if (HAS_GV_SEQ) { GET(gv_seq, row, gv) }
    if (NOISE) { GET(noise, row, g_noise) }
    if (GIVEN) { GET(sg, row, slope) }
    else if (FIRE == 0) slope = surrogate(zz - p.threshold, p.alpha);
    else slope = logistic_slope(zz, scaled(zz, g_noise, p.threshold, p.slope, p.limit, p.cold), p.threshold, p.slope, p.limit, p.cold);
    vec4 stays = LEVEL ? p.level * sum : vec4(0), down = -gv - after - stays;
    if (SUBSTEP) {
        GET(left, row, part)
        vec4 early = -(d1 + (LEVEL ? p.level : 0.0)) * gv - before - stays;
        down = mix(down, early, part);
    }
    if (!DETACH) up += down * (SOFT ? vec4(p.threshold) : zz - p.rest);
    vec4 g = gv + up * slope, ss = SPIKE(zz, g_noise);
    if (!SOFT) g += down * ss;
    if (SUMS) {
        vec4 whole = jump(zz, ss, p.threshold, p.rest), early = part * whole;
        of_fade += (g - gv) * early;
        of_level -= whole * sum + gv * early;
    }
    sum += g;
    return g;
}
void begin(uint first, uint i) {
    GET(carry, 0, sum)
    if (SUMS) {
        of_fade.x = sums[i];
        of_level.x = sums[p.n + i];
    }
}
void end(uint first, uint i) {
    PUT(carry, 0, sum)
    if (SUMS) {
        vec4 there = vec4(1);
        for (uint c = 0; c < 4; c++) if (!WIDE && first + c >= p.m) there[c] = 0.0;
        sums[i] = dot(of_fade, there);
        sums[p.n + i] = dot(of_level, there);
    }
}
