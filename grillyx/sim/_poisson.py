"""Linear, nonlinear, Poisson: `LNP`, `PoissonGLM`, `RectifiedLNP`."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.sim._bernoulli import along
from grillyx.sim._builtin import Builtin, host
from grillyx.sim._checks import MOST_STEPS, whole
from grillyx.sim._device_run import Program
from grillyx.sim._expected import inputs_of_filter, stimulus_over
from grillyx.sim._parameters import parameter

RESPONSES = ("sigmoid", "exp", "relu", "softplus")


class _Poisson(Builtin):
    """Poisson counts of the mean ``height * f(slope * g + offset)``, with an exponential filter of T steps."""

    _counts = True
    response = "relu"
    _positive: tuple[str, ...] = ("tau", "lambda_0")  # while they are tuned

    def __init__(self, T: int, tau: Any, dt: float, r: Any, b: Any, rng: Any, compat: bool) -> None:
        super().__init__(dt, rng, compat)
        who = type(self).__name__
        self.T = whole(T, "T", who, 1, MOST_STEPS)
        self.tau = parameter(tau, "tau", who, each=False, above=0.0)
        self.r = parameter(r, "r", who, each=False)
        self.b = parameter(b, "b", who)

    def input(self, edge_index: Any, W: Any, state: Any, t: int = -1, **kwargs: Any) -> Tensor:
        """Return what reaches each neuron, (N,): ``r * synaptic input + stimulus + b``."""
        return self.r * self.synaptic_input(edge_index, W, state=state, **kwargs) + self.stimulus_input(t) + self.b

    def emit_spikes(self, mean: Any) -> Tensor:
        """Return Poisson counts (N,) of these means; with compat times dt."""
        counts = self.draw_poisson(mean)
        return counts * self.dt if self.compat and self._times_dt else counts

    _times_dt = False  # whether spikeometric multiplies counts with dt

    def coupling_kernel(self) -> Tensor:
        """Return ``exp(-k dt / tau)`` for the spikes k steps ago, (T,), the last the most recent step."""
        lag = np.arange(self.T - 1, -1, -1, dtype=np.float32)
        return F.exp(-(self.dt * lag) / self.tau)

    def _mean(self) -> list[np.ndarray]:
        """Return slope, offset and height."""
        raise NotImplementedError

    def _inputs(self, graph: Graph, before: np.ndarray, spikes: np.ndarray) -> Tensor:
        """Return what reached each neuron in each step, (N, S)."""
        g = self.r * inputs_of_filter(self, self._filter(graph), before, spikes)
        return g + stimulus_over(self, *spikes.shape) + along(self.b, g)

    def _shader(self, graph: Graph, kind: np.dtype) -> Program:
        coupling, r, b = host(self.coupling_kernel(), self.r, self.b)
        unit = self._unit(kind)
        options = {"RESPONSE": RESPONSES.index(self.response)}
        if self.compat and self._times_dt and unit == 1.0:
            options["UNIT"] = self.dt  # type: ignore[assignment]
        return Program("network_filter", [r * unit, b, *self._mean()], options, (coupling[::-1], np.zeros(0)))

    def _unit(self, kind: np.dtype) -> float:
        return self.dt if self.compat and self._times_dt and kind.kind == "f" else 1.0


class LNP(_Poisson):
    """A network of linear-nonlinear-Poisson neurons, with a choice of the nonlinearity.

        g_i(t + 1) = r sum_j W0[j, i] sum_k exp(-k dt / tau) x_j(t - k) + b_i + stimulus_i(t + 1)
        mu = lambda_0 dt f(g - theta),      x(t + 1) ~ Poisson(mu)

    A state is (N, T), counts of the last T steps.

    Args:
        lambda_0: factor of the response, spikes/ms; a number, or (N,). Tunable.
        theta: threshold; a number, or (N,). Tunable.
        T: steps that a spike has an effect.
        tau: time constant of that effect, ms; above 0. Tunable.
        dt: length of a step, ms.
        r: factor of all weights. Tunable.
        b: constant input; a number, or (N,). Tunable.
        response: f: "sigmoid", "exp", "relu" or "softplus".
        rng: a seed, a NumPy generator, or None.

    Raises:
        ValueError: numbers that are not finite or out of range, an unknown response.
    """

    def __init__(
        self, lambda_0: Any = 0.1, theta: Any = 0.0, T: int = 20, tau: Any = 5.0, dt: float = 1.0, r: Any = 1.0, b: Any = 0.0,
        response: str = "softplus", rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(T, tau, dt, r, b, rng, compat)
        who = type(self).__name__
        if response not in RESPONSES:
            raise ValueError(f"{who}: unknown response, got {response!r}; expected one of {', '.join(RESPONSES)}.")
        self.response = response
        self.lambda_0 = parameter(lambda_0, "lambda_0", who)
        self.theta = parameter(theta, "theta", who)

    def non_linearity(self, input: Any) -> Tensor:
        """Return the mean count, ``lambda_0 dt f(input - theta)``; for (N,) and, over steps, (N, S)."""
        g = as_tensor(input)
        return along(self.lambda_0, g) * getattr(F, self.response)(g - along(self.theta, g)) * self.dt

    def _mean(self) -> list[np.ndarray]:
        height, theta = host(self.lambda_0, self.theta)
        return [np.array(1.0), -theta, height * self.dt]


class RectifiedLNP(LNP):
    """`LNP` with ``f(x) = max(x, 0)``, as in Das and Fiete (2020): ``mu = lambda_0 dt max(g - theta, 0)``.

    Args:
        lambda_0: factor of the response, spikes/ms; a number, or (N,). Tunable.
        theta: threshold; a number, or (N,). Tunable.
        T: steps that a spike has an effect.
        tau: time constant of that effect, ms; above 0. Tunable.
        dt: length of a step, ms.
        r: factor of all weights. Tunable.
        b: constant input; a number, or (N,). Tunable.
        rng: a seed, a NumPy generator, or None.
        compat: the same: spikeometric differs in nothing.
    """

    def __init__(
        self, lambda_0: Any = 1.0, theta: Any = 0.0, T: int = 20, tau: Any = 5.0, dt: float = 1.0, r: Any = 1.0, b: Any = 0.0,
        rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(lambda_0, theta, T, tau, dt, r, b, "relu", rng, compat)


class PoissonGLM(_Poisson):
    """Poisson neurons with an exponential response (Das and Fiete, 2020).

        g_i(t + 1) = r sum_j W0[j, i] sum_k exp(-k dt / tau) x_j(t - k) + b_i + stimulus_i(t + 1)
        mu = dt / alpha exp(beta g),      x(t + 1) ~ Poisson(mu)

    A state is (N, T), counts of the last T steps.

    Args:
        alpha: divides the rate, ms; above 0; a number, or (N,). Tunable.
        beta: how steep the response is; a number, or (N,). Tunable.
        T: steps that a spike has an effect.
        tau: time constant of that effect, ms; above 0. Tunable.
        dt: length of a step, ms.
        r: factor of all weights. Tunable.
        b: constant input; a number, or (N,). Tunable.
        rng: a seed, a NumPy generator, or None.
        compat: spikeometric's numbers: counts are multiplied with dt, and cut off to whole numbers where an integer dtype stores them.

    Raises:
        ValueError: numbers that are not finite or out of range.
    """

    response = "exp"
    _positive = ("tau", "alpha")
    _times_dt = True

    def __init__(
        self, alpha: Any = 1.0, beta: Any = 1.0, T: int = 20, tau: Any = 5.0, dt: float = 1.0, r: Any = 1.0, b: Any = 0.0,
        rng: Any = None, compat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(T, tau, dt, r, b, rng, compat)
        self.alpha = parameter(alpha, "alpha", type(self).__name__, above=0.0)
        self.beta = parameter(beta, "beta", type(self).__name__)

    def non_linearity(self, input: Any) -> Tensor:
        """Return the mean count, ``dt / alpha exp(beta input)``; for (N,) and, over steps, (N, S)."""
        g = as_tensor(input)
        return F.exp(along(self.beta, g) * g) * self.dt / along(self.alpha, g)

    def _mean(self) -> list[np.ndarray]:
        alpha, beta = host(self.alpha, self.beta)
        return [beta, np.array(0.0), self.dt / alpha]
