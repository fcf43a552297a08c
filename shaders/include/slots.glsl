// Several tensors of any sizes in one dispatch: EACH(f) is f(0) f(1) f(2) f(3). A device with few bindings gets fewer.
#ifndef SLOTS
#define SLOTS 4
#endif
#if SLOTS == 1
#define EACH(f) f(0)
#elif SLOTS == 2
#define EACH(f) f(0) f(1)
#elif SLOTS == 3
#define EACH(f) f(0) f(1) f(2)
#else
#define EACH(f) f(0) f(1) f(2) f(3)
#endif
// The quads i of tensor k, p.nk of them. A loop even where each thread has one: a CPU device skips the rest of a loop that
// is over, but runs through an `if` that fails.
#define EACH_QUAD(k) for (uint i = thread(), stride = gl_NumWorkGroups.x * gl_NumWorkGroups.y * gl_WorkGroupSize.x; i < p.n##k; i += stride)
