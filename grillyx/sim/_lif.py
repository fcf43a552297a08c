"""`LIFNetwork`: leaky integrate-and-fire neurons with exponential synapses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.nn import surrogate
from grillyx.ops import random as random_ops
from grillyx.sim._builtin import Builtin, host
from grillyx.sim._checks import number
from grillyx.sim._device_run import Program
from grillyx.sim._parameters import parameter


class LIFNetwork(Builtin):
    """Leaky integrate-and-fire neurons with exponential synapses, exact between steps (Rotter and Diesmann, 1999).

        tau_m dV/dt = -(V - v_rest) + I + b + stimulus,      tau_syn dI/dt = -I,      I += r W0[j, i] at a spike of j

    V >= v_threshold is a spike; V is then v_reset for the refractory time. Spikes arrive at the next step. b and the stimulus are
    constant during a step, for which the equations have an exact solution. With sigma, white noise keeps V without spikes at that
    deviation.

    A state is (N, 3): V, I with what has arrived, and refractory steps that are left. Where there is no initial state, V is uniform
    between v_reset and v_threshold.

    Args:
        tau_m: membrane time constant, ms; above 0.
        tau_syn: time constant of the current, ms; above 0.
        v_threshold: threshold; a number, or (N,). Tunable.
        v_reset: voltage after a spike; below the threshold.
        v_rest: voltage without input.
        t_ref: refractory time, ms, rounded to steps.
        dt: length of a step, ms.
        r: factor of all weights. Tunable.
        b: constant input, in units of V; a number, or (N,). Tunable.
        sigma: deviation of V by noise, from 0.
        rng: a seed, a NumPy generator, or None.

    Its rate has no closed form: `tune` it with ``method="bptt"``.

    Raises:
        ValueError: numbers that are not finite or out of range, v_reset at or above the threshold.
    """

    T = 3
    _remembers_spikes = False
    _expects_rates = False  # what a neuron would fire on average is not known from its input

    def __init__(
        self, tau_m: float = 20.0, tau_syn: float = 5.0, v_threshold: Any = 1.0, v_reset: float = 0.0, v_rest: float = 0.0,
        t_ref: float = 2.0, dt: float = 0.1, r: Any = 1.0, b: Any = 0.0, sigma: float = 0.0, rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dt, rng, compat)
        who = type(self).__name__
        self.tau_m, self.tau_syn = number(tau_m, "tau_m", who, "positive"), number(tau_syn, "tau_syn", who, "positive")
        self.v_reset, self.v_rest = number(v_reset, "v_reset", who), number(v_rest, "v_rest", who)
        self.t_ref, self.sigma = (
            number(t_ref, "t_ref", who, "not negative"),
            number(sigma, "sigma", who, "not negative"),
        )
        self.v_threshold = parameter(v_threshold, "v_threshold", who, above=self.v_reset)
        self.r, self.b = parameter(r, "r", who, each=False), parameter(b, "b", who)
        self._state: Tensor | None = None

    @property
    def propagators(self) -> tuple[float, float, float]:
        """What a step leaves of V and of I, and what I adds to V."""
        keep_v, keep_i = math.exp(-self.dt / self.tau_m), math.exp(-self.dt / self.tau_syn)
        x = abs(1.0 / self.tau_m - 1.0 / self.tau_syn) * self.dt  # by = dt / tau_m (keep_i - keep_v) / ±x, for any step
        by = self.dt / self.tau_m * max(keep_v, keep_i) * (1.0 if x < 1e-12 else -math.expm1(-x) / x)
        return keep_v, keep_i, by

    @property
    def _noise(self) -> float:
        return self.sigma * math.sqrt(-math.expm1(-2.0 * self.dt / self.tau_m))

    @property
    def _held(self) -> int:
        return round(self.t_ref / self.dt)

    def input(self, edge_index: Any, W: Any, state: Any, t: int = -1, **kwargs: Any) -> Tensor:
        """Return the voltage (N,) before it is compared with the threshold, from the state (N, 3)."""
        self._edges = (edge_index, W)  # spikes arrive in next_state
        v, current, left = F.unstack(as_tensor(state), 1)
        keep_v, _, by = self.propagators
        moved = (
            self.v_rest + keep_v * (v - self.v_rest) + by * current + (1.0 - keep_v) * (self.b + self.stimulus_input(t))
        )
        if self.sigma > 0:
            moved = moved + self._noise * Tensor(random_ops.normal_quantile(self.uniform(v.size).array))
        self._moved = F.where(left > 0.0, self.v_reset, moved)
        return self._moved

    def non_linearity(self, input: Any) -> Tensor:
        """Return how far the voltage is above the threshold."""
        return as_tensor(input) - self.v_threshold

    def emit_spikes(self, mean: Any) -> Tensor:
        """Return 1 where the voltage is at the threshold or above it, else 0, (N,)."""
        z = as_tensor(mean)
        return surrogate.ATan()(z) if self._learns_through_spikes else (z >= 0.0).astype(np.float32)

    def next_state(self, state: Tensor, spikes: Tensor) -> Tensor:
        """Return the state (N, 3) after these spikes (N,), which arrive."""
        _, current, left = F.unstack(as_tensor(state), 1)
        edge_index, W = self._edges
        arrived = self.synaptic_input(edge_index, W, state=spikes.reshape(-1, 1))
        v = self._moved * (1.0 - spikes) + self.v_reset * spikes
        fired = spikes.detach()
        left = F.maximum(left.detach() - 1.0, 0.0) * (1.0 - fired) + float(self._held) * fired
        return F.stack([v, self.propagators[1] * current + self.r * arrived, left], 1)

    def coupling_kernel(self) -> Tensor:
        """Return (1,): a spike arrives once, and the current keeps it."""
        return Tensor(np.ones(1, np.float32))

    def _first_state(self, neurons: int) -> np.ndarray:
        (top,) = host(self.v_threshold)
        u = random_ops.uniform((neurons,), 0.0, 1.0, self.random).numpy()
        x = np.zeros((neurons, 3), np.float32)
        x[:, 0] = self.v_reset + u * (top - self.v_reset)
        return x

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        r, b, theta = host(self.r, self.b, self.v_threshold)
        keep_v, keep_i, by = self.propagators
        constants = [r, b, theta, self.v_rest, keep_v, keep_i, by, self.v_reset, float(self._held), self._noise]
        return Program("network_lif", constants, {"NOISE": int(self.sigma > 0)})
