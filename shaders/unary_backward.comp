#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"
// Holds f'(x), where y is f(x); kernels are linked from it, see engine/link.py.
//! OP: D_* of functions.glsl
layout(local_size_x = 64) in;
float df(float x, float y, float a, float b) { return JOIN(D_, OP); }
void main() { df(0.0, 0.0, 0.0, 0.0); }
