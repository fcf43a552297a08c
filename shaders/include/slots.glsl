// Several tensors of any sizes in one dispatch: EACH(f) is f(0) f(1) ... f(OP - 1), and PUSH(n) declares n0, n1, ....
// One shader for each number of slots, as empty ones cost: time to make the pipeline, and on a CPU device to run.
#define SLOTS_1 1
#define SLOTS_2 2
#define SLOTS_4 4
#define SLOTS_6 6
#define SLOTS_8 8
#define EACH_1(f) f(0)
#define EACH_2(f) f(0) f(1)
#define EACH_4(f) EACH_2(f) f(2) f(3)
#define EACH_6(f) EACH_4(f) f(4) f(5)
#define EACH_8(f) EACH_6(f) f(6) f(7)
#define EACH(f) JOIN(EACH_, OP)(f)
#define PUSH_1(n) n##0
#define PUSH_2(n) n##0, n##1
#define PUSH_4(n) PUSH_2(n), n##2, n##3
#define PUSH_6(n) PUSH_4(n), n##4, n##5
#define PUSH_8(n) PUSH_6(n), n##6, n##7
#define PUSH(n) JOIN(PUSH_, OP)(n)
// The quads i of tensor k, p.nk of them. A loop even where each thread has one: a CPU device skips the rest of a loop that
// is over, but runs through an `if` that fails.
#define EACH_QUAD(k) for (uint i = thread(), stride = gl_NumWorkGroups.x * gl_NumWorkGroups.y * gl_WorkGroupSize.x; i < p.n##k; i += stride)
