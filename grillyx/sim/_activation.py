"""Neurons whose synapses have an activation: `ThresholdSAM`, `RectifiedSAM`."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.nn import surrogate
from grillyx.ops import random as random_ops
from grillyx.sim._bernoulli import along
from grillyx.sim._builtin import Builtin, host
from grillyx.sim._checks import number
from grillyx.sim._device_run import Program
from grillyx.sim._expected import stimulus_over
from grillyx.sim._parameters import parameter


class SAModel(Builtin):
    """Base of models with synaptic activations: the state (N, 1) is s, and ``s(t + 1) = s(t) (1 - dt / tau) + spikes dt``.

    Where there is no initial state, s is uniform in [0, 1).
    """

    _remembers_spikes = False
    tau: Any
    r: Tensor
    b: Tensor

    def input(self, edge_index: Any, W: Any, state: Any, t: int = -1, **kwargs: Any) -> Tensor:
        """Return what reaches each neuron, (N,): ``r * synaptic input + background + stimulus``."""
        state = as_tensor(state)
        syn = self.r * self.synaptic_input(edge_index, W, state=state, **kwargs)
        return syn + self.background_input(state.shape[0]) + self.stimulus_input(t)

    def background_input(self, n_neurons: int) -> Any:
        """Return the background, a number or (N,)."""
        return self.b

    def update_activation(self, spikes: Any, activation: Any) -> Tensor:
        """Return the next activation, ``activation (1 - dt / tau) + spikes dt``, of the shape of the activation (N, 1)."""
        activation = as_tensor(activation)
        return activation * (1.0 - self.dt / self.tau) + as_tensor(spikes).reshape(activation.shape) * self.dt

    def next_state(self, state: Tensor, spikes: Tensor) -> Tensor:
        """Return the next state (N, 1)."""
        return self.update_activation(spikes, state)

    def _inputs(self, graph: Graph, before: np.ndarray, spikes: np.ndarray) -> Tensor:
        """Return what reached each neuron in each step, (N, S)."""
        steps = len(spikes)
        past = Tensor(
            np.concatenate([before, spikes[:-1].T * np.float32(self.dt)], 1)
        )  # s at first, then what each step adds
        with autograd.no_grad():
            arrived = self._filter(graph).through_edges(past)
        lag = np.arange(steps)[None, :] - np.arange(steps)[:, None]
        keep = 1.0 - self.dt / as_tensor(self.tau)
        decay = F.power(keep, Tensor(np.maximum(lag, 0).astype(np.float32))) * (lag >= 0).astype(np.float32)
        g = self.r * F.matmul(arrived, decay)
        return g + along(as_tensor(self.b), g) + stimulus_over(self, *spikes.shape)

    def _first_state(self, neurons: int) -> np.ndarray:
        return random_ops.uniform((neurons, 1), 0.0, 1.0, self.random).numpy()

    def _keep(self) -> np.ndarray:
        (tau,) = host(self.tau)
        return 1.0 - self.dt / tau


class ThresholdSAM(SAModel):
    """Neurons that fire when their input is above a threshold (Das and Fiete, 2020).

        g(t + 1) = r sum_j W0[j, i] s_j(t) + b (1 + noise_i) + stimulus_i(t + 1)
        x(t + 1) = 1 if g > theta, else 0,        s(t + 1) = s(t) (1 - dt / tau) + x(t + 1) dt

    noise_i is normal with deviation sigma for a share rho of the neurons, drawn anew at each step, and 0 for the others. It takes
    one uniform number u: where u < rho, it is sigma times the normal quantile of u / rho.

    Args:
        r: factor of all weights.
        b: background input; a number, or (N,).
        tau: time constant of the activation, ms; at least dt.
        dt: length of a step, ms.
        sigma: deviation of the noise, from 0.
        rho: share of neurons with noise, from 0 to 1.
        theta: threshold; a number, or (N,).
        rng: a seed, a NumPy generator, or None.
        compat: spikeometric's numbers: the noise is squared, so that it always excites.

    Raises:
        ValueError: numbers that are not finite or out of range.
    """

    def __init__(
        self, r: Any = 0.025, b: Any = 0.001, tau: float = 10.0, dt: float = 0.1, sigma: float = 0.3, rho: float = 0.07,
        theta: Any = 1.378e-3, rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dt, rng, compat)
        who = type(self).__name__
        self.tau = number(tau, "tau", who, "positive")
        self.sigma, self.rho = number(sigma, "sigma", who, "not negative"), number(rho, "rho", who, "share")
        if self.tau < self.dt:
            raise ValueError(f"{who}: tau is shorter than a step, got {tau}; expected at least dt = {self.dt}, ms.")
        self.r, self.b = parameter(r, "r", who, each=False), parameter(b, "b", who)
        self.theta = parameter(theta, "theta", who)

    _expects_rates = False  # g is no rate

    @property
    def _noisy(self) -> bool:
        return self.sigma > 0.0 and self.rho > 0.0

    def background_input(self, n_neurons: int) -> Any:
        """Return ``b (1 + noise)``, (N,), or b where there is no noise."""
        if not self._noisy:
            return self.b
        u = self.uniform(n_neurons)
        inside = F.minimum(u / self.rho, 0.99999994)
        noise = Tensor(random_ops.normal_quantile(inside.array)) * self.sigma
        noise = (noise * noise if self.compat else noise) * (u < self.rho).astype(np.float32)
        return self.b * (1.0 + noise)

    def emit_spikes(self, input: Any) -> Tensor:
        """Return 1 where the input is above theta, else 0, (N,)."""
        z = as_tensor(input) - self.theta
        if self._learns_through_spikes:
            return surrogate.ATan()(z)
        return (z > 0.0).astype(np.float32)

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        r, b, theta = host(self.r, self.b, self.theta)
        noise = (2 if self.compat else 1) if self._noisy else 0
        constants = [r, b, theta, 1.0, self._keep(), self.dt, self.rho, self.sigma]
        return Program("network_activation", constants, {"RECTIFIED": 0, "NOISE": noise})


class RectifiedSAM(SAModel):
    """`ThresholdSAM` with Poisson counts of the mean ``lambda_0 dt max(g - theta, 0)`` and no noise (Das and Fiete, 2020).

    Args:
        lambda_0: factor of the response, spikes/ms; a number, or (N,). Tunable.
        theta: threshold; a number, or (N,). Tunable.
        tau: time constant of the activation, ms; above 0. Tunable.
        dt: length of a step, ms.
        r: factor of all weights. Tunable.
        b: background input; a number, or (N,). Tunable.
        rng: a seed, a NumPy generator, or None.
        compat: the same; spikeometric wraps counts above 255, and here they are never wrapped.

    Raises:
        ValueError: numbers that are not finite or out of range.
    """

    _counts = True
    _positive = ("tau", "lambda_0")

    def __init__(
        self, lambda_0: Any = 10.0, theta: Any = 0.0, tau: Any = 10.0, dt: float = 0.1, r: Any = 0.025, b: Any = 0.001,
        rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dt, rng, compat)
        who = type(self).__name__
        self.lambda_0, self.theta = parameter(lambda_0, "lambda_0", who), parameter(theta, "theta", who)
        self.tau = parameter(tau, "tau", who, each=False, above=0.0)
        self.r, self.b = parameter(r, "r", who, each=False), parameter(b, "b", who)

    def non_linearity(self, input: Any) -> Tensor:
        """Return the mean count, ``lambda_0 dt max(input - theta, 0)``; for (N,) and, over steps, (N, S)."""
        g = as_tensor(input)
        return along(self.lambda_0, g) * F.relu(g - along(self.theta, g)) * self.dt

    def emit_spikes(self, mean: Any) -> Tensor:
        """Return Poisson counts (N,) of these means."""
        return self.draw_poisson(mean)

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        r, b, theta, height = host(self.r, self.b, self.theta, self.lambda_0)
        constants = [r, b, theta, height * self.dt, self._keep(), self.dt, 0.0, 0.0]
        return Program("network_activation", constants, {"RECTIFIED": 1, "NOISE": 0})
