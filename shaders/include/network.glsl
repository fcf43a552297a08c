// What the steps of simulated networks share. A thread takes a quad of neurons. What arrived is summed in whole numbers, so that
// the order in which edges add does not matter: word * scale is the sum. COUNTS: sums of 64 bits, and up to 65535 spikes a step.
#include "philox.glsl"
#include "poisson.glsl"
const uint NO_STIMULUS = 0, MASKED = 1, TABLE = 2, SATURATED = 0, NOT_FINITE = 1;
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool COUNTS = false;
layout(constant_id = 1) const bool SPREAD = false;   // constants have a number for each neuron
layout(constant_id = 2) const bool INJECTED = false; // uniform numbers are given
layout(constant_id = 3) const uint STIMULUS = 0;
layout(push_constant) uniform P {
    uint n, quads, row, slot, slots;  // row: of this step in out, drive and uniforms; slot: where the arrivals of this step go
    uint here, before;                // where the list of this step begins, and that of the step before
    uint t_low, t_high, seed_low, seed_high;
    uint first; // 1 at the first step, when nothing has arrived yet
} p;
layout(binding = 0) buffer Sums { ivec4 sums[]; };                 // (slots, quads), or with COUNTS (slots, 2, quads)
layout(binding = 1) readonly buffer Scale { vec4 scale[]; };       // (quads)
layout(binding = 2) readonly buffer Constants { vec4 constants[]; }; // (constants, quads or 1)
layout(binding = 3) readonly buffer Mask { vec4 mask[]; };         // (quads)
layout(binding = 4) readonly buffer Drive { vec4 drive[]; };       // (rows, quads); its words, if MASKED
layout(binding = 4) readonly buffer Values { float drive_words[]; };
layout(binding = 5) readonly buffer Uniforms { vec4 uniforms[]; }; // (rows, quads)
layout(binding = 6) buffer List { uint list[]; };                  // a count, then neurons; with COUNTS each with its spikes
layout(binding = 7) buffer Out { uint words[]; };                  // (rows, words of bits), or with COUNTS (rows, 2 quads)
layout(binding = 8) buffer Flags { uint flags[]; };                // steps of neurons saturated; not finite
const float MOST = 65535.0;
vec4 constant(uint k, uint q) { return constants[SPREAD ? k * p.quads + q : k]; }
vec4 arrived(uint slot, uint q) { // without the scale
    if (!COUNTS) return vec4(sums[slot * p.quads + q]);
    uvec4 low = uvec4(sums[2 * slot * p.quads + q]), high = uvec4(sums[(2 * slot + 1) * p.quads + q]);
    uvec4 negative = uvec4(ivec4(high) >> 31), low1 = (low ^ negative) - negative; // the size, of 64 bits
    uvec4 high1 = (high ^ negative) + uvec4(equal(low1, uvec4(0))) * (negative & 1u);
    vec4 size = vec4(high1) * 4294967296.0 + vec4(low1);
    return mix(size, -size, notEqual(negative, uvec4(0)));
}
void clear(uint slot, uint q) {
    if (!COUNTS) sums[slot * p.quads + q] = ivec4(0);
    else sums[2 * slot * p.quads + q] = sums[(2 * slot + 1) * p.quads + q] = ivec4(0);
}
vec4 stimulus(uint q) {
    return STIMULUS == TABLE ? drive[p.row * p.quads + q] : STIMULUS == MASKED ? mask[q] * drive_words[p.row] : vec4(0);
}
vec4 chance(uint q) { // uniform in [0, 1), the numbers of random.comp
    return INJECTED ? uniforms[p.row * p.quads + q]
                    : uniform01(philox(uvec4(q, 0, p.t_low, p.t_high), uvec2(p.seed_low, p.seed_high)));
}
bvec4 unusable(vec4 x) { return equal(floatBitsToUint(x) & 0x7F800000u, uvec4(0x7F800000u)); } // NaN or infinite
void note(uint which, bvec4 where, uint q) {
    if (!any(where)) return;
    uint count = 0;
    for (uint c = 0; c < 4; c++) count += where[c] && 4 * q + c < p.n ? 1 : 0;
    atomicAdd(flags[which], count);
}
uvec4 drawn(vec4 mean, vec4 u, uint q) { // how often each neuron spikes
    bvec4 wrong = unusable(mean);
    note(NOT_FINITE, wrong, q);
    mean = mix(mean, vec4(0), wrong);
    if (!COUNTS) return uvec4(lessThan(u, mean));
    vec4 count = poisson(min(mean, vec4(1e6)), u);
    note(SATURATED, greaterThan(count, vec4(MOST)), q);
    return uvec4(min(count, vec4(MOST)));
}
// The spikes of a quad go on the list, whose count deliver.comp reads, and into the output.
void send(uint q, uvec4 spikes) {
    if (q == 0) list[p.before] = 0;
    uint bits = 0;
    for (uint c = 0; c < 4; c++) {
        uint neuron = 4 * q + c;
        if (spikes[c] == 0 || neuron >= p.n) { spikes[c] = 0; continue; }
        uint at = p.here + 1 + atomicAdd(list[p.here], 1) * (COUNTS ? 2 : 1);
        list[at] = neuron;
        if (COUNTS) list[at + 1] = spikes[c];
        bits |= 1u << (neuron & 31u);
    }
    if (COUNTS) {
        uint at = 2 * (p.row * p.quads + q);
        words[at] = spikes.x | spikes.y << 16;
        words[at + 1] = spikes.z | spikes.w << 16;
    } else if (bits != 0) atomicOr(words[p.row * ((p.n + 31) / 32) + q / 8], bits);
}
