"""Shapes, indexing, joining."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.autograd._names import torch_names
from grillyx.engine.array import BOOL
from grillyx.functional import _check
from grillyx.functional._elementwise import astype
from grillyx.ops import index as index_ops
from grillyx.ops import reduce as reduce_ops
from grillyx.ops import rows as row_ops
from grillyx.ops import shape as shape_ops

_reshape = differentiable(shape_ops.reshape)
_permute = differentiable(shape_ops.permute)
_expand = differentiable(reduce_ops.expand)
_unstack = differentiable(row_ops.unstack)
_slices = differentiable(shape_ops.slices)
_concatenate = differentiable(shape_ops.concatenate)
_take = differentiable(index_ops.take)
_gather = differentiable(index_ops.gather)
_one_hot = differentiable(index_ops.one_hot)


def reshape(x: Any, shape: Any) -> Tensor:
    """Return the same values under another shape; one -1 stands for what is left."""
    x, wanted = as_tensor(x), list(_check.shape_of(shape))
    if wanted.count(-1) == 1 and all(n >= 0 for n in wanted if n != -1):
        known = math.prod(n for n in wanted if n != -1)
        if known and x.size % known == 0:
            wanted[wanted.index(-1)] = x.size // known
    if any(n < 0 for n in wanted) or math.prod(wanted) != x.size:
        raise ValueError(
            f"reshape: {x.size} elements of shape {x.shape} do not fit, got {tuple(_check.shape_of(shape))}."
        )
    return _reshape(x, shape=tuple(wanted))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the axes from `start_dim` to `end_dim`."""
    x = as_tensor(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    a, b = _check.axis_of(start_dim, x.ndim, "flatten"), _check.axis_of(end_dim, x.ndim, "flatten")
    if a > b:
        raise ValueError(f"flatten: start_dim comes after end_dim, got {start_dim} and {end_dim}.")
    return _reshape(x, shape=(*x.shape[:a], math.prod(x.shape[a : b + 1]), *x.shape[b + 1 :]))


def transpose(x: Any, *axes: Any) -> Tensor:
    """Return the axes in another order: ``transpose(x, 1, 0)`` or ``transpose(x, (1, 0))``; without axes reversed."""
    x = as_tensor(x)
    order = axes[0] if len(axes) == 1 and not hasattr(axes[0], "__index__") else axes
    if order is None or len(order) == 0:
        order = tuple(range(x.ndim))[::-1]
    order = _check.axes_of(order, x.ndim, "transpose")
    if len(order) != x.ndim:
        raise ValueError(f"transpose: each axis once, got {order} for shape {x.shape}.")
    return _permute(x, order=order)


def swapaxes(x: Any, a: int, b: int) -> Tensor:
    """Exchange two axes."""
    x = as_tensor(x)
    order = list(range(x.ndim))
    i, j = _check.axis_of(a, x.ndim, "swapaxes"), _check.axis_of(b, x.ndim, "swapaxes")
    order[i], order[j] = order[j], order[i]
    return _permute(x, order=tuple(order))


@torch_names
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Drop axes of length 1: all, or those named."""
    x = as_tensor(x)
    axes = [k for k, n in enumerate(x.shape) if n == 1] if axis is None else _check.axes_of(axis, x.ndim, "squeeze")
    if any(x.shape[k] != 1 for k in axes):
        raise ValueError(f"squeeze: only axes of length 1 can go, got axes {tuple(axes)} of shape {x.shape}.")
    return _reshape(x, shape=tuple(n for k, n in enumerate(x.shape) if k not in axes))


@torch_names
def expand_dims(x: Any, axis: int) -> Tensor:
    """Insert an axis of length 1."""
    x = as_tensor(x)
    k = _check.axis_of(axis, x.ndim + 1, "expand_dims")
    return _reshape(x, shape=(*x.shape[:k], 1, *x.shape[k:]))


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Repeat along axes of length 1 and new leading axes."""
    x, target = as_tensor(x), _check.shape_of(shape)
    if _check.broadcast("broadcast_to", x.shape, target) != target:
        raise ValueError(f"broadcast_to: shape {x.shape} does not fit into {target}.")
    return _expand(x, shape=target)


@torch_names
def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors along an axis that they have."""
    parts = [as_tensor(t) for t in tensors]
    if not parts:
        raise ValueError("concatenate: needs at least one tensor.")
    k = _check.axis_of(axis, parts[0].ndim, "concatenate")
    for t in parts:
        if t.ndim != parts[0].ndim or any(
            a != b for d, (a, b) in enumerate(zip(t.shape, parts[0].shape, strict=True)) if d != k
        ):
            raise ValueError(
                f"concatenate: shapes must agree but for axis {axis}, got {' and '.join(str(p.shape) for p in parts)}."
            )
    if len({t.dtype for t in parts}) > 1:
        wanted = np.float32 if any(t.dtype.kind == "f" for t in parts) else np.int32
        parts = [astype(t, wanted) for t in parts]
    return _concatenate(*parts, axis=k)


cat = concatenate


@torch_names
def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""
    parts = [as_tensor(t) for t in tensors]
    if not parts or any(t.shape != parts[0].shape for t in parts):
        raise ValueError(f"stack: needs tensors of one shape, got {', '.join(str(t.shape) for t in parts) or 'none'}.")
    return concatenate([expand_dims(t, axis) for t in parts], axis)


@torch_names
def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """Return ``x[0], x[1], ...`` along an axis, with the gradient of all of them in one piece.

    A loop over time costs less over this than over ``x``.
    """
    x = as_tensor(x)
    k = _check.axis_of(axis, x.ndim, "unstack")
    if k:
        x = transpose(x, k, *(d for d in range(x.ndim) if d != k))
    return _unstack(x) if x.shape[0] else ()


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return x at integer indices along an axis (all axes joined by default); negative ones count from the end."""
    x = as_tensor(x)
    if axis is None:
        x, axis = flatten(x), 0
    k = _check.axis_of(axis, x.ndim, "take")
    index = _check.integers(indices, -x.shape[k], x.shape[k], "take", "indices")
    return _take(x, index, axis=k)


@torch_names
def gather(x: Any, axis: int, index: Any) -> Tensor:
    """Return ``x[..., index[..., k, ...], ...]``, an index for each element; `index` has x's shape but along `axis`."""
    x = as_tensor(x)
    k = _check.axis_of(axis, x.ndim, "gather")
    index = _check.integers(index, -x.shape[k], x.shape[k], "gather", "indices")
    if index.ndim != x.ndim or any(a != b for d, (a, b) in enumerate(zip(index.shape, x.shape, strict=True)) if d != k):
        raise ValueError(
            f"gather: the index must have x's shape but along axis {axis}, got {index.shape} and {x.shape}."
        )
    return _gather(x, index, axis=k)


def one_hot(index: Any, num_classes: int = -1) -> Tensor:
    """Return 1 at each index along a new last axis, else 0, as float32; -1 classes: one more than the largest index."""
    if num_classes < 0:
        t = _check.integers(index, 0, 2**31, "one_hot", "indices")
        known = _check.bounds_of(t)
        num_classes = known[1] + 1 if known else 0
    return _one_hot(_check.integers(index, 0, num_classes, "one_hot", "indices"), classes=int(num_classes))


def getitem(x: Any, key: Any) -> Tensor:
    """Return ``x[key]``: integers, slices, None, ``...``, one array of integers, or one mask of booleans."""
    x = as_tensor(x)
    keys = [_plain(k) for k in (key if isinstance(key, tuple) else (key,))]
    apart = _stand_apart(keys)
    used = sum(1 if not _is_mask(k) else np.ndim(k) for k in keys if k is not None and k is not Ellipsis)
    if used > x.ndim:
        raise IndexError(f"Tensor: too many indices, got {used} for shape {x.shape}.")
    if sum(k is Ellipsis for k in keys) > 1:
        raise IndexError("Tensor: only one ... in an index.")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    starts, steps, lengths, shape, picks = [], [], [], [], []
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(k, slice):
            first, last, step = k.indices(n)
            starts.append(first)
            steps.append(step)
            lengths.append(len(range(first, last, step)))
            shape.append(lengths[-1])
        elif isinstance(k, (np.ndarray, Tensor)) and k.ndim > 0:
            picks.append((len(shape), k))
            axis += np.ndim(k) - 1 if _is_mask(k) else 0
            for m in x.shape[len(starts) : axis + 1]:
                starts.append(0)
                steps.append(1)
                lengths.append(m)
                shape.append(m)
        else:
            number = _index(k)
            if not -n <= number < n:
                raise IndexError(f"Tensor: index out of range, got {number} for axis {axis} of shape {x.shape}.")
            starts.append(number % n)
            steps.append(1)
            lengths.append(1)
        axis += 1
    if len(picks) > 1:
        raise NotImplementedError(
            "Tensor: only one array in an index; use grillyx.functional.gather, or take in two steps."
        )
    if lengths != list(x.shape) or any(s != 1 for s in steps):
        x = _slices(x, starts=starts, steps=steps, shape=tuple(lengths))
    x = _reshape(x, shape=tuple(shape)) if tuple(shape) != x.shape else x
    return _picked(x, *picks[0], apart) if picks else x


def _plain(k: Any) -> Any:
    if isinstance(k, Tensor) and k.dtype == BOOL:
        return k.numpy()
    if isinstance(k, list):
        array = np.asarray(k)
        return array if array.size else array.astype(np.int32)
    return k


def _stand_apart(keys: Sequence[Any]) -> bool:
    """Tell whether integers stand apart from an array: NumPy then puts the axes of the array in front."""
    at = [i for i, k in enumerate(keys) if not (k is None or k is Ellipsis or isinstance(k, slice))]
    return bool(at) and at[-1] - at[0] >= len(at)


def _is_mask(k: Any) -> bool:
    return isinstance(k, np.ndarray) and k.dtype == np.bool_ and k.ndim > 0


def _index(k: Any) -> int:
    try:
        if not isinstance(k, (bool, np.bool_)):
            return int(k.__index__())
        raise TypeError
    except (AttributeError, TypeError):
        raise IndexError(f"Tensor: an index is an integer, a slice, None, ... or an array, got {k!r}.") from None


def _picked(x: Tensor, place: int, k: Any, in_front: bool) -> Tensor:
    if _is_mask(k):
        covered = x.shape[place : place + k.ndim]
        if k.shape != covered:
            raise IndexError(
                f"Tensor: a mask must have the shape of the axes that it covers, got {k.shape} for {covered}."
            )
        x = _reshape(x, shape=(*x.shape[:place], k.size, *x.shape[place + k.ndim :]))
        k = np.flatnonzero(k)
    y = take(x, k, place)
    if not in_front or place == 0:
        return y
    order = [*range(place, place + k.ndim), *range(place), *range(place + k.ndim, y.ndim)]
    return _permute(y, order=order)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Return ones of x's shape."""
    return full_like(x, 1.0, dtype)


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Return zeros of x's shape."""
    return full_like(x, 0.0, dtype)


def full_like(x: Any, fill_value: float, dtype: Any = None) -> Tensor:
    """Return one value in x's shape."""
    x = as_tensor(x)
    return Tensor(
        shape_ops.fill(x.shape, fill_value, x.dtype if dtype is None else _check.dtype_of(dtype, "full_like"))
    )
