#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "common.glsl"
// For CPU devices: a workgroup is one subgroup, whose lanes hand round what they load.
#define SHARED 1
#include "ode_current.glsl"
