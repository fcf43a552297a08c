"""Pooling, with torch's names and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.ops import LONGEST_LOOP, pool

_max_pool2d = differentiable(pool.max_pool2d)
_avg_pool2d = differentiable(pool.avg_pool2d)


def _pair(value: Any, name: str, what: str, least: int) -> tuple[int, int]:
    both = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(both) != 2 or any(not hasattr(n, "__index__") or int(n) < least for n in both):
        raise ValueError(f"{name}: {what} is one or two integers of at least {least}, got {value!r}.")
    return int(both[0]), int(both[1])


def _windows(
    x: Any, name: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Tensor, dict[str, tuple[int, int]]]:
    x = as_tensor(x)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{name}: expected an input (N, C, H, W) or (C, H, W), got shape {x.shape}. For (T, N, C, H, W) wrap the "
            "layer in SeqToANNContainer or MultiStepContainer."
        )
    window = _pair(kernel_size, name, "kernel_size", 1)
    step = window if stride is None else _pair(stride, name, "stride", 1)
    if window[0] * window[1] > LONGEST_LOOP:
        raise ValueError(
            f"{name}: the window is too large, got {window}; expected at most {LONGEST_LOOP:,} elements. Pool in two "
            "steps, or reduce whole axes with mean or amax."
        )
    border, spread = _pair(padding, name, "padding", 0), _pair(dilation, name, "dilation", 1)
    if any(2 * b > w for b, w in zip(border, window, strict=True)):
        raise ValueError(f"{name}: padding is at most half the kernel_size, got {padding} for {kernel_size}.")
    out = tuple(
        pool.output_size(n, w, s, b, d, ceil_mode)
        for n, w, s, b, d in zip(x.shape[-2:], window, step, border, spread, strict=True)
    )
    if min(out) < 1:
        raise ValueError(f"{name}: a window of {window} does not fit into an input of shape {x.shape}.")
    return x, {"out": (out[0], out[1]), "window": window, "stride": step, "padding": border, "dilation": spread}


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """Return the largest value of each window of x (N, C, H, W); see `grillyx.nn.MaxPool2d`."""
    x, sizes = _windows(x, "max_pool2d", kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool2d(x, **sizes)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of each window of x (N, C, H, W); see `grillyx.nn.AvgPool2d`."""
    x, sizes = _windows(x, "avg_pool2d", kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None and divisor_override < 1:
        raise ValueError(f"avg_pool2d: divisor_override must be positive, got {divisor_override}.")
    del sizes["dilation"]
    return _avg_pool2d(x, **sizes, count_include_pad=count_include_pad, divisor=divisor_override or 0)
