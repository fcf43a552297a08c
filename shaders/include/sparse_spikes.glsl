// The sums of sparse_matmul for spikes, from the bits that sparse_pack made: 1/32 of what is read otherwise. LANES threads share a
// part of a row. Each has, of EACH words, quads that are LANES apart: four bits of each word and a byte of a counter for each.
layout(local_size_x_id = 1) in;
layout(constant_id = 2) const uint LANES = 8;
layout(constant_id = 3) const uint EACH = 2;
layout(constant_id = 4) const bool WIDE = true; // rows of y are whole quads
layout(constant_id = 5) const bool SORTED = false; // entry k is edge k
layout(constant_id = 6) const bool WEIGHTED = false;
layout(push_constant) uniform P {
    uint n, parts, rows, pieces, leads, words, all, blocks, width, spread; // n: parts of all blocks; all, words: see sparse_pack
} p;
layout(binding = 0) readonly buffer X1 { uint x[]; };
layout(binding = 0) readonly buffer X2 { uvec2 x2[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer W { float weight[]; };
layout(binding = 2) readonly buffer A { uint first[]; };
layout(binding = 3) readonly buffer C { uint place[]; };
layout(binding = 4) readonly buffer I { uint index[]; };
layout(binding = 5) readonly buffer E { uint edge[]; };
OUTPUT(6, y)
OUTPUT(7, rest)
const uint TURNS = 8 / LANES, SUMS = EACH * TURNS;
const uint MOST = 248; // entries that a byte counts
uvec4 words_of(uint column, uint block) { // of a column, EACH of them
    uint at = column * p.blocks + block;
    return EACH == 4 ? x4[at] : EACH == 2 ? uvec4(x2[at], 0, 0) : uvec4(x[at], 0, 0, 0);
}
vec4 sum[SUMS];
uint counts[SUMS];
void add(uvec4 bits, float w, uint mine) { // an entry's
    [[unroll]] for (uint u = 0; u < EACH; u++)
        [[unroll]] for (uint t = 0; t < TURNS; t++) {
            uint of = bits[u] >> (mine + t * LANES), s = u * TURNS + t;
            if (WEIGHTED) {
                uvec4 on = uvec4(of << 31, of << 23, of << 15, of << 7);
                sum[s] += uintBitsToFloat(uvec4(ivec4(on) >> 31) & floatBitsToUint(w));
            } else counts[s] += of & 0x01010101u;
        }
}
void spikes(uint line, uint mine, bool here) {
    uint block = divided(line, p.parts), part = line - block * p.parts, to = SPLIT ? place[part] : part;
    uint begin = first[part], end = here ? first[part + 1] : begin;
    [[unroll]] for (uint s = 0; s < SUMS; s++) sum[s] = vec4(0);
    for (uint k0 = begin; k0 < end; k0 += MOST) {
        uint stop = min(k0 + MOST, end);
        [[unroll]] for (uint s = 0; s < SUMS; s++) counts[s] = 0;
        for (uint k = k0; k < stop; k += TAKEN) {
            TAKE(k, stop, block, mine)
        }
        if (!WEIGHTED) {
            [[unroll]] for (uint s = 0; s < SUMS; s++)
                sum[s] += vec4((uvec4(counts[s]) >> uvec4(0, 8, 16, 24)) & 255u);
        }
    }
    if (!here) return;
    bool piece = SPLIT && to >= p.rows;
    for (uint u = 0; u < EACH; u++) {
        uint word = block * EACH + u, lead = divided(word, p.words), at = (word - lead * p.words) * 32;
        if (lead >= p.leads) continue;
        uint start = (piece ? lead * p.pieces + to - p.rows : lead * p.rows + to) * p.width;
        for (uint t = 0; t < TURNS; t++) {
            uint f = at + 4 * (mine + t * LANES);
            vec4 v = sum[u * TURNS + t];
            if (WIDE && f < p.width) {
                if (piece) rest4[(start + f) / 4] = v;
                else y4[(start + f) / 4] = v;
            }
            if (!WIDE) for (uint c = 0; c < 4; c++)
                if (f + c < p.width) {
                    if (piece) rest[start + f + c] = v[c];
                    else y[start + f + c] = v[c];
                }
        }
    }
}
