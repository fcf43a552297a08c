#include "arithmetic.glsl"
// The functions of two variables: for each a line for float32, int32 and uint32, chosen by TYPE (0, 1, 2). Each name
// becomes shaders of its own, binary.name and binary_broadcast.name: see functions.glsl.
uint truth(bool t) { return floatBitsToUint(t ? 1.0 : 0.0); }
int floor_div(int a, int b) { // 0 for a division by 0; the smallest number has no positive counterpart
    if (b == 0 || b == -1) return b * a;
    int q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}

#define FLOAT_add floatBitsToUint(a + b)
#define FLOAT_subtract floatBitsToUint(a - b)
#define FLOAT_multiply floatBitsToUint(a * b)
#define FLOAT_divide floatBitsToUint(a / b)
#define FLOAT_power floatBitsToUint(power(a, b))
#define FLOAT_maximum floatBitsToUint(larger(a, b))
#define FLOAT_minimum floatBitsToUint(smaller(a, b))
#define FLOAT_masked floatBitsToUint(b != 0.0 ? a : 0.0)
#define FLOAT_floor_divide floatBitsToUint(divided(a, b).x)
#define FLOAT_remainder floatBitsToUint(divided(a, b).y)
#define FLOAT_equal truth(a == b)
#define FLOAT_not_equal truth(a != b)
#define FLOAT_less truth(a < b)
#define FLOAT_less_equal truth(a <= b)
#define FLOAT_greater truth(a > b)
#define FLOAT_greater_equal truth(a >= b)

#define INT_add uint(a + b)
#define INT_subtract uint(a - b)
#define INT_multiply uint(a * b)
#define INT_divide 0u // always of floats
#define INT_power 0u // always of floats
#define INT_maximum uint(max(a, b))
#define INT_minimum uint(min(a, b))
#define INT_masked b != 0 ? uint(a) : 0u
#define INT_floor_divide uint(floor_div(a, b))
#define INT_remainder b == 0 ? 0u : uint(a - b * floor_div(a, b))
#define INT_equal truth(a == b)
#define INT_not_equal truth(a != b)
#define INT_less truth(a < b)
#define INT_less_equal truth(a <= b)
#define INT_greater truth(a > b)
#define INT_greater_equal truth(a >= b)

#define UINT_add a + b
#define UINT_subtract a - b
#define UINT_multiply a * b
#define UINT_divide 0u
#define UINT_power 0u
#define UINT_maximum max(a, b)
#define UINT_minimum min(a, b)
#define UINT_masked b != 0u ? a : 0u
#define UINT_floor_divide b == 0 ? 0u : a / b
#define UINT_remainder b == 0 ? 0u : a % b
#define UINT_equal truth(a == b)
#define UINT_not_equal truth(a != b)
#define UINT_less truth(a < b)
#define UINT_less_equal truth(a <= b)
#define UINT_greater truth(a > b)
#define UINT_greater_equal truth(a >= b)

uint on_floats(float a, float b) { return JOIN(FLOAT_, OP); }
uint on_ints(int a, int b) { return JOIN(INT_, OP); }
uint on_uints(uint a, uint b) { return JOIN(UINT_, OP); }
uint g(uint a, uint b, uint type) {
    if (type == 0) return on_floats(uintBitsToFloat(a), uintBitsToFloat(b));
    return type == 1 ? on_ints(int(a), int(b)) : on_uints(a, b);
}
