"""Layers that know nothing of time, with torch's names, defaults and first values."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.nn._module import Module, Parameter
from grillyx.ops import random
from grillyx.ops.shape import fill


def _count(value: Any, name: str, what: str) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{name}: {what} is a positive integer, got {value!r}.")
    return int(value)


class Linear(Module):
    """``y = x @ weight.T + bias``.

    Args:
        in_features: length of the last axis of the input.
        out_features: length of the last axis of the output.
        bias: whether there is a bias.
        packed: the input is spikes, and the backward pass keeps them as bits, 1/32 of the memory; see `functional.linear`.

    Attributes:
        weight: (out_features, in_features), first uniform in ±1/sqrt(in_features).
        bias: (out_features,), first likewise; or None.

    Shape: ``(*, in_features)`` → ``(*, out_features)``.
    """

    per_sample = True

    def __init__(self, in_features: int, out_features: int, bias: bool = True, packed: bool = False) -> None:
        self.in_features = _count(in_features, "Linear", "in_features")
        self.out_features = _count(out_features, "Linear", "out_features")
        self.packed = bool(packed)
        bound = 1.0 / math.sqrt(self.in_features)
        self.weight = Parameter(random.uniform((self.out_features, self.in_features), -bound, bound))
        self.bias = Parameter(random.uniform((self.out_features,), -bound, bound)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """``(*, in_features)`` → ``(*, out_features)``."""
        return F.linear(x, self.weight, self.bias, self.packed)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """Returns its input. Takes any arguments, and ignores them."""

    per_sample = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """* → *."""
        return x


class Flatten(Module):
    """Joins the axes from `start_dim` to `end_dim`.

    Args:
        start_dim: the first axis to join.
        end_dim: the last axis to join.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim
        self.per_sample = start_dim >= 1

    def forward(self, x: Any) -> Tensor:
        """(N, *) → (N, product of *) by default."""
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Dropout(Module):
    """Sets elements to 0 with chance p while training, and scales the others by 1 / (1 - p).

    In a sequence, all time steps share one mask, until `functional.reset_net`: inside `SeqToANNContainer` and
    `MultiStepContainer`, and with ``step_mode='m'`` on an input (T, N, *). Elsewhere each call draws a new mask.

    Args:
        p: chance, from 0 to 1.
        step_mode: ``'s'`` or ``'m'``.

    Raises:
        ValueError: p out of range; or, in a sequence, a batch of another shape than the mask's.
    """

    def __init__(self, p: float = 0.5, step_mode: str = "s") -> None:
        if not 0.0 <= _check.number(p, "Dropout", "p") <= 1.0:
            raise ValueError(f"Dropout: p is a probability, got {p}; expected a value from 0 to 1.")
        self.p, self.step_mode = float(p), _check.one_of(step_mode, ("s", "m"), "Dropout", "step_mode")
        self.mask: Tensor | None = None
        # set by the containers: how many time steps share the first axis, or 0 outside a sequence
        self._steps = 0

    def reset(self) -> None:
        """Forget the mask."""
        self.mask = None

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        x = as_tensor(x)
        if not self.training or self.p == 0.0:
            return x
        steps = self._steps
        if steps == 0 and self.step_mode == "m":
            return self._masked(x, x.shape[1:], x.shape)
        if steps == 0:
            return F.dropout(x, self.p)
        sample = (x.shape[0] // steps, *x.shape[1:])
        return self._masked(x, sample, (steps, *sample)).reshape(x.shape)

    def _masked(self, x: Tensor, sample: tuple[int, ...], sequence: tuple[int, ...]) -> Tensor:
        if self.mask is None:
            chance = 1.0 - self.p
            drawn = random.dropout_mask(sample, self.p) if chance else fill(sample, 0.0)
            self.mask = Tensor(drawn)
        if self.mask.shape != sample:
            raise ValueError(
                f"Dropout: the mask of the running sequence has another shape, got an input of {sample} a step; expected "
                f"{self.mask.shape}. Call functional.reset_net(model) between sequences."
            )
        return x.reshape(sequence) * self.mask

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout):
    """Sets whole channels to 0 with chance p while training, and scales the others by 1 / (1 - p).

    In a sequence, all time steps share one mask, as in `Dropout`.

    Args:
        p: chance, from 0 to 1.
        step_mode: ``'s'`` for (N, C, H, W), ``'m'`` for (T, N, C, H, W).

    Raises:
        ValueError: p out of range; an input with another number of axes; or, in a sequence, a batch of another shape.
    """

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → the same."""
        x = as_tensor(x)
        steps = self.step_mode == "m" and self._steps == 0
        if x.ndim != 4 + steps:
            raise ValueError(
                f"Dropout2d: wrong number of axes, got shape {x.shape}; expected "
                f"{'(T, N, C, H, W)' if steps else '(N, C, H, W)'}."
            )
        if not self.training or self.p == 0.0 or self._steps or steps:
            return super().forward(x)
        return x * F.dropout(F.ones_like(x[:, :, :1, :1]), self.p)

    def _masked(self, x: Tensor, sample: tuple[int, ...], sequence: tuple[int, ...]) -> Tensor:
        return super()._masked(x, (*sample[:2], 1, 1), sequence)


class MaxPool2d(Module):
    """The largest value of each window.

    Args:
        kernel_size: height and width of a window, or one number for both.
        stride: from window to window; `kernel_size` by default.
        padding: border of minus infinity, at most half the window.
        dilation: from element to element in a window.
        ceil_mode: whether a window may start inside and end outside.

    Shape: (N, C, H, W) or (C, H, W) → the same with ``floor((H + 2 padding - dilation (kernel - 1) - 1) / stride + 1)``.
    """

    per_sample = True

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window.

    Args:
        kernel_size: height and width of a window, or one number for both.
        stride: from window to window; `kernel_size` by default.
        padding: border of zeros, at most half the window.
        ceil_mode: whether a window may start inside and end outside.
        count_include_pad: whether the border counts in the mean.
        divisor_override: divide by this instead of the number of elements.

    Shape: as `MaxPool2d`.
    """

    per_sample = True

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
