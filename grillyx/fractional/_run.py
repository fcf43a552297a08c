"""One neuron over a whole sequence: its weights from the tables, and who computes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, is_grad_enabled
from grillyx.fractional import _compat, _loop
from grillyx.fractional._host import attach, read, tensors
from grillyx.fractional._pulses import held
from grillyx.fractional._response import of_table, slope_of
from grillyx.fractional._tables import Table, derivatives, table

if TYPE_CHECKING:
    from grillyx.fractional._neurons import BaseNeuron
    from grillyx.fractional._sequence import Layer, Sequence


def run_layer(neuron: BaseNeuron, x: Tensor, sequence: Sequence) -> tuple[Tensor, Tensor]:
    """(steps · B, ...) currents → what the next layer gets, and the spikes, both (steps · B, ...)."""
    name = type(neuron).__name__
    layer = sequence.layers.get(id(neuron))
    if layer is None:
        raise RuntimeError(
            f"SNNWrapper: {name} is no part of the wrapped module, as base.modules() lists it. Make it an attribute."
        )
    if id(neuron) in sequence.called:
        raise RuntimeError(
            f"SNNWrapper: {name} was called twice in one forward; a neuron has one state. Make two of them."
        )
    sequence.called.append(id(neuron))
    layer = neuron.own_layer() or layer
    current = sequence.unfold(x, name).astype("float32")
    if neuron.gain != 1.0 or neuron.offset:
        current = current * neuron.gain + neuron.offset
    spikes, voltages = _run(neuron, current, layer)
    neuron.v_seq = voltages if neuron.store_v_seq else None
    spikes = spikes.reshape(x.shape)
    if sequence.width == 1.0:
        return spikes, spikes
    sent = held(spikes.reshape(current.shape), sequence.width).reshape(x.shape)
    sequence.held.append((sent, spikes))
    return sent, spikes


def _run(neuron: BaseNeuron, x: Tensor, layer: Layer) -> tuple[Tensor, Tensor | None]:
    if neuron.discrete or (neuron.compat and neuron.own_layer() is not None):
        neuron.reset()
        return _loop.discrete(neuron, x)
    if neuron.compat:
        return _compat.solve(neuron, x, layer)
    if neuron.is_linear:
        return fused(neuron, x, layer) or _loop.linear(neuron, x, weights_of(neuron, layer, x.shape[0]))
    name = type(neuron).__name__
    if layer.method == "exact":
        raise ValueError(
            f"{name}: method 'exact' is for the equations of built-in neurons. Use 'gl', 'l1', 'pred' or 'trap' with a "
            "forward of your own."
        )
    if layer.memory == "exponentials":
        raise ValueError(
            f"{name}: memory 'exponentials' is for the equations of built-in neurons. Use None or a number of steps with a "
            "forward of your own."
        )
    if np.prod(np.shape(layer.coefficients)) > 1 and _loop.CORRECTIONS.get(layer.method):
        raise ValueError(f"{name}: method {layer.method!r} takes one alpha. Use 'gl', 'l1' or 'glmulti' for several.")
    return (_loop.ordinary if layer.method in _loop.STAGES else _loop.own)(neuron, x, layer)


def fused(neuron: BaseNeuron, x: Tensor, layer: Layer) -> tuple[Tensor, Tensor | None] | None:
    """Run a built-in neuron in one op; None where it fires or resets in a way of its own."""
    firing = neuron.firing(x.shape)
    if firing is None or layer.method in _loop.STAGES:
        return None
    made = _Made(neuron, layer, x.shape[0])
    learned = [k for k, p in enumerate(made.parameters) if isinstance(p, Tensor)]
    resting = not isinstance(neuron.v0, Tensor) and neuron.v0 == 0.0
    v0 = None if resting else _loop.voltage(neuron, x.shape[1:])
    parameters: list[Any] = [made.parameters[k] for k in learned]
    if firing.pop("mute", False):  # spikes without a gradient
        x, v0, parameters, learned = x.detach(), None if v0 is None else v0.detach(), [], []
    slopes = [[slope_of(made.table, t) for t in made.derivatives(k)] for k in learned] if is_grad_enabled() else []
    return F.fractional_neuron(
        x, v0, response=of_table(made.table), parameters=parameters if slopes else (), slopes=slopes,
        v_threshold=neuron.threshold, v_reset=neuron.v_reset, detach_reset=neuron.detach_reset,
        store_v_seq=neuron.store_v_seq, **firing,
    )  # fmt: skip


class _Made:
    """The table of a built-in neuron, what it is made from, and its derivatives."""

    names = ("alpha", "tau", "coefficients")

    def __init__(self, neuron: BaseNeuron, layer: Layer, steps: int) -> None:
        self.parameters = (layer.alpha, neuron.get_tau(), layer.coefficients)
        alpha, tau, factors = (np.atleast_1d(read(p)).tolist() for p in self.parameters)
        self.options: dict[str, Any] = {
            "method": layer.method, "steps": steps, "step": layer.step, "alpha": alpha, "tau": tau[0],
            "coefficients": factors, "leak": bool(neuron.leaks), "memory": layer.memory,
        }  # fmt: skip
        self.table = table(**self.options)

    def derivatives(self, k: int) -> list[Table]:
        """Return those for each element of parameter k."""
        return derivatives(**self.options, of=(self.names[k],))[self.names[k]]


def weights_of(neuron: BaseNeuron, layer: Layer, steps: int) -> _loop.Weights:
    """Return the table of a built-in neuron as tensors on the tape of alpha, tau and the coefficients."""
    leak = bool(neuron.leaks)
    if layer.method in _loop.STAGES:
        lag, initial, beta = tensors(_runge_kutta(layer.method, steps, layer.step, leak), neuron.get_tau())
        return _loop.Weights(lag, initial, None, beta, 0.0, 1.0, leak)
    made = _Made(neuron, layer, steps)
    values = _values(made.table)
    if not any(isinstance(p, Tensor) for p in made.parameters):
        return _tensors(made.table, [Tensor(v.astype(np.float32)) for v in values])
    slopes = lambda i: [_values(t) for t in made.derivatives(i)]  # noqa: E731
    return _tensors(made.table, attach(*made.parameters, values=values, slopes=slopes))


def _values(t: Table) -> list[np.ndarray]:
    return [t.lag, t.initial, np.asarray(t.beta, np.float64), *([] if t.start is None else [t.start])]


def _tensors(t: Table, parts: Any) -> _loop.Weights:
    return _loop.Weights(parts[0], parts[1], parts[3] if len(parts) > 3 else None, parts[2], t.p, t.q, t.leak)


def _runge_kutta(method: str, steps: int, h: float, leak: bool) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return tau to the values of an explicit Runge-Kutta method for ``dw/dt = (x - w) / tau``, x constant over each step."""
    order = len(_loop.STAGES[method][1])

    def values(tau: np.ndarray) -> list[np.ndarray]:
        z = -h / tau
        keep = sum(z**n / math.factorial(n) for n in range(order + 1)) if leak else 0.0 * z + 1.0
        lag, initial = np.zeros(steps, np.asarray(z).dtype), np.zeros(steps + 1, np.asarray(z).dtype)
        lag[1:2], initial[0], initial[1] = keep, 1.0, keep
        return [lag, initial, np.asarray(1.0 - keep if leak else -z)]

    return values
