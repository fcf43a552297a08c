"""Leaky neurons in continuous time, in closed form: counts, spike times, voltages, and their exact gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grillyx.engine.array import FLOAT, UINT, Array, duplicate, empty, from_numpy
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.gemm import NN, NT, TN, product
from grillyx.ops.ode_currents import ROUNDS, Currents, fused, lanes
from grillyx.ops.ode_spikes import Spikes
from grillyx.ops.pointwise import combine
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import fill, joined, sliced

_AT_ONCE = 1 << 20  # currents that are made before neurons take them in, where nothing is kept
_LEAST = 32  # of their rows: a product of fewer reads W as often
_FEW = 4  # intervals, of which a run in floats pays
_UNROLLED = 8  # intervals of a dispatch in floats, a multiple of 4
_BLOCKS = LONGEST_LOOP // 64  # of these in a dispatch: each may take 130 rounds of a thread's loops
_NARROW = 1536  # neurons up to which a loop over these costs less than more dispatches
_LONGEST_SPAN = 40.0  # of an interval, in units of tau: exp(-span) stays well within floats


class Leaky(NamedTuple):
    """The neuron's constants, in float64."""

    v_rest: float
    tau_mem: float
    C_mem: float
    v_threshold: float
    v_reset: float


@dataclass
class Trace:
    """What a run leaves beside its differentiable results.

    Attributes:
        low: of the voltages at the beginning, and then at the end: what a float cannot hold of them.
        wanted: whether spike times are.
        fine: whether voltages shall be exact beyond floats, for further intervals.
        rough: whether they are not.
    """

    low: Array | None = None
    wanted: bool = False
    fine: bool = False
    rough: bool = False


def pair(value: float) -> tuple[float, float]:
    """Return a float64 as the sum of two float32."""
    high = float(np.float32(value))
    return high, float(np.float32(value - high))


def _constants(v: Leaky, interval: float) -> dict[str, float]:
    pairs = {
        "rest": v.v_rest, "gain": v.tau_mem / v.C_mem, "threshold": v.v_threshold, "reset": v.v_reset,
        "span": interval / v.tau_mem, "decay": math.exp(-interval / v.tau_mem),
    }  # fmt: skip
    return {f"{name}{k}": part for name, value in pairs.items() for k, part in enumerate(pair(value))}


class _Exact(NamedTuple):
    """What the closed form in pairs of floats gives."""

    counts: Array
    v: Array
    low: Array
    cells: tuple[Array, ...]  # currents, and voltages at the beginning of each interval, if they are kept


