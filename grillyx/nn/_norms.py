"""Layers that normalize within a sample, with torch's names, defaults and first values."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops.shape import fill


def _shape(value: Any, name: str) -> tuple[int, ...]:
    sizes = (value,) if hasattr(value, "__index__") else tuple(value)
    return tuple(_count(n, name, "each of normalized_shape") for n in sizes)


class LayerNorm(Module):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over the last axes.

    Args:
        normalized_shape: the last axes of the input, or one number for the last.
        eps: is added to the variance.
        elementwise_affine: whether there are weight and bias.
        bias: whether there is a bias beside the weight.

    Attributes:
        weight: of `normalized_shape`, first 1; or None.
        bias: of `normalized_shape`, first 0; or None.

    Shape: ``(*, normalized_shape)`` → the same.
    """

    per_sample = True

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        self.normalized_shape = _shape(normalized_shape, "LayerNorm")
        self.eps, self.elementwise_affine = _check.number(eps, "LayerNorm", "eps"), bool(elementwise_affine)
        self.weight = Parameter(fill(self.normalized_shape, 1.0)) if elementwise_affine else None
        self.bias = Parameter(fill(self.normalized_shape, 0.0)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Tensor:
        """``(*, normalized_shape)`` → the same."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(Module):
    """``x / sqrt(mean(x**2) + eps) * weight``, the mean over the last axes.

    Args:
        normalized_shape: the last axes of the input, or one number for the last.
        eps: is added to the mean; by default float32's spacing at 1, 1.2e-7.
        elementwise_affine: whether there is a weight.

    Attributes:
        weight: of `normalized_shape`, first 1; or None.

    Shape: ``(*, normalized_shape)`` → the same.
    """

    per_sample = True

    def __init__(self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True) -> None:
        self.normalized_shape = _shape(normalized_shape, "RMSNorm")
        self.eps = None if eps is None else _check.number(eps, "RMSNorm", "eps")
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = Parameter(fill(self.normalized_shape, 1.0)) if elementwise_affine else None

    def forward(self, x: Any) -> Tensor:
        """``(*, normalized_shape)`` → the same."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over groups of channels of a sample.

    Args:
        num_groups: divides `num_channels`.
        num_channels: C.
        eps: is added to the variance.
        affine: whether there are weight and bias.

    Attributes:
        weight: (C,), first 1; or None.
        bias: (C,), first 0; or None.

    Shape: (N, C, *) → the same.

    Raises:
        ValueError: the channels cannot be divided so.
    """

    per_sample = True

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        self.num_groups = _count(num_groups, "GroupNorm", "num_groups")
        self.num_channels = _count(num_channels, "GroupNorm", "num_channels")
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"GroupNorm: num_channels must be divisible by num_groups, got {num_channels} and {num_groups}."
            )
        self.eps, self.affine = _check.number(eps, "GroupNorm", "eps"), bool(affine)
        self.weight = Parameter(fill((self.num_channels,), 1.0)) if affine else None
        self.bias = Parameter(fill((self.num_channels,), 0.0)) if affine else None

    def forward(self, x: Any) -> Tensor:
        """(N, C, *) → the same."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
