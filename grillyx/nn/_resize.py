"""Layers that change the size of images, with torch's names and defaults."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._module import Module


class AdaptiveAvgPool2d(Module):
    """The means of as many windows as the output is large.

    Window k of n goes from ``floor(k H / n)`` to ``ceil((k + 1) H / n)``, so that neighbours may overlap.

    Args:
        output_size: height and width, or one number for both; None keeps that of the input.

    Shape: (N, C, H, W) or (C, H, W) → the same with `output_size`.
    """

    per_sample = True

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class Upsample(Module):
    """Images of another size.

    Args:
        size: height and width, or one number for both.
        scale_factor: or by how much they grow.
        mode: ``'nearest'``, or ``'bilinear'``.
        align_corners: with ``'bilinear'``, whether the outermost values stay where they are, at the corners.

    Shape: (N, C, H, W) → (N, C, H', W').
    """

    per_sample = True

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
    ) -> None:
        self.size, self.scale_factor, self.align_corners = size, scale_factor, align_corners
        self.mode = _check.one_of(mode, ("nearest", "bilinear"), "Upsample", "mode")

    def forward(self, x: Any) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        how = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"
