#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
// Each thread by itself.
#define SHARED 0
#include "ode_current.glsl"
