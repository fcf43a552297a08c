"""`State`: where a simulation stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class State:
    """What a simulation needs to go on: ``np.asarray(state)`` is the array (N, T).

    Attributes:
        x: (N, T) float32, the last column the most recent step; what T columns mean, the model says.
        t: the step that comes next.
        seed: of the model's random numbers.
        drawn: how many steps have drawn from them.
        kept: what the device had beside x, so that a run that goes on rounds as one without a break; or None.
    """

    x: np.ndarray
    t: int
    seed: int
    drawn: int
    kept: dict[str, np.ndarray] | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, T)."""
        return self.x.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False and dtype is not None and np.dtype(dtype) != self.x.dtype:
            raise ValueError("State: another dtype needs a copy.")
        return np.array(self.x, dtype, copy=bool(copy) or dtype is not None)
