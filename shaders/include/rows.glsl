// Rows in units, which are quads if WIDE (lengths divisible by 4), or else words: then only x of a vec4 counts. LANES threads
// share a row; each takes neighbouring units if NEAR, as a GPU wants it, or else a run of them.
uint begin, first, last; // where the row begins, and the units of this thread
const uint PACE = NEAR ? LANES : 1;
#define UNIT(name, k) (WIDE ? name##4[k] : vec4(name[k]))
#define EACH_UNIT(k) for (uint k = first; k < last; k += PACE)
#define PUT(name, k, v) if (WIDE) name##4[k] = v; else name[k] = (v).x;
void begin_row(uint row, uint rows, uint length) { // one beyond the last is empty
    uint units = WIDE ? length / 4 : length, lane = gl_LocalInvocationID.x % LANES;
    begin = first = min(row, rows - 1) * units;
    last = row < rows ? first + units : first;
    if (NEAR) first += lane;
    else if (LANES > 1) {
        uint share = (units + LANES - 1) / LANES;
        first += lane * share;
        last = min(last, first + share);
    }
}
float sum_of(vec4 v) { return WIDE ? (v.x + v.y) + (v.z + v.w) : v.x; }
float max_of(vec4 v) { return WIDE ? max(max(v.x, v.y), max(v.z, v.w)) : v.x; }
// over the threads of `count` in a row; all of them get it
shared float lanes_[gl_WorkGroupSize.x];
#define OVER_LANES(name, unite) \
    float name(float a, uint count) { \
        if (count == 1) return a; \
        uint me = gl_LocalInvocationID.x; \
        barrier(); \
        lanes_[me] = a; \
        for (uint k = count / 2; k > 0; k /= 2) { \
            barrier(); \
            if (me % count < k) { float b = lanes_[me + k]; a = unite; lanes_[me] = a; } \
        } \
        barrier(); \
        return lanes_[me - me % count]; \
    }
OVER_LANES(lanes_sum, a + b)
OVER_LANES(lanes_max, max(a, b))
