"""Spiking neurons as pure functions, and the functions that act on the neurons of a model."""

from __future__ import annotations

from typing import Any

from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._shape import concatenate
from grillyx.ops import LONGEST_LOOP
from grillyx.ops import neuron as neuron_ops

_neuron = differentiable(neuron_ops.neuron)
_spike = differentiable(neuron_ops.spike)
ATAN = neuron_ops.Surrogate("ATan", 2.0)


def multi_step_neuron(
    x: Any, v: Any = None, *, kind: str = "LIF", tau: float = 2.0, w: Any = None, v_threshold: float = 1.0,
    v_reset: float | None = 0.0, decay_input: bool = False, detach_reset: bool = False,
    surrogate: neuron_ops.Surrogate = ATAN, store_v_seq: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Run a spiking neuron over all time steps: one dispatch forward, one for its exact gradient.

    Args:
        x: input current, (T, *).
        v: membrane before the first step, (*); None means `v_reset`, or 0 for a soft reset.
        kind: ``"IF"``, ``"LIF"``, or ``"PLIF"`` with the scalar `w`, where ``1 / tau = sigmoid(w)``.
        tau: time constant in steps.
        w: see `kind`.
        v_threshold: fires at ``H >= v_threshold``.
        v_reset: membrane after a spike; None subtracts the threshold instead.
        decay_input: whether the input is divided by tau as well.
        detach_reset: whether the gradient ignores the reset.
        surrogate: the gradient of the step function; see `grillyx.nn.SurrogateFunction.spec`.
        store_v_seq: whether to return the membrane after each step.

    Returns:
        ``(spikes (T, *), v (*) after the last step, v_seq (T, *) or None)``.

    Raises:
        ValueError: tau below 1, NaN, an unknown kind, shapes that do not fit.
    """
    _check.one_of(kind, tuple(neuron_ops.KINDS), "multi_step_neuron", "kind")
    _check_numbers(kind, tau, v_threshold, v_reset)
    x = as_tensor(x)
    if x.ndim == 0 or x.shape[0] == 0:
        raise ValueError(
            f"{kind}: a multi-step neuron needs a time axis in front, got shape {x.shape}; expected (T, ...)."
        )
    state = x.shape[1:]
    if v is not None:
        v = as_tensor(v)
        if v.shape != state:
            raise ValueError(f"{kind}: the membrane has the wrong shape, got {v.shape}; expected {state}.")
    w = None if w is None else as_tensor(w)
    if kind == "PLIF" and (w is None or w.size != 1):
        raise ValueError(f"PLIF: w is needed, got {None if w is None else w.shape}; expected one number, shape ().")
    options = {
        "kind": kind, "q": 1.0 / tau, "threshold": float(v_threshold), "reset": None if v_reset is None else float(v_reset),
        "decay_input": bool(decay_input), "detach_reset": bool(detach_reset), "surrogate": surrogate,
        "store_v_seq": store_v_seq,
    }  # fmt: skip
    if x.shape[0] <= LONGEST_LOOP:
        return _neuron(x, v, w, keep=autograd.is_recorded(x, v, w), **options)
    spikes, membranes = [], []
    for first in range(0, x.shape[0], LONGEST_LOOP):
        part = x[first : first + LONGEST_LOOP]
        s, v, v_seq = _neuron(part, v, w, keep=autograd.is_recorded(part, v, w), **options)
        spikes.append(s)
        membranes.append(v_seq)
    return concatenate(spikes), v, concatenate(membranes) if store_v_seq else None


def _check_numbers(name: str, tau: float, v_threshold: float, v_reset: float | None) -> None:
    if _check.number(tau, name, "tau") < 1.0:
        raise ValueError(f"{name}: tau is too small, got {tau}; expected at least 1.")
    _check.number(v_threshold, name, "v_threshold")
    if v_reset is not None:
        _check.number(v_reset, name, "v_reset")


def spike(x: Any, surrogate: neuron_ops.Surrogate = ATAN, strict: bool = False) -> Tensor:
    """Return 1 where ``x >= 0`` (with `strict`, ``x > 0``), else 0, with a surrogate gradient."""
    return _spike(as_tensor(x), surrogate=surrogate, strict=bool(strict))


def _step(
    kind: str, x: Any, v: Any, tau: float, v_threshold: float, v_reset: float | None, surrogate_function: Any,
    **options: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    name = f"{kind.lower()}_step"
    _check_numbers(name, tau, v_threshold, v_reset)
    surrogate = ATAN if surrogate_function is None else getattr(surrogate_function, "spec", surrogate_function)
    if not isinstance(surrogate, neuron_ops.Surrogate):
        raise TypeError(
            f"{name}: surrogate_function must be a SurrogateFunction such as nn.ATan(), got {surrogate_function!r}."
        )
    x, v = as_tensor(x), as_tensor(v)
    if v.shape != x.shape:
        full = _check.broadcast(name, x.shape, v.shape)
        x = x if x.shape == full else x.expand(full)
        v = v if v.shape == full else v.expand(full)
    s, v, _ = multi_step_neuron(
        x.reshape(1, *x.shape), v, kind=kind, tau=tau, v_threshold=v_threshold, v_reset=v_reset, surrogate=surrogate,
        **options,
    )  # fmt: skip
    return s.reshape(v.shape), v


def lif_step(
    x: Any, v: Any, tau: float = 2.0, v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: Any = None,
    detach_reset: bool = False, decay_input: bool = True,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return ``(spike, v)`` of one step of a leaky integrate-and-fire neuron.

    ``H = v + (x - (v - v_reset)) / tau`` with `decay_input`, else ``H = v - (v - v_reset) / tau + x``; it fires at
    ``H >= v_threshold``, and v becomes `v_reset`, or ``H - v_threshold`` where that is None.

    Args:
        x: input current of any shape.
        v: membrane of the same shape, or one that broadcasts.
        tau: time constant in steps, at least 1.
        v_threshold: firing threshold.
        v_reset: membrane after a spike.
        surrogate_function: such as ``nn.ATan()``, the default.
        detach_reset: whether the gradient ignores the reset.
        decay_input: see above.

    Raises:
        ValueError: tau below 1, NaN, shapes that do not fit.
    """
    return _step(
        "LIF", x, v, tau, v_threshold, v_reset, surrogate_function, detach_reset=detach_reset, decay_input=decay_input
    )


def if_step(
    x: Any, v: Any, v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: Any = None,
    detach_reset: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return ``(spike, v)`` of one step of an integrate-and-fire neuron: ``H = v + x``; see `lif_step` for the rest."""
    return _step("IF", x, v, 1.0, v_threshold, v_reset, surrogate_function, detach_reset=detach_reset)


def _modules(model: Any, name: str) -> Any:
    if not hasattr(model, "modules"):
        raise TypeError(f"{name}: expected a grillyx.nn.Module, got {type(model).__name__}.")
    return model.modules()


def reset_net(model: Any) -> None:
    """Forget the memory of every neuron and every other stateful module in `model`, at any depth.

    Call it between sequences that have nothing to do with each other.
    """
    for module in _modules(model, "reset_net"):
        if hasattr(module, "reset"):
            module.reset()


def detach_net(model: Any) -> None:
    """Keep the state of every neuron in `model`, but let no gradient pass to earlier calls."""
    for module in _modules(model, "detach_net"):
        if hasattr(module, "detach"):
            module.detach()


def set_step_mode(model: Any, step_mode: str) -> None:
    """Set every module in `model` that has a step mode to ``'s'`` (one step a call) or ``'m'`` (a sequence)."""
    _check.one_of(step_mode, ("s", "m"), "set_step_mode", "step_mode")
    for module in _modules(model, "set_step_mode"):
        if hasattr(module, "step_mode"):
            module.step_mode = step_mode
