"""Convolution, with torch's names and defaults."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._pool import _pair
from grillyx.ops import LONGEST_LOOP
from grillyx.ops import conv as ops

_conv = differentiable(ops.conv)
_conv_transpose = differentiable(ops.conv_transpose)


def _tuple(value: Any, axes: int, name: str, what: str, least: int) -> tuple[int, int]:
    """Return height and width; along one axis, the height is neutral."""
    if axes == 2:
        return _pair(value, name, what, least)
    one = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
    if not hasattr(one, "__index__") or int(one) < least:
        raise ValueError(f"{name}: {what} is an integer of at least {least}, got {value!r}.")
    return (1 if least else 0), int(one)


def _input(x: Any, axes: int, name: str) -> Tensor:
    x = as_tensor(x)
    letters = "H, W" if axes == 2 else "L"
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: expected an input (N, C, {letters}) or (C, {letters}), got shape {x.shape}. For (T, N, C, {letters}) "
            "wrap the layer in SeqToANNContainer or MultiStepContainer."
        )
    lead = x.shape[:-axes] if x.ndim == axes + 2 else (1, x.shape[0])
    return x.reshape(*lead, *((1,) if axes == 1 else ()), *x.shape[x.ndim - axes :])


def _weights(weight: Any, bias: Any, channels: Any, axes: int, name: str) -> tuple[Tensor, Tensor | None]:
    weight = as_tensor(weight).astype(np.float32)
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise ValueError(f"{name}: expected a weight of {axes + 2} axes, none of them empty, got shape {weight.shape}.")
    if int(np.prod(weight.shape[2:])) > LONGEST_LOOP:
        raise ValueError(
            f"{name}: the kernel is too large, got {weight.shape[2:]}; expected at most {LONGEST_LOOP:,} elements."
        )
    bias = None if bias is None else as_tensor(bias).astype(np.float32)
    wanted = (channels(weight),)
    if bias is not None and bias.shape != wanted:
        raise ValueError(f"{name}: the bias has the wrong shape, got {bias.shape}; expected {wanted}.")
    return (weight if axes == 2 else weight.reshape(*weight.shape[:2], 1, weight.shape[2])), bias


def _groups(groups: Any, name: str) -> int:
    if not hasattr(groups, "__index__") or isinstance(groups, bool) or int(groups) < 1:
        raise ValueError(f"{name}: groups is a positive integer, got {groups!r}.")
    return int(groups)


def _padding(padding: Any, axes: int, name: str, stride: tuple[int, int], spans: list[int]) -> list[tuple[int, int]]:
    """Return what is added before and in all, for each axis."""
    if isinstance(padding, str):
        _check.one_of(padding, ("valid", "same"), name, "padding")
        if padding == "valid":
            return [(0, 0), (0, 0)]
        if stride != (1, 1):
            raise ValueError(f"{name}: padding='same' needs a stride of 1, got {stride[2 - axes :]}.")
        return [(span // 2, span) for span in spans]
    return [(n, 2 * n) for n in _tuple(padding, axes, name, "padding", 0)]


def windows_of(x: Tensor, w: Tensor, stride: Any, padding: Any, dilation: Any, groups: Any, axes: int) -> ops.Windows:
    """Return where the windows of a convolution of x (N, C, H, W) lie."""
    name = f"conv{axes}d"
    step, spread = _tuple(stride, axes, name, "stride", 1), _tuple(dilation, axes, name, "dilation", 1)
    count = _groups(groups, name)
    if w.shape[0] % count or x.shape[1] != w.shape[1] * count:
        raise ValueError(
            f"{name}: the channels do not fit, got an input of {x.shape[1]} channels, a weight of shape {w.shape} and "
            f"{count} groups; expected {w.shape[1] * count} channels, and outputs that the groups divide."
        )
    spans = [d * (k - 1) for d, k in zip(spread, w.shape[2:], strict=True)]
    borders = _padding(padding, axes, name, step, spans)
    out = [
        (n + both - span - 1) // s + 1 for n, (_, both), span, s in zip(x.shape[2:], borders, spans, step, strict=True)
    ]
    if min(out) < 1 or 0 in x.shape[2:]:
        raise ValueError(
            f"{name}: a window of {tuple(s + 1 for s in spans)[2 - axes :]} does not fit into an input of shape "
            f"{x.shape[-axes:]} with padding {padding!r}."
        )
    return ops.Windows(
        x.shape[1], count, (x.shape[2], x.shape[3]), (out[0], out[1]), (w.shape[2], w.shape[3]), step,
        (borders[0][0], borders[1][0]), spread,
    )  # fmt: skip


def _convolve(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, axes: int
) -> Tensor:
    name = f"conv{axes}d"
    x, unbatched = _input(x, axes, name), as_tensor(x).ndim == axes + 1
    w, b = _weights(weight, bias, lambda v: v.shape[0], axes, name)
    y = _conv(x, w, b, windows=windows_of(x, w, stride, padding, dilation, groups, axes))
    return y.reshape(*(() if unbatched else y.shape[:1]), y.shape[1], *y.shape[4 - axes :])


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Return the convolution of x (N, C, H, W), or (C, H, W), as torch defines it: the kernel is not flipped.

    Args:
        x: (N, C, H, W) or (C, H, W).
        weight: (out_channels, C / groups, kernel height, kernel width).
        bias: (out_channels,), or None.
        stride: from window to window; one number, or two for rows and columns.
        padding: zeros at each side; or ``'valid'``, none, or ``'same'``, as many as keep the size.
        dilation: from element to element of a window.
        groups: each group of output channels sees one group of input channels.

    Raises:
        ValueError: shapes or options do not fit together.
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups, 2)


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Return the convolution of x (N, C, L), or (C, L), with weight (out_channels, C / groups, kernel); see `conv2d`."""
    return _convolve(x, weight, bias, stride, padding, dilation, groups, 1)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Return what `conv2d` would pass back to its input from the gradient x, plus a bias.

    Args:
        x: (N, C, H, W) or (C, H, W).
        weight: (C, out_channels / groups, kernel height, kernel width).
        bias: (out_channels,), or None.
        stride: from window to window of the output; one number, or two for rows and columns.
        padding: rows and columns that are cut from each side of the output.
        output_padding: rows and columns that the output has more, below and to the right.
        groups: each group of output channels sees one group of input channels.
        dilation: from element to element of a window.

    Raises:
        ValueError: shapes or options do not fit together.
    """
    name = "conv_transpose2d"
    x, unbatched = _input(x, 2, name), as_tensor(x).ndim == 3
    count = _groups(groups, name)
    w, b = _weights(weight, bias, lambda v: v.shape[1] * count, 2, name)
    step, spread = _pair(stride, name, "stride", 1), _pair(dilation, name, "dilation", 1)
    border, more = _pair(padding, name, "padding", 0), _pair(output_padding, name, "output_padding", 0)
    if x.shape[1] != w.shape[0] or w.shape[0] % count:
        raise ValueError(
            f"{name}: the channels do not fit, got an input of {x.shape[1]} channels, a weight of shape {w.shape} and "
            f"{count} groups; expected {w.shape[0]} channels, which the groups divide."
        )
    if any(m >= max(s, d) for m, s, d in zip(more, step, spread, strict=True)):
        raise ValueError(f"{name}: output_padding is less than stride or dilation, got {output_padding!r}.")
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(x.shape[2:], step, border, spread, w.shape[2:], more, strict=True)
    ]
    if min(size) < 1 or 0 in x.shape[2:]:
        raise ValueError(f"{name}: nothing is left of an input of shape {x.shape[2:]} with padding {padding!r}.")
    windows = ops.Windows(
        w.shape[1] * count,
        count,
        (size[0], size[1]),
        (x.shape[2], x.shape[3]),
        (w.shape[2], w.shape[3]),
        step,
        border,
        spread,
    )
    y = _conv_transpose(x, w, b, windows=windows)
    return y.reshape(*y.shape[1:]) if unbatched else y
