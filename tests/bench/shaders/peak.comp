#version 450
// fma without end on registers alone: twelve chains a thread, so that none waits for its own result. 192 operations a round.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint rounds; float a, b; } p;
layout(binding = 0) buffer Y { vec4 y[]; };
#define STEP x = fma(x, a, b); y0 = fma(y0, a, b); z = fma(z, a, b);
void main() {
    uint i = gl_GlobalInvocationID.x;
    vec4 a = vec4(p.a), b = vec4(p.b), x = vec4(i), y0 = x + 1.0, z = x + 2.0;
    for (uint k = 0; k < p.rounds; k++) { STEP STEP STEP STEP STEP STEP STEP STEP }
    y[i] = x + y0 + z;
}
