"""The largest outputs of a layer over all calibration batches, exact, and the scale that follows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor


def read_mode(mode: Any) -> tuple[float | None, float]:
    """Return the quantile that a mode of the converter asks for, if it does, and the factor."""
    if isinstance(mode, str) and mode.lower() == "max":
        return None, 1.0
    try:
        if isinstance(mode, str) and mode.endswith("%") and 0.0 < float(mode[:-1]) <= 100.0:
            return float(mode[:-1]) / 100.0, 1.0
        if not isinstance(mode, (str, bool)) and 0.0 < float(mode) <= 1.0:
            return None, float(mode)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"Converter: unknown mode, got {mode!r}; expected 'max', a quantile such as '99.9%', or a number in (0, 1]."
    )


class Largest:
    """The maximum of all outputs, or of each channel's.

    Args:
        axis: of the channels; None for one maximum.
    """

    def __init__(self, axis: int | None) -> None:
        self.axis, self._found = axis, []  # type: ignore[var-annotated]

    def add(self, out: Tensor) -> None:
        """Take in a batch (N, *)."""
        self._found.append(out.max(axis=_others(out.ndim, self.axis)))

    def result(self) -> np.ndarray:
        """() or (C,)."""
        return np.maximum.reduce([m.numpy() for m in self._found]).astype(np.float64)


class Quantile:
    """The quantile of all outputs, zeros included, with linear interpolation; exact, from the largest values only.

    Args:
        q: from 0 to 1.
        axis: of the channels; None for one quantile.
        samples: N over all batches.
    """

    def __init__(self, q: float, axis: int | None, samples: int) -> None:
        self.q, self.axis, self.samples = q, axis, samples
        self._top: np.ndarray | None = None  # (C, kept), the largest so far
        self._count = self._kept = 0

    def add(self, out: Tensor) -> None:
        """Take in a batch (N, *)."""
        x = out.numpy()
        rows = x.reshape(1, -1) if self.axis is None else np.moveaxis(x, self.axis, 0).reshape(x.shape[self.axis], -1)
        if self._top is None:
            self._count = rows.shape[1] // x.shape[0] * self.samples
            self._kept = self._count - math.floor(self.q * (self._count - 1))
        elif rows.shape[0] == 1:  # most values are too small, and need no sorting
            low = self._top.min() if self._top.shape[1] >= self._kept else -math.inf
            rows = rows[rows > low][None]
        joined = rows if self._top is None else np.concatenate([self._top, rows], axis=1)
        if joined.shape[1] > self._kept:
            joined = np.partition(joined, joined.shape[1] - self._kept, axis=1)[:, -self._kept :]
        self._top = joined

    def result(self) -> np.ndarray:
        """() or (C,)."""
        assert self._top is not None
        ordered = np.sort(self._top, axis=1).astype(np.float64)
        part = self.q * (self._count - 1) - math.floor(self.q * (self._count - 1))
        low, high = ordered[:, 0], ordered[:, min(1, ordered.shape[1] - 1)]
        value = low + (high - low) * part
        return value if self.axis is not None else value[0]


def _others(ndim: int, axis: int | None) -> Any:
    return None if axis is None else tuple(k for k in range(ndim) if k != axis)


class Share:
    """How many outputs lie above the scale, and the firing rate that they tend to.

    Args:
        scale: () or (C,).
        axis: of the channels, if there are several scales.
    """

    def __init__(self, scale: np.ndarray, axis: int) -> None:
        self.scale, self.axis, self._parts = scale, axis, []  # type: ignore[var-annotated]

    def add(self, out: Tensor) -> None:
        """Take in a batch (N, *)."""
        shape = (-1, *(1,) * (out.ndim - 1 - self.axis)) if self.scale.ndim else ()
        s = Tensor(self.scale.reshape(shape).astype(np.float32))
        rate = (out / s).clip(0.0, 1.0)
        self._parts.append((out.size, (out > s * (1.0 + 1e-6)).astype(np.float32).mean(), rate.mean()))

    def result(self) -> tuple[float, float]:
        """Return (saturation, rate)."""
        total = sum(n for n, _, _ in self._parts)
        above, rate = (sum(p[0] * float(p[k]) for p in self._parts) / total for k in (1, 2))
        return above, rate
