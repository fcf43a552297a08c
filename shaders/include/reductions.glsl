// What reduce.comp and reduce_rows.comp compute: R_name unites two partial results a and b (quads), TAKE_name takes a
// value b into the result a. A quad is a vec4, ivec4 or uvec4.
#define INFINITY uintBitsToFloat(0x7F800000u)
#define HIGHER mix(mix(a, b, greaterThan(b, a)), b, isnan(b)) // NaN is an extreme, as in NumPy: `>` keeps one that is in a
#define LOWER mix(mix(a, b, lessThan(b, a)), b, isnan(b))

#define R_sum a + b
#define TAKE_sum a + b
#define START_sum 0.0
#define WORD_sum float
#define R_sum_of_squares a + b
#define TAKE_sum_of_squares fma(b, b, a)
#define START_sum_of_squares 0.0
#define WORD_sum_of_squares float
#define R_max HIGHER
#define TAKE_max HIGHER
#define START_max -INFINITY
#define WORD_max float
#define R_min LOWER
#define TAKE_min LOWER
#define START_min INFINITY
#define WORD_min float
#define R_int_sum a + b
#define TAKE_int_sum a + b
#define START_int_sum 0
#define WORD_int_sum int
#define R_int_max max(a, b)
#define TAKE_int_max max(a, b)
#define START_int_max int(0x80000000u)
#define WORD_int_max int
#define R_int_min min(a, b)
#define TAKE_int_min min(a, b)
#define START_int_min 0x7FFFFFFF
#define WORD_int_min int
#define R_uint_max max(a, b)
#define TAKE_uint_max max(a, b)
#define START_uint_max 0u
#define WORD_uint_max uint
#define R_uint_min min(a, b)
#define TAKE_uint_min min(a, b)
#define START_uint_min 0xFFFFFFFFu
#define WORD_uint_min uint

#define QUAD_float vec4
#define QUAD_int ivec4
#define QUAD_uint uvec4
#define WORD JOIN(WORD_, OP)
#define QUAD JOIN(QUAD_, WORD)
vec4 scaled(vec4 v) { return v * p.scale; }
ivec4 scaled(ivec4 v) { return v; }
uvec4 scaled(uvec4 v) { return v; }
#define START QUAD(JOIN(START_, OP))
QUAD unite(QUAD a, QUAD b) { return JOIN(R_, OP); }
QUAD take(QUAD a, QUAD b) { return JOIN(TAKE_, OP); }
WORD unite_quad(QUAD v) { return unite(unite(v, v.yyyy), unite(v.zzzz, v.wwww)).x; }

// LANES threads of a workgroup share a result, `apart` threads from each other: thread `lane` 0 gets all of it
shared QUAD partial[LANES > 1 ? gl_WorkGroupSize.x : 1];
QUAD united(QUAD v, uint lane, uint apart) {
    if (LANES == 1) return v;
    uint me = gl_LocalInvocationID.x;
    partial[me] = v;
    for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
        barrier();
        if (lane < half_) partial[me] = unite(partial[me], partial[me + half_ * apart]);
    }
    return partial[me];
}
