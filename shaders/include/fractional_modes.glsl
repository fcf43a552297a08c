// A fading memory as a sum of exponentials, in segments: mode i of a neuron is
//     y_i = rho_i^8 y_i + sum_j a_i rho_i^(8-j) x_j - sum_t d_i rho_i^(9-t) r_t
// over the inputs x_j of a segment and its jumps r_t at the time before it (t = 0) and after its steps, and adds
// rho_i^j y_i to step j of the next. The rows of `modes`: rho^0 ... rho^7, a rho^8 ... a rho, d rho^9 ... d rho, rho^8, and two
// words to fill it up.
#define MODE 28
#define MODE_A SEGMENT
#define MODE_D (2 * SEGMENT)
#define MODE_DECAY (3 * SEGMENT + 1)
