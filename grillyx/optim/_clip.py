"""Limiting gradients between ``backward`` and ``step``; all of it stays on the device."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.array import FLOAT, Array
from grillyx.functional import _check
from grillyx.ops.optim import norm_of, scaled
from grillyx.ops.pointwise import apply, cast
from grillyx.ops.shape import fill


def _with_gradients(parameters: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    """Return the parameters that have a gradient, each once."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    try:
        found = list(parameters)
    except TypeError:
        raise TypeError(
            f"{name}: parameters must be tensors, got {type(parameters).__name__}; expected a Tensor or an iterable of "
            "them. Pass model.parameters()."
        ) from None
    for p in found:
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{name}: parameters must be tensors, got {type(p).__name__} among them; expected grillyx Tensors. "
                "Pass model.parameters()."
            )
    return [p for p in {id(p): p for p in found}.values() if p.grad is not None]


def _gradient(p: Tensor) -> Array:
    return cast(as_tensor(p.grad).array, FLOAT)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by one factor, so that their norm, taken over all of them together, is at most `max_norm`.

    ``grad ← grad · min(1, max_norm / (norm + 1e-6))``. Each ``p.grad`` becomes a new tensor: several parameters may
    share the memory of one gradient. Nothing is read from the device unless `error_if_nonfinite` asks for it; a
    gradient that is not finite then makes all of them NaN or 0, as in torch.

    Args:
        parameters: a tensor, or an iterable of them; those whose ``grad`` is None are passed over.
        max_norm: the largest norm that is left, at least 0.
        norm_type: 2 for the Euclidean norm (default), ``inf`` for the largest absolute value.
        error_if_nonfinite: read the norm, and raise if it is infinite or NaN; the gradients then stay as they are.
            Default False.

    Returns:
        The norm before clipping, of shape (); 0 if there are no gradients.

    Raises:
        ValueError: another `norm_type`, or a negative or NaN `max_norm`.
        TypeError: parameters that are no tensors.
        RuntimeError: a norm that is not finite, with `error_if_nonfinite`.

    Source: ``torch.nn.utils.clip_grad_norm_``; Pascanu et al. 2013, arXiv:1211.5063.
    """
    limit = _limit(max_norm, "clip_grad_norm_", "max_norm")
    if norm_type not in (2, math.inf, "inf"):
        raise ValueError(f"clip_grad_norm_: unknown norm_type, got {norm_type!r}; expected 2 or math.inf.")
    found = _with_gradients(parameters, "clip_grad_norm_")
    every = [_gradient(p) for p in found]
    grads = [g for g in every if g.size]
    if not grads:
        return Tensor(fill((), 0.0))
    norm, factor = norm_of(grads, limit, norm_type != 2)
    if error_if_nonfinite and not math.isfinite(norm.numpy().item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is not finite, got {norm.numpy().item()}; expected a number. "
            "Lower the learning rate, or pass error_if_nonfinite=False to go on."
        )
    for p, g in zip(found, scaled(every, factor), strict=True):
        p.grad = Tensor(g)
    return Tensor(norm)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to ``[-clip_value, clip_value]``; NaN stays NaN.

    Each ``p.grad`` becomes a new tensor, as in `clip_grad_norm_`.

    Args:
        parameters: a tensor, or an iterable of them; those whose ``grad`` is None are passed over.
        clip_value: the largest absolute value that is left, at least 0.

    Raises:
        ValueError: a negative or NaN `clip_value`.
        TypeError: parameters that are no tensors.

    Source: ``torch.nn.utils.clip_grad_value_``.
    """
    limit = _limit(clip_value, "clip_grad_value_", "clip_value")
    for p in _with_gradients(parameters, "clip_grad_value_"):
        p.grad = Tensor(apply(_gradient(p), "clip", -limit, limit))


def _limit(value: Any, name: str, what: str) -> float:
    limit = math.inf if value == math.inf else _check.number(value, name, what)
    if limit < 0:
        raise ValueError(f"{name}: {what} must not be negative, got {value!r}; expected 0 or more.")
    return limit
