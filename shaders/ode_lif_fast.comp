#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool QUADS = true;  // neurons is divisible by 4
layout(constant_id = 1) const bool SINGLE = true; // one sample: the squares of intervals lie side by side
layout(constant_id = 2) const bool FIRST = true;  // the neurons begin here
layout(constant_id = 3) const bool GIVEN = false; // with voltages begin0 and begin1, else at rest
layout(constant_id = 4) const uint STEPS = 8;     // unrolled: in a loop each of these takes twice as long
layout(constant_id = 5) const bool LOOP = false;  // over `blocks` of them, where a dispatch more would take longer than that
// STEPS intervals or, with LOOP, `blocks` times as many, from `first` on, of n leaky neurons in plain floats: counts (T, n), and the
// voltage v (n), changed in place. Beside v goes a bound of its error. A neuron of which a count could be another within the
// bounds is put on a list, to be run again in pairs of floats. A thread takes four neighbours; `first` is divisible by 4, and
// `from` is the row where the currents begin. With s = exp(-(time left after a spike)), which is fall / a after the first one, each
// further spike multiplies s by g / a, as long as it stays below 1. An error of s is relative, one of v absolute.
layout(push_constant) uniform P {
    uint n, neurons, first, from, blocks;
    float error, error_of_sum; // of a current I, over |x| |w| and over |I|
    float rest0, rest1, gain, threshold, reset, decay;
} p;
INPUT(0, current)
INPUT(1, x_squares)
INPUT(2, w_squares)
OUTPUT(3, v0)
OUTPUT(4, e0)      // the bound of its error; below 0: the neuron is on the list
OUTPUT(5, counts)
layout(binding = 6) buffer L { uint list[]; };
layout(binding = 7) buffer M { uint listed[]; };
INPUT(8, begin0)
INPUT(9, begin1)
OUTPUT(10, v1)
const float TINY = 5.9604645e-8;
#define EACH for (uint q = 0; q < 4 && i + q < n; q++)
#define LOAD(to, name, at) if (QUADS) to = name##4[(at) / 4]; else EACH to[q] = name[(at) + q]
#define STORE(name, at, from) if (QUADS) name##4[(at) / 4] = from; else EACH name[(at) + q] = from[q]
bvec4 both(bvec4 a, bvec4 b) { return bvec4(a.x && b.x, a.y && b.y, a.z && b.z, a.w && b.w); }
bvec4 either(bvec4 a, bvec4 b) { return bvec4(a.x || b.x, a.y || b.y, a.z || b.z, a.w || b.w); }
void main() {
    uint i = 4 * thread(), n = p.n, first = p.first, from = p.from, neurons = p.neurons, batch = n / neurons, blocks = LOOP ? p.blocks : 1;
    if (i >= n) return;
    float rest = p.rest0, gain = p.gain, threshold = p.threshold, decay = p.decay, low = p.reset, error = p.error * gain, of_sum = p.error_of_sum;
    float fixed_error = TINY * (2.0 * abs(rest) + 2.0 * abs(threshold) + abs(low)), climb = 1.0 - decay;
    vec4 v = vec4(rest), e = vec4(0.0), norm = vec4(0.0);
    uint who = i / neurons; // where neighbours may be of different samples: see below
    if (FIRST && GIVEN) { LOAD(v, begin0, i); }
    if (!FIRST) { LOAD(v, v0, i); LOAD(e, e0, i); }
    if (QUADS) norm = sqrt(w_squares4[i % neurons / 4]);
    else EACH norm[q] = sqrt(w_squares[(i + q) % neurons]);
    bvec4 open = greaterThanEqual(e, vec4(0.0)), sure = both(open, lessThan(v + e, vec4(threshold)));
    norm *= error;
    for (uint block = 0; block < blocks; block++) {
        vec4 xx = vec4(0.0);
        [[unroll]] for (uint j = 0; j < STEPS; j++) {
            uint t = first + block * STEPS + j;
            if (SINGLE && j % 4 == 0) xx = sqrt(x_squares4[t / 4]);
            vec4 drive = vec4(0.0), size;
            LOAD(drive, current, (t - from) * n + i);
            if (SINGLE) size = vec4(xx[j % 4]);
            else if (QUADS) size = vec4(sqrt(x_squares[t * batch + who]));
            else { size = vec4(0.0); EACH size[q] = sqrt(x_squares[t * batch + (i + q) / neurons]); }
            vec4 charge = drive * gain, v_inf = rest + charge, a = v_inf - threshold, b = v_inf - v, far = abs(v_inf) * (4.0 * TINY);
            vec4 ei = norm * size + abs(charge) * of_sum + fixed_error + far;
            vec4 fall = b * decay, free = v_inf - fall;
            vec4 ef = e * decay + ei * climb + far + abs(v) * (4.0 * TINY);
            bvec4 calm = lessThan(free + ef, vec4(threshold));
            bvec4 fires = both(greaterThanEqual(free - ef, vec4(threshold)), greaterThan(a, 4.0 * ei));
            vec4 per = 1.0 / a, g = v_inf - low, ratio = mix(vec4(2.0), g * per, fires), s = mix(vec4(1.0), fall * per, fires);
            vec4 rate = log2(ratio), k = max(floor(-log2(s) / rate), 0.0), later = k * rate;
            s *= exp2(later);
            // relative errors of s, and of the ratio: an error of v_inf moves numerator and denominator alike
            vec4 rb = 1.0 / b, er = ei * (per - 1.0 / g) + 16.0 * TINY;
            vec4 es = e * rb + ei * (per - rb) + 16.0 * TINY + k * er + 4.0 * TINY * later;
            bvec4 clear = both(lessThan(s * (1.0 + es), vec4(1.0)), greaterThan(s * ratio * (1.0 - es - er), vec4(1.0)));
            es = ei + g * s * es;
            s = v_inf - g * s;
            fires = both(fires, both(clear, lessThan(s + es, vec4(threshold))));
            sure = both(sure, either(calm, fires));
            v = mix(free, s, fires);
            e = mix(ef, es, fires);
            sure = both(sure, lessThan(e, vec4(0.01 * (threshold - low))));
            vec4 count = mix(vec4(0.0), k + 1.0, fires);
            STORE(counts, t * n + i, count);
        }
    }
    vec4 v_low = vec4(0.0), begin = vec4(p.rest0), begin_low = vec4(p.rest1);
    if (GIVEN) { LOAD(begin, begin0, i); LOAD(begin_low, begin1, i); }
    EACH if (open[q] && !sure[q]) list[atomicAdd(listed[0], 1)] = i + q;
    v = mix(begin, v, sure); // on the list they begin again
    v_low = mix(begin_low, v_low, sure);
    e = mix(vec4(-1.0), e, sure);
    STORE(v0, i, v);
    STORE(v1, i, v_low);
    STORE(e0, i, e);
}
