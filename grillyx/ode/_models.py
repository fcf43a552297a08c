"""Models of neurons in continuous time, with the parameters of their papers; ``ode_models.glsl`` holds the same lines."""

from __future__ import annotations

from typing import ClassVar

from grillyx.ode._equations import Dynamics


class LIF(Dynamics):
    """Leaky integrate-and-fire: ``tau_m V' = E_L - V + R I``; at V_th a spike, and ``V = V_reset`` for t_ref.

    Constants:
        tau_m: time constant of the membrane, ms.
        R: resistance of the membrane, MΩ, so that I is in nA.
        E_L: where the membrane rests, mV.
        V_th: threshold, mV.
        V_reset: membrane after a spike, mV.
        t_ref: how long it stays there, ms.

    Raises:
        ValueError: tau_m not above 0, V_reset not below V_th, t_ref negative, NaN.

    Source: Gerstner et al., "Neuronal Dynamics", 2014, section 1.3.
    """

    parameters: ClassVar[dict[str, float]] = {
        "tau_m": 20.0, "R": 1.0, "E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {"V": "(E_L - V + R * I) / tau_m"}
    reset: ClassVar[dict[str, str]] = {"V": "V_reset"}
    spike, refractory, _line = "V - V_th", "t_ref", "LIF"
    initial: ClassVar[dict[str, float | str]] = {"V": "E_L"}
    positive, ordered = ("tau_m",), (("V_reset", "V_th"),)
    units: ClassVar[dict[str, str]] = {
        "tau_m": "ms", "R": "MΩ", "E_L": "mV", "V_th": "mV", "V_reset": "mV", "t_ref": "ms", "V": "mV", "I": "nA",
    }  # fmt: skip


class CurrentLIF(Dynamics):
    """LIF behind a synapse: ``tau_m V' = E_L - V + R I_syn``, ``tau_syn I_syn' = -I_syn + I``; a spike resets V alone.

    Constants:
        tau_m: time constant of the membrane, ms.
        tau_syn: time constant of the synapse, ms.
        R: resistance of the membrane, MΩ, so that I is in nA.
        E_L: where the membrane rests, mV.
        V_th: threshold, mV.
        V_reset: membrane after a spike, mV.
        t_ref: how long it stays there, ms, while the synapse goes on.

    Raises:
        ValueError: a time constant not above 0, V_reset not below V_th, t_ref negative, NaN.

    Source: Gerstner et al., "Neuronal Dynamics", 2014, section 1.5; Wunderlich and Pehle, "EventProp", 2021.
    """

    parameters: ClassVar[dict[str, float]] = {
        "tau_m": 20.0, "tau_syn": 5.0, "R": 1.0, "E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {
        "V": "(E_L - V + R * I_syn) / tau_m",
        "I_syn": "(I - I_syn) / tau_syn",
    }
    reset: ClassVar[dict[str, str]] = {"V": "V_reset"}
    spike, refractory, _line = "V - V_th", "t_ref", "CurrentLIF"
    initial: ClassVar[dict[str, float | str]] = {"V": "E_L"}
    positive, ordered = ("tau_m", "tau_syn"), (("V_reset", "V_th"),)
    units: ClassVar[dict[str, str]] = {**LIF.units, "tau_syn": "ms", "I_syn": "nA"}


class QuadraticIF(Dynamics):
    """Quadratic integrate-and-fire: ``tau_m V' = a0 (V - E_L) (V - V_c) + R I``; at V_peak a spike, then V_reset for t_ref.

    Constants:
        tau_m: time constant of the membrane, ms.
        R: resistance of the membrane, MΩ, so that I is in nA.
        E_L: where the membrane rests, mV.
        V_c: above this it rises by itself, mV.
        a0: strength of the parabola, 1/mV.
        V_peak: where the rise is cut off, mV.
        V_reset: membrane after a spike, mV.
        t_ref: how long it stays there, ms.

    Raises:
        ValueError: tau_m or a0 not above 0, E_L not below V_c, V_c or V_reset not below V_peak, t_ref negative, NaN.

    Source: Gerstner et al., "Neuronal Dynamics", 2014, section 5.3.
    """

    parameters: ClassVar[dict[str, float]] = {
        "tau_m": 10.0, "R": 10.0, "E_L": -70.0, "V_c": -55.0, "a0": 0.1, "V_peak": -40.0, "V_reset": -75.0, "t_ref": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {"V": "(a0 * (V - E_L) * (V - V_c) + R * I) / tau_m"}
    reset: ClassVar[dict[str, str]] = {"V": "V_reset"}
    spike, refractory, _line = "V - V_peak", "t_ref", "QuadraticIF"
    initial: ClassVar[dict[str, float | str]] = {"V": "E_L"}
    positive, ordered = ("tau_m", "a0"), (("E_L", "V_c"), ("V_c", "V_peak"), ("V_reset", "V_peak"))
    units: ClassVar[dict[str, str]] = {
        "tau_m": "ms", "R": "MΩ", "E_L": "mV", "V_c": "mV", "a0": "1/mV", "V_peak": "mV", "V_reset": "mV", "t_ref": "ms",
        "V": "mV", "I": "nA",
    }  # fmt: skip


class ExponentialIF(Dynamics):
    """Exponential integrate-and-fire: ``tau_m V' = E_L - V + Delta_T exp((V - V_T) / Delta_T) + R I``.

    At V_peak it spikes, and stays at V_reset for t_ref.

    Constants:
        tau_m: time constant of the membrane, ms.
        R: resistance of the membrane, MΩ, so that I is in nA.
        E_L: where the membrane rests, mV.
        V_T: the threshold where the rise begins, mV.
        Delta_T: how sharply it does, mV.
        V_peak: where the rise is cut off, mV.
        V_reset: membrane after a spike, mV.
        t_ref: how long it stays there, ms.

    Raises:
        ValueError: tau_m or Delta_T not above 0, V_T or V_reset not below V_peak, t_ref negative, NaN.

    Source: Fourcaud-Trocmé et al., "How spike generation mechanisms determine the neuronal response to fluctuating inputs",
    2003; the parameters are those of Gerstner et al., "Neuronal Dynamics", 2014, exercises to section 5.2.
    """

    parameters: ClassVar[dict[str, float]] = {
        "tau_m": 12.0, "R": 20.0, "E_L": -65.0, "V_T": -55.0, "Delta_T": 2.0, "V_peak": -30.0, "V_reset": -60.0, "t_ref": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {"V": "(E_L - V + Delta_T * exp((V - V_T) / Delta_T) + R * I) / tau_m"}
    reset: ClassVar[dict[str, str]] = {"V": "V_reset"}
    spike, refractory, _line = "V - V_peak", "t_ref", "ExponentialIF"
    initial: ClassVar[dict[str, float | str]] = {"V": "E_L"}
    positive, ordered = ("tau_m", "Delta_T"), (("V_T", "V_peak"), ("V_reset", "V_peak"))
    units: ClassVar[dict[str, str]] = {
        "tau_m": "ms", "R": "MΩ", "E_L": "mV", "V_T": "mV", "Delta_T": "mV", "V_peak": "mV", "V_reset": "mV", "t_ref": "ms",
        "V": "mV", "I": "nA",
    }  # fmt: skip


class AdEx(Dynamics):
    """Adaptive exponential integrate-and-fire, with a second state w.

    ``C_m V' = g_L (E_L - V) + g_L Delta_T exp((V - V_T) / Delta_T) - w + I``, ``tau_w w' = a (V - E_L) - w``; at V_peak a spike,
    ``V = V_reset`` for t_ref, and ``w += b``.

    Constants:
        C_m: capacitance, pF, so that I is in pA.
        g_L: conductance of the leak, nS.
        E_L: where the membrane rests, mV.
        V_T: the threshold where the rise begins, mV.
        Delta_T: how sharply it does, mV.
        a: adaptation below the threshold, nS.
        tau_w: time constant of the adaptation, ms.
        b: what a spike adds to the adaptation, pA.
        V_peak: where the rise is cut off, mV.
        V_reset: membrane after a spike, mV.
        t_ref: how long it stays there, ms, while w goes on.

    Raises:
        ValueError: C_m, g_L, Delta_T or tau_w not above 0, V_T or V_reset not below V_peak, t_ref negative, NaN.

    Source: Brette and Gerstner, "Adaptive exponential integrate-and-fire model as an effective description of neuronal
    activity", 2005; V_reset and V_peak are NEST's.
    """

    parameters: ClassVar[dict[str, float]] = {
        "C_m": 281.0, "g_L": 30.0, "E_L": -70.6, "V_T": -50.4, "Delta_T": 2.0, "a": 4.0, "tau_w": 144.0, "b": 80.5,
        "V_peak": 0.0, "V_reset": -60.0, "t_ref": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {
        "V": "(g_L * (E_L - V) + g_L * Delta_T * exp((V - V_T) / Delta_T) - w + I) / C_m",
        "w": "(a * (V - E_L) - w) / tau_w",
    }
    reset: ClassVar[dict[str, str]] = {"V": "V_reset", "w": "w + b"}
    spike, refractory, _line = "V - V_peak", "t_ref", "AdEx"
    initial: ClassVar[dict[str, float | str]] = {"V": "E_L"}
    positive, ordered = ("C_m", "g_L", "Delta_T", "tau_w"), (("V_T", "V_peak"), ("V_reset", "V_peak"))
    units: ClassVar[dict[str, str]] = {
        "C_m": "pF", "g_L": "nS", "E_L": "mV", "V_T": "mV", "Delta_T": "mV", "a": "nS", "tau_w": "ms", "b": "pA",
        "V_peak": "mV", "V_reset": "mV", "t_ref": "ms", "V": "mV", "w": "pA", "I": "pA",
    }  # fmt: skip


class Izhikevich(Dynamics):
    """Izhikevich's neuron: ``V' = 0.04 V**2 + 5 V + 140 - u + I``, ``u' = a (b V - u)``; at V_peak ``V = c``, ``u += d``.

    Time is in ms, V in mV, and the current has no unit.

    Constants:
        a: speed of the recovery u, 1/ms.
        b: how the recovery follows the membrane.
        c: membrane after a spike, mV.
        d_u: what a spike adds to the recovery, d in the paper.
        V_peak: where the rise is cut off, mV.

    Raises:
        ValueError: c not below V_peak, NaN.

    Source: Izhikevich, "Simple model of spiking neurons", 2003; the defaults are regular spiking.
    """

    parameters: ClassVar[dict[str, float]] = {"a": 0.02, "b": 0.2, "c": -65.0, "d_u": 8.0, "V_peak": 30.0}
    derivative: ClassVar[dict[str, str]] = {
        "V": "(0.04 * V + 5.0) * V + 140.0 - u + I",
        "u": "a * (b * V - u)",
    }
    reset: ClassVar[dict[str, str]] = {"V": "c", "u": "u + d_u"}
    spike, _line = "V - V_peak", "Izhikevich"
    initial: ClassVar[dict[str, float | str]] = {"V": -70.0, "u": -14.0}
    ordered = (("c", "V_peak"),)
    units: ClassVar[dict[str, str]] = {"a": "1/ms", "c": "mV", "V_peak": "mV", "V": "mV"}


class HodgkinHuxley(Dynamics):
    """Hodgkin and Huxley's axon of the squid, with its rest at -65 mV; a spike is where V comes up to V_th, without a reset.

    ``C_m V' = g_Na m**3 h (E_Na - V) + g_K n**4 (E_K - V) + g_L (E_L - V) + I``, and ``x' = α_x(V) (1 - x) - β_x(V) x`` for
    the gates m, h, n.

    Constants:
        C_m: capacitance, µF/cm², so that I is in µA/cm².
        g_Na: largest conductance of sodium, mS/cm².
        g_K: largest conductance of potassium, mS/cm².
        g_L: conductance of the leak, mS/cm².
        E_Na: reversal potential of sodium, mV.
        E_K: reversal potential of potassium, mV.
        E_L: reversal potential of the leak, mV.
        V_th: what counts as a spike, mV.

    Raises:
        ValueError: C_m not above 0, NaN.

    Source: Hodgkin and Huxley, "A quantitative description of membrane current", 1952, shifted as in Gerstner et al.,
    "Neuronal Dynamics", 2014, section 2.2.
    """

    parameters: ClassVar[dict[str, float]] = {
        "C_m": 1.0, "g_Na": 120.0, "g_K": 36.0, "g_L": 0.3, "E_Na": 50.0, "E_K": -77.0, "E_L": -54.387, "V_th": 0.0,
    }  # fmt: skip
    derivative: ClassVar[dict[str, str]] = {
        "V": "(g_Na * m * m * m * h * (E_Na - V) + g_K * n * n * n * n * (E_K - V) + g_L * (E_L - V) + I) / C_m",
        "m": "linoid((V + 40.0) / 10.0) * (1.0 - m) - 4.0 * exp(-(V + 65.0) / 18.0) * m",
        "h": "0.07 * exp(-(V + 65.0) / 20.0) * (1.0 - h) - stable_sigmoid((V + 35.0) / 10.0) * h",
        "n": "0.1 * linoid((V + 55.0) / 10.0) * (1.0 - n) - 0.125 * exp(-(V + 65.0) / 80.0) * n",
    }
    spike, _line = "V - V_th", "HodgkinHuxley"
    # the gates where they rest at -65 mV
    initial: ClassVar[dict[str, float | str]] = {"V": -65.0, "m": 0.0529325, "h": 0.5961208, "n": 0.3176769}
    positive = ("C_m",)
    units: ClassVar[dict[str, str]] = {
        "C_m": "µF/cm²", "g_Na": "mS/cm²", "g_K": "mS/cm²", "g_L": "mS/cm²", "E_Na": "mV", "E_K": "mV", "E_L": "mV",
        "V_th": "mV", "V": "mV", "I": "µA/cm²",
    }  # fmt: skip
