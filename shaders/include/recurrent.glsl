// A step of a recurrent layer: a thread has one unit of a sample, or four if WIDE.
#include "smooth.glsl"
#define UNIT(name, k) (WIDE ? name##4[k] : vec4(name[k]))
#define PUT(name, k, v) if (WIDE) name##4[k] = v; else name[k] = (v).x;
vec4 sigmoids(vec4 v) { return vec4(stable_sigmoid(v.x), stable_sigmoid(v.y), stable_sigmoid(v.z), stable_sigmoid(v.w)); }
vec4 tanhs(vec4 v) { return vec4(stable_tanh(v.x), stable_tanh(v.y), stable_tanh(v.z), stable_tanh(v.w)); }
