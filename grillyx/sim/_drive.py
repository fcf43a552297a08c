"""A stimulus as rows of numbers for the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy
from grillyx.engine.array import Array, from_numpy
from grillyx.ops.network import padded


def checked(value: Any, neurons: int | None, who: str) -> Any:
    """Return what a function gave for a step, float32 or a tensor: (N,), or one number for all.

    Raises:
        TypeError: it is no number and no array of numbers.
        ValueError: another shape, NaN or infinite numbers. Tensors stay on the device, and are not looked into.
    """
    out = value if isinstance(value, Tensor) else to_numpy(value)
    if out.dtype.kind not in "biuf":
        raise TypeError(
            f"{who}: the stimulus holds no numbers, got {type(value).__name__}; expected (N,) numbers, or one for all."
        )
    if neurons is not None and out.shape not in ((), (1,), (neurons,), (neurons, 1)):
        raise ValueError(
            f"{who}: the stimulus has the wrong shape, got {out.shape}; expected ({neurons},), or a number for all. Several networks "
            "at once need their masks side by side: batch_size."
        )
    if not isinstance(out, Tensor):
        if not np.isfinite(out).all():
            raise ValueError(f"{who}: the stimulus holds NaN or infinite numbers.")
        out = out.astype(np.float32)
    return out.reshape(-1) if out.ndim == 2 else out


class Drive:
    """Evaluates a stimulus for many steps.

    Args:
        stimulus: None, something with ``parts(times)``, or a function of the step.
        neurons: N.
        quads: of the padded rows.
        who: the model, for errors.
    """

    def __init__(self, stimulus: Any, neurons: int, quads: int, who: str) -> None:
        self.stimulus, self.neurons, self.quads, self.who = stimulus, neurons, quads, who
        self._mask: tuple[np.ndarray, Array] | None = None

    def rows(self, times: np.ndarray) -> tuple[Array | None, Array | None]:
        """Return the mask (4 Q,) and the numbers (S,), or None and a table (S, 4 Q), or twice None, for times (S,)."""
        if self.stimulus is None or times.size == 0:
            return None, None
        parts = getattr(self.stimulus, "parts", None)
        mask, values = parts(times) if parts else self._called(times)
        values, mask = np.asarray(values), None if mask is None else np.asarray(mask)
        self._check(mask if mask is not None else values, values)
        if values.shape[-1] != times.size:
            raise ValueError(
                f"{self.who}: the stimulus has another number of steps, got {values.shape[-1]}; expected {times.size}, one a time."
            )
        if mask is None:
            return None, from_numpy(padded(values.T, self.quads))
        if self._mask is None or not np.array_equal(self._mask[0], mask):
            self._mask = mask.copy(), from_numpy(padded(mask, self.quads))
        return self._mask[1], from_numpy(values.astype(np.float32))

    def _called(self, times: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        values = [to_numpy(checked(self.stimulus(int(t)), self.neurons, self.who)) for t in times]
        if all(v.size == 1 for v in values) and self.neurons > 1:
            return np.ones(self.neurons, np.float32), np.array([v.item() for v in values], np.float32)
        return None, np.stack([np.broadcast_to(v.reshape(-1), self.neurons) for v in values], 1)

    def _check(self, of_neurons: np.ndarray, values: np.ndarray) -> None:
        if of_neurons.shape[0] != self.neurons:
            raise ValueError(
                f"{self.who}: the stimulus is for another number of neurons, got {of_neurons.shape[0]}; expected {self.neurons}. "
                "Several networks at once need their masks side by side: batch_size."
            )
        if not np.isfinite(values).all() or not np.isfinite(of_neurons).all():
            raise ValueError(f"{self.who}: the stimulus holds NaN or infinite numbers.")
