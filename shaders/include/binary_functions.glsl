#include "arithmetic.glsl"
// The functions of two variables. The order is that of BINARY in ops/elementwise.py. TYPE: 0 float32, 1 int32, 2 uint32.
uint truth(bool t) { return floatBitsToUint(t ? 1.0 : 0.0); }
uint as_float(float a, float b, uint op) {
    switch (op) {
        case 0: return floatBitsToUint(a + b);
        case 1: return floatBitsToUint(a - b);
        case 2: return floatBitsToUint(a * b);
        case 3: return floatBitsToUint(a / b);
        case 4: return floatBitsToUint(power(a, b));
        case 5: return floatBitsToUint(larger(a, b));
        case 6: return floatBitsToUint(smaller(a, b));
        case 7: return floatBitsToUint(divided(a, b).x);
        case 8: return floatBitsToUint(divided(a, b).y);
        case 9: return truth(a == b);
        case 10: return truth(a != b);
        case 11: return truth(a < b);
        case 12: return truth(a <= b);
        case 13: return truth(a > b);
        case 14: return truth(a >= b);
    }
    return 0u;
}
int floor_div(int a, int b) { // 0 for a division by 0; the smallest number has no positive counterpart
    if (b == 0 || b == -1) return b * a;
    int q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
uint as_int(int a, int b, uint op) {
    switch (op) {
        case 0: return uint(a + b);
        case 1: return uint(a - b);
        case 2: return uint(a * b);
        case 5: return uint(max(a, b));
        case 6: return uint(min(a, b));
        case 7: return uint(floor_div(a, b));
        case 8: return b == 0 ? 0u : uint(a - b * floor_div(a, b));
        case 9: return truth(a == b);
        case 10: return truth(a != b);
        case 11: return truth(a < b);
        case 12: return truth(a <= b);
        case 13: return truth(a > b);
        case 14: return truth(a >= b);
    }
    return 0u;
}
uint as_uint(uint a, uint b, uint op) {
    switch (op) {
        case 5: return max(a, b);
        case 6: return min(a, b);
        case 7: return b == 0 ? 0u : a / b;
        case 8: return b == 0 ? 0u : a % b;
        case 11: return truth(a < b);
        case 12: return truth(a <= b);
        case 13: return truth(a > b);
        case 14: return truth(a >= b);
    }
    return as_int(int(a), int(b), op);
}
uint g(uint a, uint b, uint op, uint type) {
    if (type == 0) return as_float(uintBitsToFloat(a), uintBitsToFloat(b), op);
    if (type == 1) return as_int(int(a), int(b), op);
    return as_uint(a, b, op);
}
