#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Where the extreme of the middle axis of x (outer, rows, inner) is: a thread looks through a chunk of the rows, or AGAIN
// through a chunk of the `count` places found before; y has the shape (outer, chunks, inner). The first of equal values
// counts, and NaN is the extreme, as in NumPy.
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool LARGEST = true;
layout(constant_id = 1) const uint TYPE = 0; // 0 float32, 1 int32, 2 uint32
layout(constant_id = 2) const bool AGAIN = false;
layout(push_constant) uniform P { uint n, rows, inner, count, chunk, chunks; } p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) readonly buffer F { uint found[]; };
layout(binding = 2) buffer Y { uint y[]; };
bool beats(uint v, uint best) {
    if (TYPE == 1) return LARGEST ? int(v) > int(best) : int(v) < int(best);
    if (TYPE == 2) return LARGEST ? v > best : v < best;
    float a = uintBitsToFloat(v), b = uintBitsToFloat(best);
    return !isnan(b) && (isnan(a) || (LARGEST ? a > b : a < b));
}
void main() {
    uint i = thread();
    if (i >= p.n) return;
    uint column = i % p.inner, chunk = (i / p.inner) % p.chunks, outer = i / (p.inner * p.chunks);
    uint first = chunk * p.chunk, last = min(first + p.chunk, p.count), place = 0, best = 0;
    for (uint k = first; k < last; k++) {
        uint row = AGAIN ? found[(outer * p.count + k) * p.inner + column] : k;
        uint v = x[(outer * p.rows + row) * p.inner + column];
        if (k == first || beats(v, best)) { best = v; place = row; }
    }
    y[i] = place;
}
