"""Neurons in continuous time: adaptive Runge–Kutta steps of each neuron's own, in one shader."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from grillyx.engine.array import FLOAT, UINT, Array, empty, from_numpy
from grillyx.engine.kernel import Kernel, custom_kernel, grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.shape import fill

RUNNING, DONE, NOT_FINITE, TOO_SMALL, TOO_MANY, STUCK = range(6)  # the status of a neuron, as in the shader
SAMPLES_A_STEP = 32
# a round has at most 24 rounds of the search for a spike, and 33 samples of a trace; neighbours of a thread may each
# have theirs in another round, so that all of them count
_ROUNDS = LONGEST_LOOP // 16
_SLOT_WORDS = 1 << 22
_CLOCK, _MARK = 6, 8
_AT, _STATUS, _STEPS, _REFUSED, _NEXT, _BELOW, _KEPT = 0, 1, 3, 4, 5, 6, 7


@dataclass(frozen=True)
class Model:
    """The shader of a model: a line of ``ode_models.glsl``, or the user's macros as ``(name, text)``."""

    line: str | None
    states: int
    defines: tuple[tuple[str, str], ...] = ()

    def kernel(self) -> Kernel:
        """Return the shader, compiled with the user's GLSL if there is any."""
        return kernel(f"ode_rk.{self.line}") if self.line else _custom(self.defines)


@cache
def _custom(defines: tuple[tuple[str, str], ...]) -> Kernel:
    return custom_kernel("ode_rk", dict(defines))


@dataclass
class Progress:
    """Where each neuron is: state (2, states, m), values and what they lost to rounding; clock (6, m) and mark (8, m)."""

    state: Array
    clock: Array
    mark: Array

    @classmethod
    def start(cls, initial: np.ndarray) -> Progress:
        """Begin with the states (states, m)."""
        m = initial.shape[1]
        clock = np.zeros((_CLOCK, m), np.float32)
        clock[3] = 1e-4  # the error of a step before the first
        return cls(from_numpy(np.stack([initial, np.zeros_like(initial)])), from_numpy(clock), _marks(m, 2))

    def again(self) -> Progress:
        """Go on from where all neurons have finished; this object is left as it is."""
        mark = self.mark.numpy()
        return Progress(_copy(self.state), _copy(self.clock), _marks(mark.shape[1], mark[_BELOW]))


def _copy(x: Array) -> Array:
    return from_numpy(x.numpy())


def _marks(m: int, below: np.ndarray | int) -> Array:
    mark = np.zeros((_MARK, m), np.uint32)
    mark[_NEXT], mark[_BELOW] = 1, below
    return from_numpy(mark)


@dataclass(frozen=True)
class Limits:
    """How neurons go through their intervals: lengths of time, tolerances, and the most steps in an interval."""

    interval: float
    longest: float
    rtol: float
    atol: float
    start: float
    attempts: int


@dataclass
class Outcome:
    """What a run gave: counts (T, m), spikes as (interval, neuron, time in the interval), samples (states, T S + 1, m)."""

    counts: Array
    spikes: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    trace: Array | None
    steps: np.ndarray
    refused: np.ndarray
    status: np.ndarray
    interval: np.ndarray


def integrate(
    current: Array, parameters: Array, progress: Progress, *, shader: Kernel, states: int, tableau: dict[str, float], limits: Limits,
    linear: bool, times: bool, samples: int,
) -> Outcome:  # fmt: skip
    """Run neurons through the intervals of current (T, m), or with `linear` (T + 1, m), until all are done or one failed.

    `progress` is changed in place.
    """
    m, intervals = current.shape[1], current.shape[0] - linear
    counts = fill((intervals, m), 0.0)
    trace = empty((states, intervals * samples + 1, m)) if samples else None
    slots = max(8, min(_SLOT_WORDS // m, _ROUNDS)) if times else 1
    when, where = empty((slots, m if times else 1)), empty((slots, m if times else 1), UINT)
    found = []
    while True:
        shader(
            grid(m), 64 * _ROUNDS * states * m, current=current, parameters=parameters, state=progress.state,
            clock=progress.clock, mark=progress.mark, counts=counts, when=when, where=where, trace=trace or when,
            m=m, intervals=intervals, rounds=_ROUNDS, slots=slots, samples=max(samples, 1),
            spread=int(parameters.shape[1] > 1), attempts=limits.attempts, interval=limits.interval,
            longest=limits.longest, rtol=limits.rtol, atol=limits.atol, start=limits.start,
            LINEAR=int(linear), TIMES=int(times), TRACE=int(samples > 0), **tableau,
        )  # fmt: skip
        mark = progress.mark.numpy()
        if times and mark[_KEPT].any():
            slot, neuron = np.nonzero(np.arange(slots)[:, None] < mark[_KEPT])
            found.append((where.numpy()[slot, neuron].astype(np.int64), neuron, when.numpy()[slot, neuron]))
        if (mark[_STATUS] > DONE).any() or not (mark[_STATUS] == RUNNING).any():
            break
    spikes = None
    if times:
        none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, FLOAT))
        at, neuron, time = (np.concatenate(part) for part in zip(none, *found, strict=True))
        spikes = at, neuron, time
    return Outcome(counts, spikes, trace, mark[_STEPS], mark[_REFUSED], mark[_STATUS], mark[_AT])
