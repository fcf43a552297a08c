"""Calibration and evaluation data: arrays, pairs of arrays, and iterables of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy

BATCH = 100


class Batches:
    """Batches of inputs, and of labels if there are any, that can be gone through several times.

    Args:
        data: an array (N, *); a pair (x, y) of an array and the labels (N,); or an iterable of batches, each an
            array (N, *), or a tuple or list that begins with x and y, as a torch ``DataLoader`` gives.
        name: of the caller, for errors.
        labels: whether there must be labels.

    Raises:
        ValueError: no data, empty or different batches, NaN, missing labels.
        TypeError: not data.
    """

    def __init__(self, data: Any, name: str, labels: bool = False) -> None:
        self.name, self.labels = name, labels
        if isinstance(data, (str, bytes, dict)) or data is None or np.isscalar(data):
            raise TypeError(
                f"{name}: data must be an array (N, ...) or an iterable of batches, got {_described(data)}."
            )
        pair = _is_pair(data, labels)
        if pair or _is_array(data):
            x, y = data if pair else (data, None)
            self._whole: tuple[Any, Any] | None = (to_numpy(x), None if y is None else to_numpy(y))
            self._batches: Any = None
        else:
            if not hasattr(data, "__iter__"):
                raise TypeError(
                    f"{name}: data must be an array (N, ...) or an iterable of batches, got {_described(data)}."
                )
            self._whole = None
            self._batches = list(data) if iter(data) is data else data  # a generator can be gone through once

    def __len__(self) -> int:
        """The number of batches, or 0 where it is not known."""
        if self._whole is not None:
            return -(-len(self._whole[0]) // BATCH)
        return len(self._batches) if hasattr(self._batches, "__len__") else 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        shape: tuple[int, ...] | None = None
        number = -1
        for number, (x, y) in enumerate(self._raw()):
            where = f"batch {number}" if self._whole is None else "data"
            if x.ndim < 2 or x.shape[0] == 0:
                raise ValueError(
                    f"{self.name}: {where} is empty or has no batch axis, got shape {x.shape}; expected (N, ...)."
                )
            if shape is not None and x.shape[1:] != shape:
                raise ValueError(
                    f"{self.name}: the batches differ in shape, got {x.shape[1:]} a sample; expected {shape}."
                )
            if x.dtype.kind not in "fiub":
                raise TypeError(f"{self.name}: {where} holds no numbers, got {x.dtype}.")
            if x.dtype.kind == "f" and not np.isfinite(x).all():
                raise ValueError(f"{self.name}: {where} holds NaN or infinity.")
            if self.labels and (y is None or y.shape != x.shape[:1] or y.dtype.kind not in "iu"):
                got = "none" if y is None else f"{y.dtype} of shape {y.shape}"
                raise ValueError(
                    f"{self.name}: {where} needs labels, integers of shape {x.shape[:1]}, got {got}. Give a pair (x, y), or "
                    "an iterable of such pairs."
                )
            shape = x.shape[1:]
            yield x, y
        if number < 0:
            raise ValueError(f"{self.name}: data is empty; expected at least one batch.")

    def _raw(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if self._whole is None:
            for batch in self._batches:
                parts = batch if isinstance(batch, (tuple, list)) and not _is_plain(batch) else (batch,)
                yield to_numpy(parts[0]), to_numpy(parts[1]) if len(parts) > 1 else None
            return
        x, y = self._whole
        if x.ndim == 0 or len(x) == 0:
            yield x, y
            return
        if y is not None and y.shape[:1] != x.shape[:1]:
            raise ValueError(f"{self.name}: inputs and labels differ in number, got {x.shape} and {y.shape}.")
        for start in range(0, len(x), BATCH):
            yield x[start : start + BATCH], None if y is None else y[start : start + BATCH]


def _is_array(data: Any) -> bool:
    return (
        isinstance(data, (np.ndarray, Tensor))
        or hasattr(data, "__dlpack__")
        or hasattr(data, "__array__")
        or _is_plain(data)
    )


def _is_plain(data: Any) -> bool:
    """Tell whether it is nested lists of numbers."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (int, float))


def _is_pair(data: Any, labels: bool) -> bool:
    if not (isinstance(data, (tuple, list)) and len(data) == 2 and all(_is_array(part) for part in data)):
        return False
    y = to_numpy(data[1])
    if _is_plain(data):  # two rows of numbers, or inputs and labels
        return isinstance(data, tuple) and y.ndim == 1 and y.dtype.kind in "iu"
    return labels or y.ndim < 2  # what cannot be a batch is meant as labels


def _described(data: Any) -> str:
    return "None" if data is None else f"{type(data).__name__} {data!r}"[:80]
