"""Checks of arguments, before anything is dispatched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.array import BOOL, FLOAT, INT, UINT


def axis_of(axis: Any, ndim: int, name: str) -> int:
    """Return an axis counted from 0."""
    try:
        number = axis.__index__()
    except AttributeError:
        raise TypeError(f"{name}: an axis is an integer, got {axis!r}.") from None
    if not -ndim <= number < ndim:
        raise ValueError(f"{name}: axis out of range, got {number}; expected -{ndim} to {ndim - 1} for {ndim} axes.")
    return number % ndim


def axes_of(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Return axes counted from 0; None means all."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, Iterable):
        return (axis_of(axis, ndim, name),)
    out = tuple(axis_of(a, ndim, name) for a in axis)
    if len(set(out)) != len(out):
        raise ValueError(f"{name}: an axis is named twice, got {tuple(axis)}.")
    return out


def shape_of(shape: Any) -> tuple[int, ...]:
    """Return a shape given as a number or a sequence of numbers."""
    return (shape.__index__(),) if hasattr(shape, "__index__") else tuple(int(n.__index__()) for n in shape)


def dtype_of(dtype: Any, name: str) -> np.dtype:
    """Return the dtype on the device for one of NumPy's."""
    kind = np.dtype(dtype)
    wanted = {"f": FLOAT, "b": BOOL, "i": INT, "u": UINT}.get(kind.kind)
    if wanted is None or (kind.kind != "b" and kind.itemsize < 4):
        raise TypeError(f"{name}: no such dtype on the device, got {kind}; expected float32, int32, uint32 or bool.")
    return wanted


def broadcast(name: str, *shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the common shape, or say which shapes do not fit."""
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        raise ValueError(f"{name}: the shapes do not fit together, got {' and '.join(map(str, shapes))}.") from None


def bounds_of(t: Tensor) -> tuple[int, int] | None:
    """Return the smallest and the largest value, if they are known and the values are still the same."""
    known = t._bounds
    return known[1:] if known is not None and known[0] == t.array.storage.version else None


def integers(data: Any, low: int, high: int, name: str, what: str) -> Tensor:
    """Return an int32 tensor whose values lie in [low, high); labels and indices.

    The range of what came from the host is known; what was computed on the device is read back once to check it.
    """
    t = as_tensor(data)
    if t.dtype.kind not in "iu":
        raise TypeError(f"{name}: {what} must be integers, got {t.dtype}. Use .astype(np.int32).")
    if t.size == 0:
        return t
    known = bounds_of(t)
    if known is None:
        values = t.numpy()
        known = (int(values.min()), int(values.max()))
        t._bounds = (t.array.storage.version, *known)
    smallest, largest = known
    if smallest < low or largest >= high:
        raise ValueError(
            f"{name}: {what} out of range, got values from {smallest} to {largest}; expected {low} to {high - 1}."
        )
    return t


def number(value: Any, name: str, what: str) -> float:
    """Return a finite Python float."""
    try:
        out = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {what} must be a number, got {value!r}.") from None
    if not math.isfinite(out):
        raise ValueError(f"{name}: {what} must be finite, got {value!r}.")
    return out


def one_of(value: Any, allowed: Sequence[str], name: str, what: str) -> str:
    """Return `value` if it is one of the words allowed."""
    if value not in allowed:
        raise ValueError(f"{name}: unknown {what}, got {value!r}; expected one of {', '.join(map(repr, allowed))}.")
    return str(value)
