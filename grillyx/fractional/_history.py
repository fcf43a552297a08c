"""Sums over the whole past of a solution, on the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor

BLOCK = 8  # steps that are summed one by one
TILE = 1024  # the widest matrix of weights


class Blocks:
    """``sum_{m=1}^{k-1} W[r, m] h_{k-m}`` for k = 1, 2, ... while entries come in.

    The last entries are one product a step. When step P begins and S is the largest BLOCK 2^i that divides P, the S entries
    before it go to the S sums from it on in one product; every pair of steps is in one such square, and an entry is kept
    log2(steps / BLOCK) times (Hairer, Lubich and Schlichte, SIAM J. Sci. Stat. Comput. 6, 1985).

    Args:
        weights: (rows, n), by lag; column 0 is 0, and so are lags from n on.
        steps: how many sums there will be.
    """

    def __init__(self, weights: Tensor, steps: int) -> None:
        self.rows, self.n = weights.shape
        self.steps, self.weights = steps, weights.reshape(-1)
        self.widest = BLOCK
        while self.widest < self.n - 1:
            self.widest *= 2
        self.entries: list[Tensor] = []
        self.pending: list[tuple[int, int, Tensor]] = []  # first sum, one past the last, (rows, sums, size)
        self.base: tuple[Tensor, ...] = ()  # what the squares add to the sums of this block
        self.tiles: dict[tuple[int, int, int], Tensor] = {}

    def _tile(self, first: int, sums: int, entries: int) -> Tensor:
        """(rows · sums, entries) weights; the first sum is `first` steps after the first entry."""
        key = first, sums, entries
        if key not in self.tiles:
            lags = first + np.arange(sums)[:, None] - np.arange(entries)
            lags = np.where(lags < self.n, lags, 0) + np.arange(self.rows)[:, None, None] * self.n
            self.tiles[key] = F.take(self.weights, lags.astype(np.int32)).reshape(self.rows * sums, entries)
        return self.tiles[key]

    def push(self, entry: Tensor) -> None:
        """Add h_j, j = 1, 2, ..."""
        self.entries.append(entry.reshape(1, -1))
        count = len(self.entries)
        if count % BLOCK or count >= self.steps:
            return
        size = min(count & -count, self.widest)
        width = min(size, TILE)
        past = [F.concatenate(self.entries[i : i + width]) for i in range(count - size, count, width)]
        self.pending = [p for p in self.pending if p[1] > count]
        for start in range(count, min(count + size, self.steps), width):
            first = start - count + size
            parts = [F.matmul(self._tile(first - j * width, width, width), h) for j, h in enumerate(past)]
            self.pending.append((start, start + width, _sum(parts).reshape(self.rows, width, -1)))
        here = [p for p in self.pending if p[0] <= count < p[1]]
        self.base = F.unstack(_sum([g[:, count - start : count - start + BLOCK] for start, _, g in here]), 1)

    def total(self) -> list[Any]:
        """Return the sums for the step after the last entry, (1, size) for each row, or 0.0 before there is an entry."""
        count = len(self.entries)
        last = count % BLOCK
        parts = [self.base[last]] if self.base else []
        if last:
            near = F.concatenate(self.entries[count - last :]) if last > 1 else self.entries[-1]
            parts.append(F.matmul(self._tile(last, 1, last), near))
        whole = _sum(parts) if parts else None
        return [0.0] * self.rows if whole is None else [whole[r : r + 1] for r in range(self.rows)]


def _sum(parts: list[Tensor]) -> Tensor:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


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
