// The functions of two variables. The order is that of BINARY in ops/elementwise.py. TYPE: 0 float32, 1 int32, 2 uint32.
float safe_pow(float x, float e) { // pow() of GLSL is undefined for x < 0
    if (e == 0.0) return 1.0;
    if (e == 2.0) return x * x;
    if (x >= 0.0) return x == 0.0 ? (e > 0.0 ? 0.0 : uintBitsToFloat(0x7F800000u)) : pow(x, e);
    if (e != floor(e)) return uintBitsToFloat(0x7FC00000u);
    float m = pow(-x, e);
    return mod(e, 2.0) == 0.0 ? m : -m;
}
uint truth(bool t) { return floatBitsToUint(t ? 1.0 : 0.0); }
uint as_float(float a, float b, uint op) {
    switch (op) {
        case 0: return floatBitsToUint(a + b);
        case 1: return floatBitsToUint(a - b);
        case 2: return floatBitsToUint(a * b);
        case 3: return floatBitsToUint(a / b);
        case 4: return floatBitsToUint(safe_pow(a, b));
        case 5: return floatBitsToUint(a != a ? a : b != b ? b : max(a, b));
        case 6: return floatBitsToUint(a != a ? a : b != b ? b : min(a, b));
        case 7: return floatBitsToUint(floor(a / b));
        case 8: return floatBitsToUint(a - b * floor(a / b));
        case 9: return truth(a == b);
        case 10: return truth(a != b);
        case 11: return truth(a < b);
        case 12: return truth(a <= b);
        case 13: return truth(a > b);
        case 14: return truth(a >= b);
    }
    return 0u;
}
int floor_div(int a, int b) { int q = a / b; return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q; }
uint as_int(int a, int b, uint op) {
    switch (op) {
        case 0: return uint(a + b);
        case 1: return uint(a - b);
        case 2: return uint(a * b);
        case 5: return uint(max(a, b));
        case 6: return uint(min(a, b));
        case 7: return uint(floor_div(a, b));
        case 8: return uint(a - b * floor_div(a, b));
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
        case 7: return a / b;
        case 8: return a % b;
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