@dataclass
class _Problem:
    """Inputs x (T, B, m), weights w (n, m), voltages v0 (B, n) unless at rest, and what floats cannot hold of each."""

    x: Array
    w: Array
    v0: tuple[Array, Array] | None
    x_low: Array | None
    w_low: Array | None
    leaky: Leaky
    interval: float

    def __post_init__(self) -> None:
        (self.steps, self.batch, self.m), self.n = self.x.shape, self.w.shape[0]
        self.flat, self.across = self.x.reshape((self.steps * self.batch, self.m)), self.batch * self.n
        self.constants = _constants(self.leaky, self.interval)
        self.one = int(fused(self.w.storage.device))

    def _beginning(self) -> tuple[Array, Array]:
        """Return memory that holds the voltages to begin with, which the neurons change."""
        if self.v0 is not None:
            return duplicate(self.v0[0]), duplicate(self.v0[1])
        high, low = pair(self.leaky.v_rest)
        return fill((self.batch, self.n), high), fill((self.batch, self.n), low)

    def exact(self, keep: bool) -> _Exact:
        """Run in pairs of floats."""
        v, low = self._beginning()
        counts = empty((self.steps, self.batch, self.n))
        currents = Currents(self.flat, self.x_low, self.w, self.w_low)
        return _Exact(counts, v, low, self._pairs(currents, v, low, counts, keep, None))

    def _pairs(
        self, currents: Currents, v: Array, low: Array, counts: Array, keep: bool, only: tuple[Array, Array] | None
    ) -> tuple[Array, ...]:  # fmt: skip
        """Run all neurons, or those on a list, and return currents and voltages before each interval, if they are kept."""
        steps, across = self.steps, self.across
        starts = (empty((steps, across)), empty((steps, across))) if keep else (v, v)
        names, listed = only or (v, v)
        at_once, most, stride, size = steps if keep else self._at_once, LONGEST_LOOP, across, 64
        if only is not None:
            most, stride, size = most // ROUNDS, lanes(v.storage.device, across), 8
        made = (v, v)
        for begin in range(0, steps, at_once):
            end = min(begin + at_once, steps)
            made = currents.rows(begin * self.batch, (end - begin) * self.batch, only)
            for first in range(begin, end, most):
                last = min(first + most, end)
                kernel("ode_lif")(
                    grid(stride, size), 100 * across * (last - first), current0=made[0], current1=made[1], v0=v, v1=low,
                    start0=starts[0], start1=starts[1], counts=counts, n=across, first=first, last=last, stride=stride,
                    FUSED=self.one, KEEP=int(keep), local_size=size, LISTED=int(only is not None), list=names, listed=listed,
                    **{"from": begin}, **self.constants,
                )  # fmt: skip
        return (*made, *starts) if keep else ()

    @property
    def _at_once(self) -> int:
        return min(self.steps, max(_AT_ONCE // self.across // 4 * 4, _LEAST))

    def guarded(self) -> tuple[Array, Array, Array]:
        """Return counts, voltages, and what floats cannot hold of them, of a run in floats that knows where they do not do.

        Counts are those of `exact`. A voltage is good to 1 % of a threshold at the worst, and almost always to 1e-5.
        """
        steps, across, m, one, at_once = self.steps, self.across, self.m, self.batch == 1, self._at_once
        shape = (self.batch, self.n)
        v, e, low = empty(shape), empty(shape), empty(shape)
        begin0, begin1 = self.v0 or (v, low)
        counts, names, listed = empty((steps, *shape)), empty((across,), UINT), from_numpy(np.zeros(1, np.uint32))
        currents = Currents(self.flat, self.x_low, self.w, self.w_low)
        # partial sums are at most (|x| |w| + |I|) / 2 (Cauchy and Schwarz, before and after them); of m roundings, three deviations
        half = 0.5 * math.sqrt(m)
        squares = {"x_squares": currents.xx, "w_squares": currents.ww}
        c = self.constants
        plain = {name: c[f"{name}0"] for name in ("gain", "threshold", "reset", "decay")}
        for begin in range(0, steps, at_once):
            end, rows = min(begin + at_once, steps), self.flat
            if at_once < steps:
                rows = sliced(rows, [begin * self.batch, 0], [1, 1], ((end - begin) * self.batch, m))
            current = product(rows, self.w, NT)
            for first, count, blocks in _pieces(begin, end, across):
                kernel("ode_lif_fast")(
                    grid(-(-across // 4)), 32 * across * count * blocks, current=current, v0=v, v1=low, e0=e, begin0=begin0,
                    begin1=begin1, counts=counts, list=names, listed=listed, n=across, neurons=self.n, first=first,
                    blocks=blocks, STEPS=count, LOOP=int(blocks > 1),
                    error=2.0**-24 * (half + 4.0), error_of_sum=2.0**-24 * half, rest0=c["rest0"], rest1=c["rest1"],
                    QUADS=int(self.n % 4 == 0), SINGLE=int(one), FIRST=int(first == 0), GIVEN=int(self.v0 is not None),
                    **{"from": begin}, **plain, **squares,
                )  # fmt: skip
        if one:
            self._pairs(currents, v, low, counts, False, (names, listed))
            return counts, v, low
        stride = lanes(v.storage.device, across)
        most = max(4 * LONGEST_LOOP // ROUNDS // (m + 8), 1)
        for first in range(0, steps, most):
            last = min(first + most, steps)
            kernel("ode_lif_again")(
                grid(stride, 8), 16 * across * (last - first), x=self.flat, x_low=self.x_low or self.flat, w=self.w,
                w_low=self.w_low or self.w, list=names, listed=listed, v0=v, v1=low, counts=counts, n=across,
                neurons=self.n, m=m, first=first, last=last, stride=stride, FUSED=self.one, LOW_X=int(self.x_low is not None),
                LOW_W=int(self.w_low is not None), QUADS=int(m % 4 == 0), **squares, **self.constants,
            )  # fmt: skip
        return counts, v, low


def _pieces(begin: int, end: int, across: int) -> Iterator[tuple[int, int, int]]:
    """Yield where each dispatch in floats begins, how many intervals it unrolls, and how often."""
    while begin < end:
        count, blocks = min(_UNROLLED, end - begin), 1
        if across <= _NARROW:
            blocks = min((end - begin) // count, _BLOCKS)
        yield begin, count, blocks
        begin += count * blocks


def ode_lif(
    x: Array, w: Array, v0: Array | None, *learnt: Array | None, x_low: Array | None, w_low: Array | None, leaky: Leaky,
    interval: float, keep: bool, trace: Trace,
) -> Result:  # fmt: skip
    """Run x (T, B, m) through leaky neurons; the value is ``(counts (T, B, n), voltages (B, n), spikes (S, 4) or None)``.

    Args:
        x: inputs, constant in each interval.
        w: weights (n, m).
        v0: voltages (B, n) at the beginning; None is `v_rest`.
        learnt: arrays of one element, in the order of `Leaky`; None where there is no gradient. Their values are in `leaky`.
        x_low: what floats cannot hold of x.
        w_low: what they cannot hold of w.
        leaky: the neuron's constants.
        interval: the length of each interval.
        keep: whether a gradient may be wanted.
        trace: what goes in and out beside these.

    Raises:
        ValueError: there are more spikes than fit into a tensor.
    """
    steps, batch, m = x.shape
    n, rows = w.shape[0], steps * batch
    given = None if v0 is None else (v0, trace.low or fill((batch, n), 0.0))
    problem = _Problem(x, w, given, x_low, w_low, leaky, interval)
    trace.rough = steps >= _FEW and m <= LONGEST_LOOP and interval <= _LONGEST_SPAN * leaky.tau_mem
    trace.rough = trace.rough and not trace.wanted and not trace.fine
    found: _Exact | None = None
    spikes: Spikes | None = None
    if trace.rough:
        counts, v, trace.low = problem.guarded()
    else:
        found = problem.exact(keep or trace.wanted)
        counts, v, trace.low = found.counts, found.v, found.low
        if trace.wanted:
            spikes = Spikes(counts, found.cells, leaky.tau_mem, interval, problem.constants, problem.one)
    value = counts, v, None if spikes is None else from_numpy(spikes.rows)
    if not keep:
        return value, None

    def pullback(g_counts: Array | None, g_v: Array | None, g_spikes: Array | None) -> Any:
        run = problem.exact(True) if found is None else found
        cells, across = run.cells, problem.across
        gv = fill((batch, n), 0.0) if g_v is None else duplicate(g_v)
        gi = empty((rows, n))
        parts = empty((5, across)) if any(p is not None for p in learnt) else None
        sums = None if spikes is None or g_spikes is None or not spikes.total else spikes.sums(g_spikes)
        g1, g2 = sums or (gi, gi)
        for last in range(steps, 0, -LONGEST_LOOP):
            first = max(last - LONGEST_LOOP, 0)
            end0, end1 = (run.v, run.low) if last == steps else (_row(cells[2], last), _row(cells[3], last))
            kernel("ode_lif_backward")(
                grid(across), 100 * across * (last - first), current0=cells[0], current1=cells[1], start0=cells[2],
                start1=cells[3], end0=end0, end1=end1, counts=run.counts, g_counts=g_counts or run.counts, sum=g1,
                weighted=g2, gv=gv, gi=gi, parts=parts or gv, n=across, first=first, last=last, tau=leaky.tau_mem,
                capacity=leaky.C_mem, FUSED=problem.one, COUNTS=int(g_counts is not None), TIMES=int(sums is not None),
                PARTS=int(parts is not None), MORE=int(last < steps), **problem.constants,
            )  # fmt: skip
        gx = lambda: product(gi, w, NN).reshape(x.shape)  # noqa: E731
        gw = lambda: product(gi, problem.flat, TN)  # noqa: E731
        out = gx, gw, None if v0 is None else gv
        if parts is None:
            return *out, *(None for _ in learnt)
        total = reduced(parts, [1], "sum")
        if v0 is None:  # the neurons began at v_rest
            total = _with_first(total, reduced(gv, [0, 1], "sum"))
        return *out, *(
            None if p is None else sliced(total, [k], [1], (1,)).reshape(p.shape) for k, p in enumerate(learnt)
        )

    return value, pullback


def _row(x: Array, k: int) -> Array:
    return sliced(x, [k, 0], [1, 1], (1, x.shape[1]))


def _with_first(total: Array, more: Array) -> Array:
    """Return the sums with `more` added to the first."""
    return combine(total, joined([more.reshape((1,)), fill((4,), 0.0)], 0, (5,), FLOAT), "add")
