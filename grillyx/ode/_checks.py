"""What is checked before a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from grillyx.autograd import Tensor, to_numpy
from grillyx.functional import _check
from grillyx.nn._memories import above

LARGEST = 1e15  # squares of sums stay far within floats
NAME = "SpikingODELayer"


class Split(NamedTuple):
    """Numbers as a tensor of floats, and what floats cannot hold of them."""

    high: Tensor
    low: Tensor | None

    def reshaped(self, shape: tuple[int, ...]) -> Split:
        """Return them in another shape."""
        if self.high.shape == shape:
            return self
        return Split(self.high.reshape(shape), None if self.low is None else self.low.reshape(shape))


def split(values: np.ndarray) -> Split:
    """Return float64 as two floats; one where that is enough."""
    high = values.astype(np.float32)
    low = (values - high).astype(np.float32)
    return Split(Tensor(high), Tensor(low) if low.any() else None)


def numbers(data: Any, what: str) -> np.ndarray:
    """Return finite numbers as float64."""
    host = to_numpy(data)
    if host.dtype.kind not in "fiub":
        raise TypeError(f"{NAME}: {what} must be real numbers, got {host.dtype}.")
    host = host.astype(np.float64)
    wrong = ~(np.abs(host) <= LARGEST)
    if wrong.any():
        at = [int(k) for k in np.argwhere(wrong)[0]]
        raise ValueError(
            f"{NAME}: {what} must be finite and at most {LARGEST:g}, got {host[tuple(at)]} at {at}. Replace it, as with "
            "np.nan_to_num."
        )
    return host


def fits(shape: tuple[int, ...], width: int, axes: tuple[str, ...]) -> None:
    """Refuse a shape whose last axis is not `width`, or that is none of `axes`, or empty."""
    if len(shape) not in [len(a.split(",")) - a.count(",)") for a in axes] or shape[-1] != width:
        raise ValueError(
            f"{NAME}: the input has a wrong shape, got {shape}; expected {' or '.join(axes)}, n_inputs = {width}."
        )
    if 0 in shape:
        raise ValueError(f"{NAME}: the input is empty, got shape {shape}; expected at least one interval and sample.")


def inputs(data: Any, width: int, axes: tuple[str, ...], known: Split | None) -> tuple[tuple[int, ...], Split]:
    """Return the shape of the inputs, and them.

    Args:
        data: a tensor stays as it is, on the device and with its history; its values are looked into as well.
        width: numbers in the last axis.
        axes: the shapes that are right, in words.
        known: numbers that were looked into before; `data` may be the high part of them.
    """
    seen = known is not None and isinstance(data, Tensor) and data.array.storage is known.high.array.storage
    values = data if seen else numbers(data, "the input")
    shape = tuple(values.shape)
    fits(shape, width, axes)
    if isinstance(data, Tensor):
        return shape, Split(data.astype(np.float32), known.low if known is not None and seen else None)
    return shape, split(values)


def interval(value: Any) -> float:
    """Return the length of an interval."""
    out = _check.number(value, NAME, "interval")
    if out < 0.0:
        raise ValueError(f"{NAME}: interval must not be negative, got {value}.")
    if out > LARGEST:
        raise ValueError(f"{NAME}: interval is too long, got {value}; expected at most {LARGEST:g}.")
    return out


def size(value: Any, what: str) -> int:
    """Return a positive whole number."""
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{NAME}: {what} is a positive integer, got {value!r}.")
    return int(value)


def steps(dt_init: Any, dt_min: Any, most: Any) -> tuple[float, float, int]:
    """Return the step sizes of the original and the largest number of steps."""
    first, least = above(dt_init, 0.0, NAME, "dt_init"), above(dt_min, 0.0, NAME, "dt_min")
    if least > first:
        raise ValueError(f"{NAME}: dt_min must not be above dt_init, got {dt_min} and {dt_init}.")
    return first, least, size(most, "max_steps_per_interval")


def seed(value: Any) -> int:
    """Return a seed of NumPy's RandomState."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= int(value) < 2**32:
        raise ValueError(f"{NAME}: seed is an integer from 0 to 2**32 - 1, got {value!r}.")
    return int(value)
