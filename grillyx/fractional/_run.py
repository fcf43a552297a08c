"""One neuron over a whole sequence: its weights from the tables, and who computes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from grillyx.autograd import Tensor
from grillyx.fractional import _compat, _loop
from grillyx.fractional._host import attach, read, tensors
from grillyx.fractional._tables import Table, derivatives, table

if TYPE_CHECKING:
    from grillyx.fractional._neurons import BaseNeuron
    from grillyx.fractional._sequence import Layer, Sequence



def run_layer(neuron: BaseNeuron, x: Tensor, sequence: Sequence) -> Tensor:
    """(steps · B, ...) currents → (steps · B, ...) spikes."""
    name = type(neuron).__name__
    layer = sequence.layers.get(id(neuron))
    if layer is None:
        raise RuntimeError(
            f"SNNWrapper: {name} is no part of the wrapped module, as base.modules() lists it. Make it an attribute."
        )
    if id(neuron) in sequence.called:
        raise RuntimeError(f"SNNWrapper: {name} was called twice in one forward; a neuron has one state. Make two of them.")
    sequence.called.append(id(neuron))
    layer = neuron.own_layer() or layer
    current = sequence.unfold(x, name).astype("float32")
    if neuron.gain != 1.0 or neuron.offset:
        current = current * neuron.gain + neuron.offset
    spikes, voltages = _run(neuron, current, layer)
    neuron.v_seq = voltages if neuron.store_v_seq else None
    return spikes.reshape(x.shape)


def _run(neuron: BaseNeuron, x: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    if neuron.discrete or (neuron.compat and neuron.own_layer() is not None):
        neuron.reset()
        return _loop.discrete(neuron, x)
    if neuron.compat:
        return _compat.solve(neuron, x, layer)
    if neuron.is_linear:
        return _loop.linear(neuron, x, weights_of(neuron, layer, x.shape[0]))
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


def weights_of(neuron: BaseNeuron, layer: Layer, steps: int) -> _loop.Weights:
    """Return the table of a built-in neuron as tensors on the tape of alpha, tau and the coefficients."""
    tau = neuron.get_tau()
    if layer.method in _loop.STAGES:
        lag, initial, beta = tensors(_runge_kutta(layer.method, steps, layer.step, bool(neuron.leaks)), tau)
        return _loop.Weights(lag, initial, None, beta, 0.0, 1.0, bool(neuron.leaks))
    parameters = (layer.alpha, tau, layer.coefficients)
    alpha, factors = np.atleast_1d(read(layer.alpha)), np.atleast_1d(read(layer.coefficients))
    options: dict[str, Any] = {
        "step": layer.step, "alpha": alpha.tolist(), "tau": float(read(tau)), "coefficients": factors.tolist(),
        "leak": bool(neuron.leaks), "memory": layer.memory,
    }  # fmt: skip
    made = table(layer.method, steps, **options)
    values = _values(made)
    if not any(isinstance(p, Tensor) for p in parameters):
        return _tensors(made, [Tensor(v.astype(np.float32)) for v in values])

    def slopes(i: int) -> list[list[np.ndarray]]:
        name = ("alpha", "tau", "coefficients")[i]
        return [_values(t) for t in derivatives(layer.method, steps, **options, of=(name,))[name]]

    return _tensors(made, attach(*parameters, values=values, slopes=slopes))


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
