"""Reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.autograd._names import torch_differs, torch_names
from grillyx.functional import _check
from grillyx.functional._elementwise import add, clip, divide, subtract
from grillyx.functional._shape import flatten, reshape
from grillyx.functional._unary import exp, log, sqrt, square
from grillyx.ops import reduce as reduce_ops
from grillyx.ops import softmax as softmax_ops

_sum = differentiable(reduce_ops.sum)
_extremum = differentiable(reduce_ops.extremum)
_index_of = differentiable(reduce_ops.index_of)
_softmax = differentiable(softmax_ops.softmax)
_LARGEST = float(np.finfo(np.float32).max)


@torch_names
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the sum over some axes (all by default). Booleans are counted as int32."""
    x = as_tensor(x)
    return _sum(x, axes=_check.axes_of(axis, x.ndim, "sum"), keepdims=keepdims)


@torch_names
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the mean over some axes (all by default) as float32; the mean of nothing is NaN."""
    x = as_tensor(x)
    axes = _check.axes_of(axis, x.ndim, "mean")
    count = math.prod(x.shape[k] for k in axes)
    if not axes:
        return x.astype("float32")
    return _sum(x.astype("float32"), axes=axes, keepdims=keepdims, scale=1.0 / count if count else math.nan)


@torch_differs("correction is 0 unless it is given, as in NumPy; torch's is 1.")
def var(x: Any, axis: Any = None, correction: int = 0, keepdims: bool = False) -> Tensor:
    """Return the variance; `correction` is subtracted from the count (0 as in NumPy, 1 for torch's default)."""
    x = as_tensor(x)
    axes = _check.axes_of(axis, x.ndim, "var")
    count = math.prod(x.shape[k] for k in axes) - correction
    total = sum(square(subtract(x, mean(x, axes, keepdims=True))), axes, keepdims)
    return divide(total, float(max(count, 0)))


@torch_differs("correction is 0 unless it is given, as in NumPy; torch's is 1.")
def std(x: Any, axis: Any = None, correction: int = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation: the root of `var`."""
    return sqrt(var(x, axis, correction, keepdims))


@torch_names
def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the maximum over some axes (all by default); equal ones share the gradient."""
    x = as_tensor(x)
    return _extremum(x, axes=_check.axes_of(axis, x.ndim, "max"), keepdims=keepdims, name="max")


@torch_names
def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the minimum over some axes (all by default); equal ones share the gradient."""
    x = as_tensor(x)
    return _extremum(x, axes=_check.axes_of(axis, x.ndim, "min"), keepdims=keepdims, name="min")


def _arg(x: Any, axis: int | None, keepdims: bool, name: str) -> Tensor:
    x = as_tensor(x)
    if axis is None:
        out = _index_of(flatten(x), axis=0, name=name)
        return reshape(out, (1,) * x.ndim) if keepdims else out
    return _index_of(x, axis=_check.axis_of(axis, x.ndim, name), keepdims=keepdims, name=name)


@torch_names
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index of the first maximum as int32, along an axis or in the flattened tensor."""
    return _arg(x, axis, keepdims, "argmax")


@torch_names
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index of the first minimum as int32, along an axis or in the flattened tensor."""
    return _arg(x, axis, keepdims, "argmin")


@torch_names
def softmax(x: Any, axis: int = -1) -> Tensor:
    """Return ``e**x`` divided by its sum along an axis."""
    x = as_tensor(x)
    return _softmax(x, axis=_check.axis_of(axis, x.ndim, "softmax"))


@torch_names
def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """Return the logarithm of the softmax, without overflow."""
    x = as_tensor(x)
    return _softmax(x, axis=_check.axis_of(axis, x.ndim, "log_softmax"), log=True)


@torch_names
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return ``log(sum(e**x))`` over some axes, without overflow."""
    x = as_tensor(x)
    axes = _check.axes_of(axis, x.ndim, "logsumexp")
    top = clip(amax(x, axes, keepdims=True).detach(), -_LARGEST, _LARGEST)  # inf - inf would be NaN
    out = add(log(sum(exp(subtract(x, top)), axes, keepdims=True)), top)
    return out if keepdims else reshape(out, tuple(n for k, n in enumerate(x.shape) if k not in axes))
