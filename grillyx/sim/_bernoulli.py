"""`BernoulliGLM`: refractory neurons that fire with a chance."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.sim import _data
from grillyx.sim._builtin import Builtin, host
from grillyx.sim._checks import MOST_STEPS, number, whole
from grillyx.sim._device_run import Program
from grillyx.sim._expected import inputs_of_filter, stimulus_over
from grillyx.sim._filter import Filter
from grillyx.sim._parameters import parameter


class BernoulliGLM(Builtin):
    """Neurons that fire with a chance, and are refractory afterwards (Lepperød et al., 2023).

        g_i(t + 1) = r sum_j W0[j, i] sum_k c(k) x_j(t - k) + sum_k ref(k) x_i(t - k) + stimulus_i(t + 1)
        p = sigmoid(g - theta) dt,      x(t + 1) = 1 with chance p, else 0

        c(k)   = exp(-|alpha| k dt)                              for k < coupling_window
        ref(k) = abs_ref_strength                                for k < A = abs_ref_scale
                 rel_ref_strength exp(-|beta| (k - A) dt)        for A <= k < A + rel_ref_scale

    A state is (N, T), the spikes of the last T = max(coupling_window, abs_ref_scale + rel_ref_scale) steps.

    Args:
        theta: the input at which a neuron fires with half of the largest chance; a number, or (N,). Tunable.
        dt: length of a step, ms. Above 1, chances would be above 1, and are 1.
        coupling_window: steps that a spike has an effect on others.
        alpha: how fast that effect decays, 1/ms. Tunable.
        abs_ref_scale: steps of absolute refractoriness, A.
        abs_ref_strength: input during these, well below 0.
        rel_ref_scale: steps of relative refractoriness after these.
        rel_ref_strength: input at the first of these. Tunable.
        beta: how fast that decays, 1/ms. Tunable.
        r: factor of all weights. Tunable.
        rng: a seed, a NumPy generator, or None.
        compat: spikeometric's numbers: relative refractoriness is one step longer (where T has room), r multiplies refractoriness too,
            neurons behind the last that has an edge are never refractory, and edges from a neuron to itself are dropped, their
            weights going to the edges after them. (Its docstring has alpha and beta exchanged; its code and this class do not.)

    Raises:
        ValueError: numbers that are not finite or out of range.
    """

    def __init__(
        self, theta: Any = 5.0, dt: float = 1.0, coupling_window: int = 5, alpha: Any = 0.2, abs_ref_scale: int = 3,
        abs_ref_strength: float = -100.0, rel_ref_scale: int = 7, rel_ref_strength: Any = -30.0, beta: Any = 0.5, r: Any = 1.0,
        rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dt, rng, compat)
        who = type(self).__name__
        self.coupling_window = whole(coupling_window, "coupling_window", who, 1, MOST_STEPS)
        self.abs_ref_scale = whole(abs_ref_scale, "abs_ref_scale", who, 0, MOST_STEPS // 2)
        self.rel_ref_scale = whole(rel_ref_scale, "rel_ref_scale", who, 0, MOST_STEPS // 2)
        self.abs_ref_strength = number(abs_ref_strength, "abs_ref_strength", who)
        self.T = max(self.coupling_window, self.abs_ref_scale + self.rel_ref_scale)
        self.theta = parameter(theta, "theta", who)
        self.beta = parameter(beta, "beta", who, each=False)
        self.alpha = parameter(alpha, "alpha", who, each=False)
        self.rel_ref_strength = parameter(rel_ref_strength, "rel_ref_strength", who, each=False)
        self.r = parameter(r, "r", who, each=False)

    def input(self, edge_index: Any, W: Any, state: Any, t: int = -1, **kwargs: Any) -> Tensor:
        """Return what reaches each neuron, (N,): others, its own refractoriness, and the stimulus. W holds r, but with compat."""
        arriving = self.synaptic_input(edge_index, W, state=state, **kwargs)
        return (self.r * arriving if self.compat else arriving) + self.stimulus_input(t)

    def non_linearity(self, input: Any) -> Tensor:
        """Return the chance of a spike, ``sigmoid(input - theta) dt``; for (N,) and, over steps, (N, S)."""
        g = as_tensor(input)
        return F.sigmoid(g - along(self.theta, g)) * self.dt

    def emit_spikes(self, mean: Any) -> Tensor:
        """Return spikes, 1 with the chance given, else 0."""
        return self.draw_bernoulli(mean)

    def coupling_kernel(self) -> Tensor:
        """Return c, times r but with compat, (T,), the last the most recent step."""
        lag = np.arange(self.T - 1, -1, -1, dtype=np.float32)
        kernel = F.exp(-F.abs(self.alpha) * (self.dt * lag)) * (lag < self.coupling_window).astype(np.float32)
        return kernel if self.compat else self.r * kernel

    def own_kernel(self) -> Tensor:
        """Return ref, (T,), the last the most recent step."""
        lag = np.arange(self.T - 1, -1, -1, dtype=np.float32)
        end = self.abs_ref_scale + self.rel_ref_scale + (1 if self.compat else 0)
        relative = ((lag >= self.abs_ref_scale) & (lag < end)).astype(np.float32)
        absolute = np.float32(self.abs_ref_strength) * (lag < self.abs_ref_scale).astype(np.float32)
        later = np.maximum(lag - self.abs_ref_scale, 0.0) * np.float32(self.dt)
        return self.rel_ref_strength * F.exp(-F.abs(self.beta) * later) * relative + absolute

    def _own_neurons(self, graph: Graph) -> int:
        return int(graph.edge_index.max(initial=-1)) + 1 if self.compat else graph.num_nodes

    def _filter(self, graph: Graph) -> Filter:
        reach = self._own_neurons(graph)
        if not self.compat:
            return Filter(graph, _data.weight_of(graph), self.coupling_kernel(), self.own_kernel(), reach)
        source, target, weight = _data.shifted(graph.edge_index[0], graph.edge_index[1], _data.weights(graph))
        kept = Graph(np.stack([source, target]), weight, graph.num_nodes)
        return Filter(kept, Tensor(weight), self.coupling_kernel(), self.own_kernel(), reach)

    def _inputs(self, graph: Graph, before: np.ndarray, spikes: np.ndarray) -> Tensor:
        """Return what reached each neuron in each step, (N, S)."""
        g = inputs_of_filter(self, self._filter(graph), before, spikes)
        return (self.r * g if self.compat else g) + stimulus_over(self, *spikes.shape)

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        coupling, own, r, theta = host(self.coupling_kernel(), self.own_kernel(), self.r, self.theta)
        gain = r if self.compat else 1.0
        own = (own * gain)[::-1]
        return Program(
            "network_filter", [gain, 0.0, 1.0, -theta, self.dt], {"RESPONSE": 0},
            (coupling[::-1][: self.coupling_window], np.trim_zeros(own, "b")), self._own_neurons(graph), self.compat,
        )  # fmt: skip


def along(parameter: Tensor, g: Tensor) -> Tensor:
    """Return a parameter, () or (N,), so that it goes with (N,) or (N, S)."""
    return parameter.reshape(-1, 1) if parameter.ndim == 1 and g.ndim == 2 else parameter
