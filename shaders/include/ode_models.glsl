#include "smooth.glsl"
// Neurons in continuous time. A model is how many states and parameters it has, their names (y are the states, q the
// parameters), its derivatives d, what reaches 0 from below when it spikes, and if RESETS what each state becomes (r) and
// for how long the first one is then held. t is the time, I the current. Or all of it is the user's.
float linoid(float x) { return abs(x) < 1e-3 ? 1.0 + x * (0.5 + x / 12.0) : x / (1.0 - exp(-x)); } // x / (1 - e**-x)

#define STATES_LIF 1
#define PARAMETERS_LIF 6
#define RESETS_LIF 1
#define NAMES_LIF float V = y[0], tau_m = q[0], R = q[1], E_L = q[2], V_th = q[3], V_reset = q[4], t_ref = q[5];
#define DERIVE_LIF d[0] = (E_L - V + R * I) / tau_m;
#define SPIKE_LIF V - V_th
#define RESET_LIF r[0] = V_reset;
#define HOLD_LIF t_ref

#define STATES_CurrentLIF 2
#define PARAMETERS_CurrentLIF 7
#define RESETS_CurrentLIF 1
#define NAMES_CurrentLIF float V = y[0], I_syn = y[1], tau_m = q[0], tau_syn = q[1], R = q[2], E_L = q[3], V_th = \
    q[4], V_reset = q[5], t_ref = q[6];
#define DERIVE_CurrentLIF d[0] = (E_L - V + R * I_syn) / tau_m; d[1] = (I - I_syn) / tau_syn;
#define SPIKE_CurrentLIF V - V_th
#define RESET_CurrentLIF r[0] = V_reset;
#define HOLD_CurrentLIF t_ref

#define STATES_QuadraticIF 1
#define PARAMETERS_QuadraticIF 8
#define RESETS_QuadraticIF 1
#define NAMES_QuadraticIF float V = y[0], tau_m = q[0], R = q[1], E_L = q[2], V_c = q[3], a0 = q[4], V_peak = q[5], \
    V_reset = q[6], t_ref = q[7];
#define DERIVE_QuadraticIF d[0] = (a0 * (V - E_L) * (V - V_c) + R * I) / tau_m;
#define SPIKE_QuadraticIF V - V_peak
#define RESET_QuadraticIF r[0] = V_reset;
#define HOLD_QuadraticIF t_ref

#define STATES_ExponentialIF 1
#define PARAMETERS_ExponentialIF 8
#define RESETS_ExponentialIF 1
#define NAMES_ExponentialIF float V = y[0], tau_m = q[0], R = q[1], E_L = q[2], V_T = q[3], Delta_T = q[4], V_peak = \
    q[5], V_reset = q[6], t_ref = q[7];
#define DERIVE_ExponentialIF d[0] = (E_L - V + Delta_T * exp((V - V_T) / Delta_T) + R * I) / tau_m;
#define SPIKE_ExponentialIF V - V_peak
#define RESET_ExponentialIF r[0] = V_reset;
#define HOLD_ExponentialIF t_ref

#define STATES_AdEx 2
#define PARAMETERS_AdEx 11
#define RESETS_AdEx 1
#define NAMES_AdEx float V = y[0], w = y[1], C_m = q[0], g_L = q[1], E_L = q[2], V_T = q[3], Delta_T = q[4], a = q[5], \
    tau_w = q[6], b = q[7], V_peak = q[8], V_reset = q[9], t_ref = q[10];
#define DERIVE_AdEx d[0] = (g_L * (E_L - V) + g_L * Delta_T * exp((V - V_T) / Delta_T) - w + I) / C_m; d[1] = (a * (V \
    - E_L) - w) / tau_w;
#define SPIKE_AdEx V - V_peak
#define RESET_AdEx r[0] = V_reset; r[1] = w + b;
#define HOLD_AdEx t_ref

#define STATES_Izhikevich 2
#define PARAMETERS_Izhikevich 5
#define RESETS_Izhikevich 1
#define NAMES_Izhikevich float V = y[0], u = y[1], a = q[0], b = q[1], c = q[2], d_u = q[3], V_peak = q[4];
#define DERIVE_Izhikevich d[0] = (0.04 * V + 5.0) * V + 140.0 - u + I; d[1] = a * (b * V - u);
#define SPIKE_Izhikevich V - V_peak
#define RESET_Izhikevich r[0] = c; r[1] = u + d_u;
#define HOLD_Izhikevich 0.0

#define STATES_HodgkinHuxley 4
#define PARAMETERS_HodgkinHuxley 8
#define RESETS_HodgkinHuxley 0
#define NAMES_HodgkinHuxley float V = y[0], m = y[1], h = y[2], n = y[3], C_m = q[0], g_Na = q[1], g_K = q[2], g_L = \
    q[3], E_Na = q[4], E_K = q[5], E_L = q[6], V_th = q[7];
#define DERIVE_HodgkinHuxley d[0] = (g_Na * m * m * m * h * (E_Na - V) + g_K * n * n * n * n * (E_K - V) + g_L * (E_L \
    - V) + I) / C_m; d[1] = linoid((V + 40.0) / 10.0) * (1.0 - m) - 4.0 * exp(-(V + 65.0) / 18.0) * m; d[2] = 0.07 * \
    exp(-(V + 65.0) / 20.0) * (1.0 - h) - stable_sigmoid((V + 35.0) / 10.0) * h; d[3] = 0.1 * linoid((V + 55.0) / \
    10.0) * (1.0 - n) - 0.125 * exp(-(V + 65.0) / 80.0) * n;
#define SPIKE_HodgkinHuxley V - V_th
#define RESET_HodgkinHuxley
#define HOLD_HodgkinHuxley 0.0

#ifndef USER_STATES
#define USER_STATES JOIN(STATES_, OP)
#define USER_PARAMETERS JOIN(PARAMETERS_, OP)
#define USER_RESETS JOIN(RESETS_, OP)
#define USER_NAMES JOIN(NAMES_, OP)
#define USER_DERIVE JOIN(DERIVE_, OP)
#define USER_SPIKE JOIN(SPIKE_, OP)
#define USER_RESET JOIN(RESET_, OP)
#define USER_HOLD JOIN(HOLD_, OP)
#endif
const bool RESETS = USER_RESETS == 1;
float q[USER_PARAMETERS];
void derive(float t, float I, float y[USER_STATES], bool held, out float d[USER_STATES]) {
    USER_NAMES
    USER_DERIVE
    if (held) d[0] = 0.0;
}
float margin(float t, float I, float y[USER_STATES]) {
    USER_NAMES
    return USER_SPIKE;
}
// Resets the states, and returns how long the first one stays.
float jump(float t, float I, inout float y[USER_STATES]) {
    float r[USER_STATES] = y;
    USER_NAMES
    USER_RESET
    y = r;
    return USER_HOLD;
}
