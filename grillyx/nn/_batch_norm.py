"""Normalisation, with torch's names, defaults and state."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.nn._layers import _count
from grillyx.nn._module import Buffer, Module, Parameter


class _BatchNorm(Module):
    _axes: tuple[int, ...] = ()
    _form = ""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        self.num_features = n = _count(num_features, type(self).__name__, "num_features")
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        self.weight = Parameter(np.ones(n)) if affine else None
        self.bias = Parameter(np.zeros(n)) if affine else None
        self.running_mean = Buffer(np.zeros(n)) if track_running_stats else None
        self.running_var = Buffer(np.ones(n)) if track_running_stats else None
        self.num_batches_tracked = Buffer(np.zeros((), np.int32)) if track_running_stats else None

    def forward(self, x: Any) -> Tensor:
        """(N, C, *) → (N, C, *)."""
        x, name = as_tensor(x), type(self).__name__
        if x.ndim not in self._axes:
            raise ValueError(
                f"{name}: expected an input {self._form}, got shape {x.shape}. For a time axis in front wrap the layer in "
                "SeqToANNContainer."
            )
        if x.shape[1] != self.num_features:
            raise ValueError(f"{name}: the channels do not fit, got shape {x.shape}; expected {self.num_features}.")
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, self.momentum, self.eps, self.num_batches_tracked,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(_BatchNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of (N, C, H, W), as in Ioffe and Szegedy, 2015.

    In training, mean and variance are those of the batch, and the gradient goes through them; in `eval`, they are the
    running ones. In `SeqToANNContainer` all time steps are one batch.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far running statistics move towards those of a batch; None makes them averages over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; without them, those of the batch are always used.

    Attributes:
        weight, bias: (C,), first 1 and 0; or None.
        running_mean, running_var: (C,), buffers, first 0 and 1; or None.
        num_batches_tracked: one int32, a buffer; or None.

    Shape: (N, C, H, W) → (N, C, H, W).
    """

    _axes, _form = (4,), "(N, C, H, W)"


class BatchNorm1d(_BatchNorm):
    """As `BatchNorm2d`, for (N, C) or (N, C, L)."""

    _axes, _form = (2, 3), "(N, C) or (N, C, L)"
