"""Convolutions, with torch's names, defaults and first values."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops import random


def _sizes(value: Any, axes: int, name: str, what: str, least: int = 1) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(values) != axes or any(not hasattr(n, "__index__") or isinstance(n, bool) or int(n) < least for n in values):
        raise ValueError(f"{name}: {what} is one integer or {axes}, of at least {least}, got {value!r}.")
    return tuple(int(n) for n in values)


class _Convolution(Module):
    per_sample = True
    _axes = 2

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, groups: int,
        bias: bool, padding_mode: str, lead: tuple[int, int],
    ) -> None:  # fmt: skip
        name, axes = type(self).__name__, self._axes
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', got {padding_mode!r}. Pad the input before.")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _sizes(kernel_size, axes, name, "kernel_size")
        self.stride, self.dilation = _sizes(stride, axes, name, "stride"), _sizes(dilation, axes, name, "dilation")
        if isinstance(padding, str):
            self.padding: Any = _check.one_of(padding, ("valid", "same"), name, "padding")
            if padding == "same" and set(self.stride) != {1}:
                raise ValueError(f"{name}: padding='same' needs a stride of 1, got {self.stride}.")
        else:
            self.padding = _sizes(padding, axes, name, "padding", 0)
        shape = (*lead, *self.kernel_size)
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(random.uniform(shape, -bound, bound))
        self.bias = Parameter(random.uniform((out_channels,), -bound, bound)) if bias else None

    def extra_repr(self) -> str:
        out = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        plain = (0,) * self._axes
        options = {"padding": plain, "output_padding": plain, "dilation": (1,) * self._axes, "groups": 1}
        for key, usual in options.items():
            value = getattr(self, key, usual)
            out += "" if value == usual else f", {key}={value}"
        return out + ("" if self.bias is not None else ", bias=False")


def _divided(in_channels: Any, out_channels: Any, groups: Any, name: str) -> tuple[int, int, int]:
    a, b = _count(in_channels, name, "in_channels"), _count(out_channels, name, "out_channels")
    n = _count(groups, name, "groups")
    if a % n or b % n:
        raise ValueError(f"{name}: groups must divide in_channels and out_channels, got {n} for {a} and {b}.")
    return a, b, n


class _Forward(_Convolution):
    """What `Conv2d` and `Conv1d` share."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        a, b, n = _divided(in_channels, out_channels, groups, type(self).__name__)
        super().__init__(a, b, kernel_size, stride, padding, dilation, n, bias, padding_mode, (b, a // n))


class Conv2d(_Forward):
    """Convolution of images.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: height and width of a window, or one number for both; likewise the next three.
        stride: from window to window.
        padding: zeros at each side; or ``'valid'``, none, or ``'same'``, as many as keep the size.
        dilation: from element to element of a window.
        groups: each group of output channels sees one group of input channels.
        bias: whether there is a bias.
        padding_mode: ``'zeros'``; nothing else is known.

    Attributes:
        weight: (out_channels, in_channels / groups, kernel height, kernel width), first uniform in ±1/sqrt(elements of a
            window over the channels of a group).
        bias: (out_channels,), first likewise; or None.

    Shape: (N, C, H, W) or (C, H, W) → the same with ``floor((H + 2 padding - dilation (kernel - 1) - 1) / stride + 1)``. For
    (T, N, C, H, W) wrap it in `SeqToANNContainer`.
    """

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, out_channels, H', W')."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Forward):
    """Convolution along one axis; the arguments are those of `Conv2d`.

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size), first uniform as that of `Conv2d`.
        bias: (out_channels,), first likewise; or None.

    Shape: (N, C, L) or (C, L) → the same with ``floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)``.
    """

    _axes = 1

    def forward(self, x: Any) -> Tensor:
        """(N, C, L) → (N, out_channels, L')."""
        return F.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """What a `Conv2d` with the same arguments passes back to its input, as a layer: it makes images larger.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: height and width of a window, or one number for both; likewise the others.
        stride: from window to window of the output.
        padding: rows and columns that are cut from each side of the output.
        output_padding: rows and columns that the output has more, below and to the right.
        groups: each group of output channels sees one group of input channels.
        bias: whether there is a bias.
        dilation: from element to element of a window.
        padding_mode: ``'zeros'``; nothing else is known.

    Attributes:
        weight: (in_channels, out_channels / groups, kernel height, kernel width), first uniform in ±1/sqrt(out_channels /
            groups times the elements of a window).
        bias: (out_channels,), first likewise; or None.

    Shape: (N, C, H, W) or (C, H, W) → the same with ``(H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        name = type(self).__name__
        a, b, n = _divided(in_channels, out_channels, groups, name)
        self.output_padding = _sizes(output_padding, 2, name, "output_padding", 0)
        padding = _sizes(padding, 2, name, "padding", 0)
        super().__init__(a, b, kernel_size, stride, padding, dilation, n, bias, padding_mode, (a, b // n))

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, out_channels, H', W')."""
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
