"""Losses, with torch's names and defaults."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._elementwise import abs, add, multiply, neg, subtract
from grillyx.functional._reduce import log_softmax, mean, sum
from grillyx.functional._unary import softplus, square
from grillyx.ops import LONGEST_LOOP
from grillyx.ops import softmax as softmax_ops

_cross_entropy = differentiable(softmax_ops.cross_entropy)
REDUCTIONS = ("mean", "sum", "none")


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    return mean(loss) if reduction == "mean" else sum(loss) if reduction == "sum" else loss


def _pair(name: str, x: Any, target: Any) -> tuple[Tensor, Tensor]:
    x, target = as_tensor(x), as_tensor(target)
    if x.shape != target.shape:
        raise ValueError(f"{name}: input and target must have one shape, got {x.shape} and {target.shape}.")
    return x, target.astype(np.float32)


def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Tensor:
    """Return the cross-entropy of logits against classes or class probabilities.

    Args:
        x: logits, (N, C), (C,) or (N, C, *).
        target: class numbers as integers, x's shape without the class axis; or probabilities of x's shape.
        weight: a weight for each class, (C,); the mean then divides by the sum of the labels' weights.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: how much of the target is spread evenly over all classes, in [0, 1].
        ignore_index: a label that counts for nothing.

    Raises:
        ValueError: shapes that do not fit, a label out of range, an unknown reduction.
        TypeError: labels that are neither integers nor probabilities of x's shape.
    """
    _check.one_of(reduction, REDUCTIONS, "cross_entropy", "reduction")
    smoothing = _check.number(label_smoothing, "cross_entropy", "label_smoothing")
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing out of range, got {smoothing}; expected 0 to 1.")
    x, target = as_tensor(x), as_tensor(target)
    if x.ndim == 0:
        raise ValueError("cross_entropy: logits need a class axis, got shape (); expected (N, C) or (C,).")
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    weight = None if weight is None else as_tensor(weight).astype(np.float32)
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"cross_entropy: one weight a class, got shape {weight.shape}; expected ({classes},).")
    if target.shape == x.shape and target.dtype.kind == "f":
        return _soft_cross_entropy(x, target, weight, axis, reduction, smoothing)
    if not 0 < classes <= LONGEST_LOOP:
        raise ValueError(
            f"cross_entropy: the number of classes is out of range, got {classes}; expected 1 to {LONGEST_LOOP:,}. For more, "
            "pick from log_softmax with gather."
        )
    wanted = x.shape[:axis] + x.shape[axis + 1 :]
    if target.shape != wanted:
        raise ValueError(
            f"cross_entropy: labels have the wrong shape, got {target.shape} for logits {x.shape}; expected {wanted} "
            "class numbers, or probabilities of the logits' shape. Average the time axis first, as with .mean(axis=0)."
        )
    if target.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: labels must be integers, got {target.dtype}. Use labels.astype(np.int64).")
    known = _check.bounds_of(target)
    plain = known is not None and not known[0] <= ignore_index <= known[1]
    if plain or target.size == 0:
        labels = _check.integers(target, 0, classes, "cross_entropy", "labels")
    else:
        values = target.numpy()
        kept = values[values != ignore_index]
        _check.integers(Tensor(kept), 0, classes, "cross_entropy", "labels")
        labels, plain = target, bool(kept.size == values.size)
    logits = x.reshape(1, classes) if axis == 0 else x
    labels = labels.reshape(1) if axis == 0 else labels
    loss = _cross_entropy(
        logits,
        labels.astype(np.int32),
        weight,
        reduction=reduction,
        smoothing=smoothing,
        ignored=int(ignore_index),
        plain=plain,
    )
    return loss.reshape(()) if axis == 0 else loss


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, axis: int, reduction: str, smoothing: float
) -> Tensor:
    if smoothing:
        target = add(multiply(target, 1.0 - smoothing), smoothing / x.shape[axis])
    terms = multiply(target, log_softmax(x, axis))
    if weight is not None:
        terms = multiply(terms, weight.reshape(-1, *[1] * (x.ndim - axis - 1)))
    loss = neg(sum(terms, axis))
    return _reduced(loss, reduction)


def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Return ``(x - target)**2``, its mean, or its sum; shapes must be equal."""
    _check.one_of(reduction, REDUCTIONS, "mse_loss", "reduction")
    x, target = _pair("mse_loss", x, target)
    return _reduced(square(subtract(x, target)), reduction)


def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Return ``|x - target|``, its mean, or its sum; shapes must be equal."""
    _check.one_of(reduction, REDUCTIONS, "l1_loss", "reduction")
    x, target = _pair("l1_loss", x, target)
    return _reduced(abs(subtract(x, target)), reduction)


def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Return the cross-entropy of ``sigmoid(x)`` against targets in [0, 1], without overflow.

    Args:
        x: logits of any shape.
        target: probabilities of the same shape.
        weight: factors for the terms, broadcast.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: factors for the positive part, broadcast.
    """
    _check.one_of(reduction, REDUCTIONS, "binary_cross_entropy_with_logits", "reduction")
    x, target = _pair("binary_cross_entropy_with_logits", x, target)
    # softplus(-x) is -log(sigmoid(x)), softplus(x) is -log(1 - sigmoid(x))
    positive = target if pos_weight is None else multiply(target, as_tensor(pos_weight))
    loss = add(multiply(positive, softplus(neg(x))), multiply(subtract(1.0, target), softplus(x)))
    if weight is not None:
        loss = multiply(loss, as_tensor(weight))
    return _reduced(loss, reduction)
