"""Neurons step by step on the tape: users' own, and built-in ones as the reference of the fused op.

w = v + A is the state of the equation, A the sum of all jumps so far. So the memory holds no resets, and what a spike does
does not depend on the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import gamma

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.fractional import _coefficients as coefficients
from grillyx.fractional._host import tensors

if TYPE_CHECKING:
    from grillyx.fractional._neurons import BaseNeuron
    from grillyx.fractional._sequence import Layer

Run = tuple[Tensor, Tensor]  # spikes and voltages, both (steps, B, ...)


class Weights(NamedTuple):
    """`_tables.Table` as tensors; beta has shape ()."""

    lag: Tensor
    initial: Tensor
    start: Tensor | None
    beta: Tensor
    p: float
    q: float
    leak: bool


class History:
    """The sum over the past, ``sum_m weights[m] h[k - m]``, m from `first`; one product a step.

    Args:
        weights: (n,).
        first: index of the weight of the newest entry.
    """

    def __init__(self, weights: Tensor, first: int = 1) -> None:
        self.entries: list[Tensor] = []
        self.reach = weights.shape[0] - first
        self.weights = F.getitem(weights, slice(None, None, -1))  # the oldest first, as the entries are
        self.end = weights.shape[0] - first

    def push(self, entry: Any) -> None:
        self.shape = entry.shape
        self.entries.append(entry.reshape(1, -1))

    def total(self) -> Tensor | None:
        n = min(len(self.entries), self.reach)
        if not n:
            return None
        row = self.weights[self.end - n : self.end].reshape(1, n)
        return F.matmul(row, F.concatenate(self.entries[-n:])).reshape(self.shape)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def voltage(neuron: BaseNeuron, shape: tuple[int, ...]) -> Tensor:
    v0 = neuron.v0 if isinstance(neuron.v0, Tensor) else Tensor(np.float32(neuron.v0))
    if v0.ndim > len(shape) or any(a not in (1, b) for a, b in zip(v0.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"{type(neuron).__name__}: v0 does not fit the input, got {v0.shape}; expected {shape}.")
    return F.broadcast_to(v0, shape)


class Spikes:
    """Firing and resetting, the same for all neurons."""

    def __init__(self, neuron: BaseNeuron, v: Tensor) -> None:
        self.neuron, self.v = neuron, v
        self.jumps = F.zeros_like(v)  # A
        self.spikes: list[Tensor] = []
        self.voltages: list[Tensor] = []

    def jump(self, u: Tensor, spike: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return how far the state at u - A is lowered, and what part of the step is left after the crossing."""
        neuron, v = self.neuron, u - self.jumps
        jump = neuron.reset(v, spike.detach() if neuron.detach_reset else spike)
        if not (neuron.substep and neuron.hard):
            return jump, None
        above, rise = (v - neuron.threshold).detach(), F.maximum((v - self.v).detach(), 1e-9)
        return jump, F.clip(above / rise, 0.0, 1.0)

    def end(self, u: Tensor, jump: Tensor, spike: Tensor) -> None:
        self.jumps = self.jumps + jump
        self.v = u - self.jumps
        self.spikes.append(spike)
        self.voltages.append(self.v)

    def out(self) -> Run:
        return F.stack(self.spikes), F.stack(self.voltages)


class LinearSteps:
    """A built-in neuron, ``u_k = e_k w0 + S_k x_0 + sum T_{k-j} h_j + beta x_k``, a step a call.

    Args:
        v0: voltage before the first step, (B, ...); None for 0.
    """

    def __init__(self, neuron: BaseNeuron, weights: Weights, shape: tuple[int, ...], v0: Tensor | None) -> None:
        self.neuron, self.weights, self.v0 = neuron, weights, v0
        self.state = Spikes(neuron, F.broadcast_to(Tensor(np.float32(0.0)), shape) if v0 is None else v0)
        self.history = History(weights.lag)
        self.first: Tensor | None = None
        self.k = 0

    def extend(self, weights: Weights) -> None:
        """Go on with the table of more steps."""
        before, self.history = self.history, History(weights.lag)
        self.history.entries, self.history.shape, self.weights = before.entries, before.shape, weights

    def step(self, current: Tensor) -> None:
        state, w = self.state, self.weights
        self.k += 1
        drive = current + state.jumps if w.leak else current
        if self.first is None:
            self.first = current
        u = _plus(self.history.total(), drive * w.beta)
        if self.v0 is not None:
            u = u + self.v0 * w.initial[self.k]
        if w.start is not None:
            u = u + self.first * w.start[self.k]
        spike = self.neuron.fire(u - state.jumps - self.neuron.threshold)
        jump, rest = state.jump(u, spike)
        if rest is not None and w.leak:
            drive, u = drive + jump * rest, u + jump * rest * w.beta
        state.end(u, jump, spike)
        entry = None if not w.p else drive * w.p
        self.history.push(_plus(entry, u * w.q if w.q else None))


