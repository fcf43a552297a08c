"""Models of neurons in float64, written down a second time, and scipy's solver with its events: what the shaders must find."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from grillyx import ode


class Reference(NamedTuple):
    """``rates(t, y, I)``, what comes up to 0 at a spike, the states after it (None: it is only counted), how long V is held."""

    rates: Callable[[float, Any, float], list[float]]
    margin: Callable[[Any], float]
    jump: Callable[[Any], list[float]] | None
    hold: float


def _gates(v: float) -> list[tuple[float, float]]:
    m = 0.1 * (v + 40) / (1 - math.exp(-(v + 40) / 10)), 4 * math.exp(-(v + 65) / 18)
    h = 0.07 * math.exp(-(v + 65) / 20), 1 / (1 + math.exp(-(v + 35) / 10))
    n = 0.01 * (v + 55) / (1 - math.exp(-(v + 55) / 10)), 0.125 * math.exp(-(v + 65) / 80)
    return [m, h, n]


def _squid(o: Any, y: Any, i: float) -> list[float]:
    v, m, h, n = y
    ions = o.g_Na * m**3 * h * (v - o.E_Na) + o.g_K * n**4 * (v - o.E_K) + o.g_L * (v - o.E_L)
    return [(i - ions) / o.C_m, *(a * (1 - x) - b * x for (a, b), x in zip(_gates(v), (m, h, n), strict=True))]


def of(o: ode.Dynamics) -> Reference:
    """The float64 twin of a model."""
    match o:
        case ode.LIF():
            rates = lambda t, y, i: [(-(y[0] - o.E_L) + o.R * i) / o.tau_m]
        case ode.CurrentLIF():
            rates = lambda t, y, i: [(-(y[0] - o.E_L) + o.R * y[1]) / o.tau_m, (i - y[1]) / o.tau_syn]
        case ode.QuadraticIF():
            rates = lambda t, y, i: [(o.a0 * (y[0] - o.E_L) * (y[0] - o.V_c) + o.R * i) / o.tau_m]
        case ode.ExponentialIF():
            rates = lambda t, y, i: [
                (-(y[0] - o.E_L) + o.Delta_T * math.exp(min((y[0] - o.V_T) / o.Delta_T, 200)) + o.R * i) / o.tau_m
            ]
        case ode.AdEx():
            rates = lambda t, y, i: [
                (
                    -o.g_L * (y[0] - o.E_L)
                    + o.g_L * o.Delta_T * math.exp(min((y[0] - o.V_T) / o.Delta_T, 200))
                    - y[1]
                    + i
                )
                / o.C_m,
                (o.a * (y[0] - o.E_L) - y[1]) / o.tau_w,
            ]
        case ode.Izhikevich():
            rates = lambda t, y, i: [0.04 * y[0] ** 2 + 5 * y[0] + 140 - y[1] + i, o.a * (o.b * y[0] - y[1])]
            return Reference(rates, lambda y: y[0] - o.V_peak, lambda y: [o.c, y[1] + o.d_u], 0.0)
        case ode.HodgkinHuxley():
            return Reference(lambda t, y, i: _squid(o, y, i), lambda y: y[0] - o.V_th, None, 0.0)
    top = o.values.get("V_th", o.values.get("V_peak"))
    add = o.values.get("b", 0.0) if isinstance(o, ode.AdEx) else 0.0
    return Reference(
        rates,
        lambda y: y[0] - top,
        lambda y: [o.V_reset, *(x + add for x in y[1:])],
        o.values.get("t_ref", np.zeros(())).item(),
    )


def solve(
    o: Reference, current: np.ndarray, interval: float, start: Any, linear: bool = False
) -> tuple[np.ndarray, np.ndarray, Callable[[float], np.ndarray]]:  # fmt: skip
    """Run one neuron through its currents (T,), or (T + 1,): counts (T,), times of spikes, and the states as a function of time."""
    intervals = len(current) - linear
    y, counts, times, parts, quiet = np.array(start, float), np.zeros(intervals), [], [], 0.0
    for k in range(intervals):
        t, end = k * interval, (k + 1) * interval
        slope = (current[k + 1] - current[k]) / interval if linear else 0.0
        at = lambda x, k=k, slope=slope: current[k] + slope * (x - k * interval)
        while t < end:
            held = quiet > 1e-12
            stop = min(end, t + quiet) if held else end

            def rates(x: float, z: Any, held: bool = held, at: Any = at) -> list[float]:
                d = o.rates(x, z, at(x))
                return [0.0, *d[1:]] if held else d

            reach = lambda x, z: o.margin(z)
            reach.direction, reach.terminal = 1.0, o.jump is not None
            found = solve_ivp(
                rates, (t, stop), y, "DOP853", rtol=1e-10, atol=1e-12, events=None if held else reach, dense_output=True
            )
            assert found.success
            parts.append((t, found.t[-1], found.sol))
            quiet = max(0.0, quiet - (found.t[-1] - t))
            t, y = found.t[-1], found.y[:, -1]
            if not held:
                times += list(found.t_events[0])
                counts[k] += len(found.t_events[0])
                if o.jump is not None and len(found.t_events[0]):
                    y, quiet = np.array(o.jump(y), float), o.hold

    def states(x: float) -> np.ndarray:
        return next(sol(x) for first, last, sol in parts if first <= x <= last)

    return counts, np.array(times), lambda x: y if x >= intervals * interval else states(x)
