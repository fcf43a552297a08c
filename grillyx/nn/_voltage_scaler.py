"""`VoltageScaler`: the factors around a converted neuron."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.nn._module import Buffer, Module


class VoltageScaler(Module):
    """Multiplies by a fixed factor, one for all or one for each channel.

    Args:
        scale: the factor, a number or (C,).
        axis: where the channels of the input are, if there are several factors.

    Attributes:
        scale: a buffer of shape () or (C,); saved with the module, and not trained.

    Shape: * → *.

    Raises:
        ValueError: NaN, infinity, more than one axis; in a call, another number of channels.
    """

    per_sample = True

    def __init__(self, scale: Any = 1.0, axis: int = 1) -> None:
        values = np.asarray(to_numpy(scale), np.float32)
        if values.ndim > 1 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError(f"VoltageScaler: scale is a finite number or one for each channel, got {scale!r}.")
        self.scale, self.axis = Buffer(values), axis

    def forward(self, x: Any) -> Tensor:
        """* → *."""
        x = as_tensor(x)
        if self.scale.ndim == 0:
            return x * self.scale
        axis = self.axis % x.ndim if -x.ndim <= self.axis < x.ndim else None
        if axis is None or x.shape[axis] != self.scale.size:
            raise ValueError(
                f"VoltageScaler: the channels do not fit, got shape {x.shape}; expected {self.scale.size} along axis "
                f"{self.axis}."
            )
        return x * self.scale.reshape(-1, *(1,) * (x.ndim - 1 - axis))

    def extra_repr(self) -> str:
        return f"scale={float(self.scale):.6g}" if self.scale.ndim == 0 else f"scale=({self.scale.size},)"