def linear(neuron: BaseNeuron, x: Tensor, weights: Weights) -> Run:
    """Run a built-in neuron over x (steps, B, ...)."""
    resting = not isinstance(neuron.v0, Tensor) and neuron.v0 == 0.0
    steps = LinearSteps(neuron, weights, x.shape[1:], None if resting else voltage(neuron, x.shape[1:]))
    for current in F.unstack(x):
        steps.step(current)
    return steps.state.out()


# of odeint: what each stage takes of those before it, and the weights of the stages
STAGES: dict[str, tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]] = {
    "euler": (((),), (1.0,)),
    "midpoint": (((), (0.5,)), (0.0, 1.0)),
    "heun": (((), (1.0,)), (0.5, 0.5)),
    "rk4": (((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}
CORRECTIONS = {"gl": 0, "glmulti": 0, "l1": 0, "pred": 1, "trap": 3}


def _explicit(method: str, steps: int, h: float) -> Any:
    """Return the function from (alpha, coefficients) to the weights of an explicit scheme, and for sums what multiplies f."""

    def sums(alpha: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c: Any = 0.0
        for a, factor in zip(alpha, factors, strict=True):
            if method == "l1":
                c = c + factor * h**-a / gamma(2.0 - a) * coefficients.l1(steps + 1, a)
            else:
                c = c + factor * h**-a * coefficients.grunwald_letnikov(steps + 1, a)
        return -c / c[0], 1.0 / c[:1]

    def products(alpha: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray]:
        a = alpha[0]
        return (coefficients.adams_bashforth(steps, a) * h**a / (gamma(1.0 + a) * factors[0]),)

    return products if CORRECTIONS[method] else sums


def own(neuron: BaseNeuron, x: Tensor, layer: Layer) -> Run:
    """Run a user's neuron over x (steps, B, ...): ``w_k`` from the method, spikes tested on it, jump.

    "gl", "l1", "glmulti": explicit, with ``f = forward(v_{k-1}, I_k)``. "pred", "trap": over each step f is the mean of its
    two ends, the second one predicted, and corrected once or three times (order min(2, 1 + alpha); at alpha = 1 Heun's).
    """
    steps = x.shape[0]
    made = tensors(_explicit(layer.method, steps, layer.step), layer.alpha, layer.coefficients)
    w0 = voltage(neuron, x.shape[1:])
    state = Spikes(neuron, w0)
    past = History(made[0]) if len(made) > 1 else History(made[0], 0)
    if layer.memory is not None:
        past.reach = min(past.reach, layer.memory)
    for current in F.unstack(x):
        f = neuron.forward(state.v, current)[0]
        if len(made) > 1:
            u = w0 + _plus(past.total(), f * made[1])
        else:
            past.push(f)
            u = w0 + past.total()
            for _ in range(CORRECTIONS[layer.method]):
                past.entries.pop()
                past.push((f + neuron.forward(u - state.jumps, current)[0]) * 0.5)
                u = w0 + past.total()
        spike = neuron.forward(u - state.jumps, current)[1]
        jump, rest = state.jump(u, spike)
        if rest is not None:  # the rest of the step, from below
            low = u - jump
            gain = (neuron.forward(low - state.jumps, current)[0] - neuron.forward(u - state.jumps, current)[0]) * rest
            u = u + gain * (made[1] if len(made) > 1 else made[0][0])
        state.end(u, jump, spike)
        if len(made) > 1:
            past.push(u - w0)
    return state.out()


def ordinary(neuron: BaseNeuron, x: Tensor, layer: Layer) -> Run:
    """Run a user's neuron over x (steps, B, ...) with an explicit Runge-Kutta method, the current constant over each step."""
    state, h = Spikes(neuron, voltage(neuron, x.shape[1:])), layer.step
    stages, weights = STAGES[layer.method]
    for current in F.unstack(x):

        def moved(factors: tuple[float, ...], slopes: list[Tensor], v: Tensor = state.v) -> Tensor:
            for factor, slope in zip(factors, slopes, strict=True):
                v = v + slope * (h * factor) if factor else v
            return v

        slopes: list[Tensor] = []
        for factors in stages:
            slopes.append(neuron.forward(moved(factors, slopes), current)[0])
        v = moved(weights, slopes)
        spike = neuron.forward(v, current)[1]
        u = v + state.jumps
        jump, rest = state.jump(u, spike)
        if rest is not None:
            u = u + (neuron.forward(v - jump, current)[0] - neuron.forward(v, current)[0]) * rest * h
        state.end(u, jump, spike)
    return state.out()


def discrete(neuron: BaseNeuron, x: Tensor) -> Run:
    """Run a neuron whose `forward` returns the next voltage."""
    v, spikes, voltages = voltage(neuron, x.shape[1:]), [], []
    for current in F.unstack(x):
        v, s = neuron.forward(v, current)
        spikes.append(s)
        voltages.append(v)
    return F.stack(spikes), F.stack(voltages)
