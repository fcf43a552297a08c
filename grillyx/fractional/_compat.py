"""spikeDE's own solvers, number by number: what `compat=True` runs, a loop over steps on the tape.

The state is the voltage with its resets, starts at 0, and is not subtracted from the history; output k is that of v_k, the
voltage before the step. See docs/fractional.md for what this means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.fractional._coefficients import grunwald_letnikov
from grillyx.fractional._host import tensors
from grillyx.fractional._loop import History, Run

if TYPE_CHECKING:
    from grillyx.fractional._neurons import BaseNeuron
    from grillyx.fractional._sequence import Layer

Parts = Sequence[np.ndarray]
METHODS = ("euler", "gl", "trap", "l1", "pred", "glmulti")


def solve(neuron: BaseNeuron, x: Tensor, layer: Layer) -> Run:
    """Run a neuron over x (steps, B, ...) and return its spikes and the voltages that they come from."""
    v = F.zeros_like(x[0])
    spikes, voltages = [], []
    update = _euler(layer.step) if layer.method == "euler" else _fractional(layer, x.shape[0])
    for current in F.unstack(x):
        change, spike = neuron.forward(v, current)
        spikes.append(spike)
        voltages.append(v)
        v = update(v, change)
    return F.stack(spikes), F.stack(voltages)


def _euler(h: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda v, change: v + change * h


def _fractional(layer: Layer, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    method = "glmulti" if len(np.shape(layer.alpha)) and np.shape(layer.alpha)[0] > 1 else layer.method
    alpha, h = layer.alpha, layer.step
    if method == "pred":
        (weights,) = tensors(lambda a: _rectangles(a[0], h, steps), alpha)
        changes = History(weights, 0)
        changes.reach = min(changes.reach, layer.memory or steps)

        def predict(v: Tensor, change: Tensor) -> Tensor:
            changes.push(change)
            return changes.total()  # type: ignore[return-value]

        return predict
    made: Callable[..., Parts] = {"gl": _grunwald, "trap": _l1, "l1": _l1, "glmulti": _terms}[method]
    weights, scale = tensors(lambda a, c: made(a, c, h, steps), alpha, layer.coefficients)
    past = History(weights)
    past.reach = min(past.reach, (layer.memory or steps + 1) - 1)  # the newest of them is the voltage itself

    def step(v: Tensor, change: Tensor) -> Tensor:
        total = past.total()
        out = change * scale if total is None else change * scale + total
        past.push(out)
        return out

    return step


def _real(alpha: Any) -> float:
    """Of a Gamma function of alpha, spikeDE knows no derivative."""
    return float(np.real(alpha))


def _grunwald(alpha: np.ndarray, _: Any, h: float, n: int) -> Parts:
    return -grunwald_letnikov(n + 1, alpha[0]), np.asarray(h ** alpha[0])


def _l1(alpha: np.ndarray, _: Any, h: float, n: int) -> Parts:
    a = alpha[0]
    m = np.arange(1, n + 1)
    below = np.where(m == 1, 1.0 if a == 1.0 else 0.0, np.maximum(m - 1.0, 1.0) ** (1.0 - a))  # 0**0 is 1 there
    second = (m + 1.0) ** (1.0 - a) - 2.0 * m ** (1.0 - a) + below
    return -np.append(1.0, second), np.asarray(h**a * math.gamma(2.0 - _real(a)))


def _rectangles(a: Any, h: float, n: int) -> Parts:
    m = np.arange(n, dtype=np.float64)
    below = np.where(m == 0, 0.0, np.maximum(m, 1.0) ** a)
    return (h**a / (a * math.gamma(_real(a))) * ((m + 1.0) ** a - below),)


def _terms(alpha: np.ndarray, factors: np.ndarray, h: float, n: int) -> Parts:
    c: Any = sum(f * h**-a * grunwald_letnikov(n + 1, a) for a, f in zip(alpha, factors, strict=True))
    return -c / c[0], np.asarray(1.0 / c[0])
