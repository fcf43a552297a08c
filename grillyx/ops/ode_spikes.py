"""Spike times of leaky neurons, which are counted already."""

from __future__ import annotations

import numpy as np

from grillyx.engine.array import Array, empty, from_numpy
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP


class Spikes:
    """All spikes of a run. They are counted first, so memory for them is exact, and ordered by time on the host."""

    def __init__(
        self,
        counts: Array,
        cells: tuple[Array, ...],
        tau: float,
        interval: float,
        constants: dict[str, float],
        one: int,
    ) -> None:
        steps, batch, n = counts.shape
        numbers = counts.numpy().reshape(-1)
        self.total = int(numbers.sum(dtype=np.float64))
        most = counts.storage.device.max_bytes // 16
        if self.total > most:
            raise ValueError(
                f"SpikingODELayer: {self.total:,} spikes are more than a tensor of times can hold; expected at most {most:,}. "
                "Run fewer intervals at a time, or leave out return_times: counts need no memory for spikes."
            )
        self.cell = np.flatnonzero(numbers).astype(np.uint32)
        fired = numbers[self.cell].astype(np.int64)
        self.beginning = np.concatenate([[0], np.cumsum(fired)])
        self.most, self.size = int(fired.max(initial=0)), counts.size
        self.rows, self.place = np.zeros((0, 4), np.float32), np.zeros(0, np.uint32)
        if not self.total:
            return
        of, order = np.repeat(self.cell, fired), np.arange(self.total) - np.repeat(self.beginning[:-1], fired)
        times = self._times(of, order.astype(np.uint32), cells, constants, one)
        step, sample, neuron = np.unravel_index(of, (steps, batch, n))
        times = interval * step + np.minimum(tau * times, interval)
        by_time = np.argsort(times, kind="stable")  # they come by interval, sample and neuron
        self.rows = np.stack([step, sample, neuron, times], 1)[by_time].astype(np.float32)
        self.place = np.empty(self.total, np.uint32)
        self.place[by_time] = np.arange(self.total, dtype=np.uint32)

    def _times(
        self, of: np.ndarray, order: np.ndarray, cells: tuple[Array, ...], constants: dict[str, float], one: int
    ) -> np.ndarray:
        """Return the time of each spike since the beginning of its interval, in units of tau."""
        time0, time1 = empty((self.total,)), empty((self.total,))
        kernel("ode_lif_times")(
            grid(self.total), 100 * self.total, current0=cells[0], current1=cells[1], start0=cells[2], start1=cells[3],
            cell=from_numpy(of), order=from_numpy(order), time0=time0, time1=time1, n=self.total, FUSED=one, **constants,
        )  # fmt: skip
        return time0.numpy().astype(np.float64) + time1.numpy()

    def sums(self, g: Array) -> tuple[Array, Array]:
        """Return for each cell the sum of the gradients of its times, and of the gradients times their order."""
        first, second = empty((self.size,)), empty((self.size,))
        place, cell, beginning = (from_numpy(a.astype(np.uint32)) for a in (self.place, self.cell, self.beginning))
        for begin in range(0, self.most, LONGEST_LOOP):
            kernel("ode_lif_sums")(
                grid(self.cell.size), 16 * self.total, gt=g, place=place, beginning=beginning, cell=cell, sum=first,
                weighted=second, n=self.cell.size, begin=begin, end=begin + LONGEST_LOOP, width=g.shape[1], MORE=int(begin > 0),
            )  # fmt: skip
        return first, second
