#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "pool2d.glsl"
// The maximum of each window of x: y and where it was, index (planes, oh, ow), the first of equal ones. A thread takes EACH
// neighbours of y.
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X2 { vec2 x2[]; };
OUTPUT(1, y)
layout(binding = 2) buffer I { int index[]; };
layout(binding = 2) buffer I4 { ivec4 index4[]; };
void main() {
    uint i = thread();
    if (i >= p.n) return;
    Place at = place(EACH * i, p.oh, p.ow);
    int h = p.h, w = p.w, oh = p.oh, ow = p.ow;
    vec4 values;
    ivec4 places;
    [[unroll]] for (uint q = 0; q < EACH; q++) {
        float best = uintBitsToFloat(0xFF800000u);
        int found = -1, top = at.row * SH - PH, left = at.column * SW - PW, start = at.plane * h;
        for (int a = 0; a < KH; a++) {
            int u = top + a * DH;
            vec2 both = vec2(0);
            if (PAIRS) both = x2[(start + u) * (w / 2) + at.column];
            for (int b = 0; b < KW; b++) {
                int v = left + b * DW;
                bool inside = PAIRS || (u >= 0 && u < h && v >= 0 && v < w);
                float value = PAIRS ? both[b] : x[inside ? (start + u) * w + v : 0];
                if (inside && (found < 0 || value > best || isnan(value))) {
                    best = value;
                    found = u * w + v;
                }
            }
        }
        values[q] = best;
        places[q] = found;
        advance(at, oh, ow);
    }
    if (EACH == 4) {
        y4[i] = values;
        index4[i] = places;
    } else {
        y[i] = values.x;
        index[i] = places.x;
    }
}
