"""Normalization within a sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._elementwise import add, multiply, subtract
from grillyx.functional._reduce import mean
from grillyx.functional._shape import reshape
from grillyx.functional._unary import rsqrt, square
from grillyx.ops import norm as norm_ops

_norm = differentiable(norm_ops.norm)
EPSILON = float(np.finfo(np.float32).eps)


def _positive(eps: Any, name: str) -> float:
    value = _check.number(eps, name, "eps")
    if value < 0.0:
        raise ValueError(f"{name}: eps is not negative, got {eps}.")
    return value


def _weight(value: Any, shape: tuple[int, ...], name: str, what: str) -> Tensor | None:
    if value is None:
        return None
    t = as_tensor(value).astype(np.float32)
    if t.shape != shape:
        raise ValueError(f"{name}: the {what} has the wrong shape, got {t.shape}; expected {shape}.")
    return t


def _composed(x: Tensor, rows: int, eps: float, center: bool) -> Tensor:
    """Normalize rows that are too long for one workgroup."""
    z = reshape(x, (x.size // rows, rows))
    z = subtract(z, mean(z, -1, keepdims=True)) if center else z
    return reshape(multiply(z, rsqrt(add(mean(square(z), -1, keepdims=True), eps))), x.shape)


def _by_rows(x: Any, shape: Any, weight: Any, bias: Any, eps: float, name: str) -> Tensor:
    x, wanted, center = as_tensor(x).astype(np.float32), _check.shape_of(shape), name == "layer_norm"
    if not wanted or x.shape[-len(wanted) :] != wanted:
        raise ValueError(
            f"{name}: the last axes of the input must be normalized_shape, got an input of shape {x.shape}; expected "
            f"(..., {', '.join(map(str, wanted))})."
        )
    w, b = _weight(weight, wanted, name, "weight"), _weight(bias, wanted, name, "bias")
    rows = math.prod(wanted)
    if norm_ops.fits(rows, rows):
        return _norm(x, w, b, rows=rows, eps=eps, center=center)
    y = _composed(x, rows, eps, center)
    y = y if w is None else multiply(y, w)
    return y if b is None else add(y, b)


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Return ``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over the last axes (Ba et al., 2016).

    Args:
        x: (*, normalized_shape).
        normalized_shape: the last axes of x, or one number for the last.
        weight: of that shape, or None.
        bias: of that shape, or None.
        eps: is added to the variance.

    Raises:
        ValueError: x does not end in these axes, or a weight has another shape.
    """
    return _by_rows(x, normalized_shape, weight, bias, _positive(eps, "layer_norm"), "layer_norm")


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Return ``x / sqrt(mean(x**2) + eps) * weight``, the mean over the last axes (Zhang & Sennrich, 2019).

    Args:
        x: (*, normalized_shape).
        normalized_shape: the last axes of x, or one number for the last.
        weight: of that shape, or None.
        eps: is added to the mean; by default float32's spacing at 1, 1.2e-7.

    Raises:
        ValueError: x does not end in these axes, or the weight has another shape.
    """
    value = EPSILON if eps is None else _positive(eps, "rms_norm")
    return _by_rows(x, normalized_shape, weight, None, value, "rms_norm")


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Return ``(x - mean) / sqrt(var + eps) * weight + bias``, over groups of channels of a sample (Wu & He, 2018).

    Args:
        x: (N, C, *).
        num_groups: divides C.
        weight: (C,), or None.
        bias: (C,), or None.
        eps: is added to the variance.

    Raises:
        ValueError: C cannot be divided so, or a weight has another shape.
    """
    x, eps = as_tensor(x).astype(np.float32), _positive(eps, "group_norm")
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: expected an input (N, C, ...) with C divisible by num_groups, got shape {x.shape} and "
            f"{num_groups} groups."
        )
    channels = x.shape[1]
    w, b = _weight(weight, (channels,), "group_norm", "weight"), _weight(bias, (channels,), "group_norm", "bias")
    inner = math.prod(x.shape[2:])
    rows = channels // num_groups * inner
    if norm_ops.fits(rows, inner):
        return _norm(x, w, b, rows=rows, eps=eps, groups=int(num_groups))
    y, column = _composed(x, rows, eps, True), (channels, *(1 for _ in x.shape[2:]))
    y = y if w is None else multiply(y, reshape(w, column))
    return y if b is None else add(y, reshape(b, column))
