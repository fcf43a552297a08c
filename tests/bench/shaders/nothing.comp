#version 450
// One number: what a dispatch costs that does next to nothing.
layout(local_size_x = 64) in;
layout(binding = 0) buffer Y { float y[]; };
void main() { if (gl_GlobalInvocationID.x == 0) y[0] = 1.0; }
