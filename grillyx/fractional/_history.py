"""Sums over the whole past of a solution, on the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor

BLOCK = 32  # steps that are summed one by one


class Blocks:
    """``sum_{m=1}^{k-1} W[r, m] h_{k-m}`` for k = 1, 2, ... while entries come in.

    The last entries are one product a step. When step P begins and S is the largest BLOCK 2^i that divides P, the S entries
    before it go to the S sums from it on, all in one product; every pair of steps is in one such square, and an entry is kept
    log2(steps / BLOCK) times (Hairer, Lubich and Schlichte, SIAM J. Sci. Stat. Comput. 6, 1985).

    Args:
        weights: (rows, n), by lag; column 0 is 0, and so are lags from n on.
        reach: the longest lag, where it is shorter than n - 1.
    """

    def __init__(self, weights: Tensor, reach: int) -> None:
        self.rows, self.n = weights.shape
        self.weights = weights.reshape(-1)
        self.widest = BLOCK
        while self.widest < reach:
            self.widest *= 2
        self.entries: list[Tensor] = []
        self.pending: list[tuple[int, int, Tensor]] = []  # first sum, one past the last, (rows, sums, size)

    def _weights(self, lags: np.ndarray) -> Tensor:
        """(rows, *lags.shape)."""
        lags = np.where(lags < self.n, lags, 0)
        rows = np.arange(self.rows).reshape(-1, *(1,) * lags.ndim)
        return F.take(self.weights, (rows * self.n + lags).astype(np.int32))

    def push(self, entry: Tensor) -> None:
        """Add h_j, j = 1, 2, ..."""
        self.entries.append(entry.reshape(1, -1))
        count = len(self.entries)
        if count % BLOCK:
            return
        size = min(count & -count, self.widest)
        lags = size + np.arange(size)[:, None] - np.arange(size)
        past = F.concatenate(self.entries[count - size :])
        sums = F.matmul(self._weights(lags).reshape(self.rows * size, size), past)
        self.pending = [p for p in self.pending if p[1] > count]
        self.pending.append((count, count + size, sums.reshape(self.rows, size, -1)))

    def total(self) -> list[Any]:
        """Return the sums for the step after the last entry, (1, size) for each row, or 0.0 before there is an entry."""
        count = len(self.entries)
        last = count % BLOCK
        parts = [p[2][:, count - p[0]] for p in self.pending if p[0] <= count < p[1]]
        if last:
            near = F.concatenate(self.entries[count - last :]) if last > 1 else self.entries[-1]
            parts.append(F.matmul(self._weights(np.arange(last, 0, -1)), near))
        if not parts:
            return [0.0] * self.rows
        whole = parts[0]
        for part in parts[1:]:
            whole = whole + part
        return [whole[r : r + 1] for r in range(self.rows)]


class Modes:
    """The same with weights ``W[r, m] = sum_i a[r, i] rho_i^m``: O(modes) work and storage a step.

    Args:
        a: (rows, modes).
        rho: (modes,).
    """

    def __init__(self, a: Tensor, rho: np.ndarray) -> None:
        self.a, self.rho = a, Tensor(rho.astype(np.float32)[:, None])
        self.state: Tensor | None = None

    def push(self, entry: Tensor) -> None:
        """Add h_j, j = 1, 2, ..."""
        entry = entry.reshape(1, -1)
        self.state = self.rho * (entry if self.state is None else self.state + entry)

    def total(self) -> list[Any]:
        """Return the sums for the step after the last entry, (1, size) for each row, or 0.0 before there is an entry."""
        rows = self.a.shape[0]
        if self.state is None:
            return [0.0] * rows
        whole = F.matmul(self.a, self.state)
        return [whole[r : r + 1] for r in range(rows)]
