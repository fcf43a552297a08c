"""A spiking network becomes a fractional one."""

from __future__ import annotations

import copy
import math
from typing import Any

from grillyx.fractional._neurons import BaseNeuron, IFNeuron, LIFNeuron
from grillyx.fractional._wrapper import SNNWrapper
from grillyx.nn import (
    BaseNode,
    IFNode,
    LIFNode,
    Module,
    MultiStepContainer,
    ParametricLIFNode,
    SeqToANNContainer,
    Sequential,
)  # fmt: skip


def to_fractional(model: Module, alpha: Any = 0.5, **options: Any) -> SNNWrapper:
    """Return a fractional copy of a spiking network, with the same weights.

    Each `IFNode`, `LIFNode` and `ParametricLIFNode` becomes an `IFNeuron` or `LIFNeuron` with the same threshold, reset,
    surrogate and rest; a step becomes a unit of time, and the leak ``1 - 1 / tau`` of a step the time constant
    ``-1 / ln(1 - 1 / tau)``. With ``alpha=1``, steps of 1 and method "exact", the default here, the spikes are those of the
    model. Containers that handle time become `nn.Sequential`. A learned tau goes on learning; where a `ParametricLIFNode`
    does not divide its input by tau, the factor of the input keeps its present value.

    Args:
        model: as it was trained; it is not changed.
        alpha: see `SNNWrapper`.
        **options: further ones of `SNNWrapper`.

    Raises:
        TypeError: another kind of neuron.
        ValueError: tau of 1, which keeps nothing.
    """
    if not isinstance(model, Module):
        raise TypeError(f"to_fractional: expected a grillyx.nn.Module, got {type(model).__name__}.")
    out = _swapped(copy.deepcopy(model), {})
    options = {"method": "exact", **options}
    return SNNWrapper(out, alpha=alpha, **options)


def _swapped(value: Any, seen: dict[int, Any]) -> Any:
    """Return a module, or what an attribute holds, with all neurons in it replaced."""
    if isinstance(value, list):
        value[:] = [_swapped(v, seen) for v in value]
    elif isinstance(value, dict):
        value.update({k: _swapped(v, seen) for k, v in value.items()})
    elif isinstance(value, tuple):
        return tuple(_swapped(v, seen) for v in value) if type(value) is tuple else value
    elif isinstance(value, Module):
        if id(value) not in seen:
            seen[id(value)] = value  # a module may hold itself
            seen[id(value)] = _replaced(value)
            if seen[id(value)] is value:
                for name, part in vars(value).items():
                    if isinstance(part, (Module, list, dict, tuple)):
                        vars(value)[name] = _swapped(part, seen)
            elif isinstance(seen[id(value)], Sequential):
                return _swapped(seen[id(value)], seen)
        return seen[id(value)]
    return value


def _replaced(module: Module) -> Module:
    if type(module) in (SeqToANNContainer, MultiStepContainer):
        names = module._names  # type: ignore[attr-defined]
        parts = list(module)  # type: ignore[call-overload]
        return Sequential(dict(zip(names, parts, strict=True))) if names is not None else Sequential(*parts)
    return _neuron(module) if isinstance(module, BaseNode) else module


def _neuron(node: BaseNode) -> BaseNeuron:
    if type(node) not in (IFNode, LIFNode, ParametricLIFNode):
        raise TypeError(
            f"to_fractional: no fractional form of {type(node).__name__}; expected IFNode, LIFNode or ParametricLIFNode. "
            "Replace it, or write a neuron from fractional.BaseNeuron."
        )
    rest = 0.0 if node.v_reset is None else float(node.v_reset)
    options: dict[str, Any] = {
        "threshold": float(node.v_threshold), "surrogate_opt": node.surrogate_function, "v_reset": node.v_reset, "v0": rest,
        "detach_reset": node.detach_reset, "substep": False, "store_v_seq": node.store_v_seq,
    }  # fmt: skip
    if not isinstance(node, LIFNode):
        return IFNeuron(1.0, **options)
    tau = float(node.tau)
    if tau <= 1.0:
        raise ValueError(
            f"to_fractional: {type(node).__name__} with tau=1 keeps nothing of its voltage; expected more than 1."
        )
    learns = isinstance(node, ParametricLIFNode)
    out = LIFNeuron(-1.0 / math.log1p(-1.0 / tau), tau_learnable=learns, **options)
    out.gain, out.offset = 1.0 if node.decay_input else tau, rest
    return out
