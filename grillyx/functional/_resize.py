"""Images of another size, with torch's names and defaults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.functional._elementwise import add, multiply
from grillyx.functional._pool import _pair, avg_pool2d
from grillyx.functional._reduce import sum as total
from grillyx.functional._shape import take


def _image(x: Any, name: str, axes: tuple[int, ...]) -> Tensor:
    x = as_tensor(x)
    if x.ndim not in axes or 0 in x.shape[-2:]:
        forms = " or ".join("(N, C, H, W)" if n == 4 else "(C, H, W)" for n in sorted(axes, reverse=True))
        raise ValueError(
            f"{name}: expected an input {forms}, got shape {x.shape}. For (T, N, C, H, W) wrap the layer in "
            "SeqToANNContainer or MultiStepContainer."
        )
    return x


def _along(x: Tensor, index: np.ndarray, factor: np.ndarray, axis: int) -> Tensor:
    """Return x at some indices of one of the last two axes, times a factor for each."""
    picked = take(x, index.astype(np.int32), axis)
    full = factor.reshape(-1, 1) if axis == -2 else factor
    return multiply(picked, np.broadcast_to(full, picked.shape[-2:]).astype(np.float32))


def _averaged(x: Tensor, size: int, axis: int) -> Tensor:
    n = x.shape[axis]
    starts = np.arange(size) * n // size
    counts = -(-(np.arange(1, size + 1) * n) // size) - starts
    width = int(counts.max())
    # all windows get the width of the largest; the last element of a shorter one is taken several times, as a part each
    step = np.arange(width)
    last = (counts - 1)[:, None]
    index = starts[:, None] + np.minimum(step, last)
    factor = np.where(step < last, 1.0, 1.0 / (width - last)) / counts[:, None]
    picked = _along(x, index.reshape(-1), factor.reshape(-1), axis)
    at = x.ndim + axis
    return total(picked.reshape(*x.shape[:at], size, width, *x.shape[at + 1 :]), at + 1)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    """Return the means of as many windows as the output is large; see `grillyx.nn.AdaptiveAvgPool2d`."""
    name = "adaptive_avg_pool2d"
    x = _image(x, name, (3, 4)).astype(np.float32)
    both = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    wanted = tuple(n if v is None else v for v, n in zip(both, x.shape[-2:], strict=False))
    size = _pair(wanted if len(both) == 2 else both, name, "output_size", 1)
    windows = [n // s for n, s in zip(x.shape[-2:], size, strict=True)]
    if all(n % s == 0 for n, s in zip(x.shape[-2:], size, strict=True)):
        return (
            total(x, (-2, -1), keepdims=True) / math.prod(windows) if size == (1, 1) else avg_pool2d(x, tuple(windows))
        )
    for axis in (-2, -1):
        if x.shape[axis] != size[axis]:
            x = _averaged(x, size[axis], axis)
    return x


def _positions(n: int, size: int, scale: float, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return which elements lie before the new ones, and how far behind them the new ones lie."""
    k = np.arange(size)
    if align_corners:
        at = k * ((n - 1) / (size - 1) if size > 1 else 0.0)
    else:
        at = np.maximum((k + 0.5) * scale - 0.5, 0.0)
    before = np.minimum(at.astype(np.int64), n - 1)
    return before, np.clip(at - before, 0.0, 1.0)


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """Return images (N, C, H, W) of another size.

    Args:
        x: (N, C, H, W).
        size: height and width, or one number for both.
        scale_factor: or by how much they grow; the new size is rounded down.
        mode: ``'nearest'``, or ``'bilinear'``.
        align_corners: with ``'bilinear'``, whether the outermost values stay where they are, at the corners.

    Raises:
        ValueError: both or none of `size` and `scale_factor`, or values that mean nothing.
    """
    x = _image(x, "interpolate", (4,)).astype(np.float32)
    _check.one_of(mode, ("nearest", "bilinear"), "interpolate", "mode")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: got both or none of size and scale_factor; expected one of them.")
    if mode == "nearest" and align_corners is not None:
        raise ValueError("interpolate: align_corners goes with mode='bilinear' only.")
    before = x.shape[-2:]
    if size is not None:
        new = _pair(size, "interpolate", "size", 1)
        scales = [n / s for n, s in zip(before, new, strict=True)]
    else:
        both = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        factors = [_check.number(f, "interpolate", "scale_factor") for f in both]
        if len(factors) != 2 or min(factors) <= 0.0:
            raise ValueError(f"interpolate: scale_factor is one or two positive numbers, got {scale_factor!r}.")
        new = (int(before[0] * factors[0]), int(before[1] * factors[1]))
        if min(new) < 1:
            raise ValueError(f"interpolate: nothing is left of {before} with scale_factor {scale_factor!r}.")
        scales = [1.0 / f for f in factors]
    for axis, n, s, scale in zip((-2, -1), before, new, scales, strict=True):
        if mode == "nearest":
            index = np.minimum((np.arange(s, dtype=np.float32) * np.float32(scale)).astype(np.int32), n - 1)
            x = take(x, index, axis)
        elif n != s or scale != 1.0:
            first, part = _positions(n, s, scale, bool(align_corners))
            x = add(_along(x, first, 1.0 - part, axis), _along(x, np.minimum(first + 1, n - 1), part, axis))
    return x
