#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "functions.glsl"
// Holds f(x) of one variable; kernels are linked from it, see engine/link.py.
//! OP: F_* of functions.glsl
layout(local_size_x = 64) in;
float f(float x, float a, float b) { return JOIN(F_, OP); }
void main() { f(0.0, 0.0, 0.0); }
