// Shared by all kernels.
#extension GL_GOOGLE_include_directive : require

// A dispatch may go on in the second dimension: see engine/kernel.py, grid(). A macro, because gl_WorkGroupSize is 1
// until local_size is declared.
#define thread() (gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * gl_WorkGroupSize.x))

// A buffer that may be read as single words or, where rows are aligned, as vec4: two names for one binding.
#define INPUT(slot, name) \
    layout(binding = slot) readonly buffer name##_words { float name[]; }; \
    layout(binding = slot) readonly buffer name##_quads { vec4 name##4[]; };
#define OUTPUT(slot, name) \
    layout(binding = slot) buffer name##_words { float name[]; }; \
    layout(binding = slot) buffer name##_quads { vec4 name##4[]; };
#define QUADS_IN(slot, name) layout(binding = slot) readonly buffer name##_quads { vec4 name[]; };
#define QUADS_OUT(slot, name) layout(binding = slot) buffer name##_quads { vec4 name[]; };

// JOIN(F_, OP) with OP defined as exp is F_exp.
#define JOIN_NOW(a, b) a##b
#define JOIN(a, b) JOIN_NOW(a, b)
