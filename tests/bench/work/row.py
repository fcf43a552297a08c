"""What a row of the table is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import grillyx

Array = np.ndarray
rng = np.random.default_rng(0)


@dataclass
class Work:
    """What is to be done.

    Attributes:
        bytes: how much must at least go to and from memory, each value once where it is needed once.
        flops: how many operations it takes, whatever one does.
        calls: the contestants.
    """

    bytes: float
    flops: float
    calls: dict[str, Callable[[], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of the table: its data are made by `build` only when it is its turn."""

    name: str
    build: Callable[[], Work]


def floats(*shape: int) -> Array:
    """Return normal numbers."""
    return rng.standard_normal(shape, np.float32)


def done(*tensors: Any) -> None:
    """Have these tensors computed, though nobody reads them, and wait."""
    for tensor in tensors:
        _ = tensor.array.storage.buffer
    grillyx.synchronize()
