"""`integrate`: any dynamics through intervals of a current, with adaptive steps of each neuron's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.engine.array import FLOAT, Array, from_numpy
from grillyx.engine.kernel import Kernel
from grillyx.functional import _check
from grillyx.ode._equations import Dynamics
from grillyx.ode._mistakes import compiled
from grillyx.ode._solvers import Solver, solver_of
from grillyx.ops import ode_rk
from grillyx.ops.pointwise import cast
from grillyx.ops.rows import rows

_NAME = "ode.integrate"
_FLOOR = 1e-6  # a step rounds each state to 6e-8 of it; the tolerance stays well above


class IntegrationError(ArithmeticError):
    """The steps of a neuron came to no end: its message names the neuron, the time and the values."""


@dataclass
class Solution:
    """What `integrate` found.

    Attributes:
        counts: spikes (T, *).
        times: (S, columns), the rows (interval, index of the neuron, one column for each axis, time since the start of this call), in
            order of time; None if they were not recorded.
        state: each state's values (*) at the end, by name.
        trace: each state's values (T * samples + 1, *) at `trace_times`, by name; None if they were not recorded.
        trace_times: when the trace was taken, since the start of this call, (T * samples + 1,); None if it was not.
        steps: steps that each neuron took (*), with those refused.
        refused: steps (*) whose error was above the tolerance, so that they were taken again, shorter.
        end: the time at the end, since the start of the first call where calls go on from one another.
    """

    counts: Tensor
    times: Tensor | None
    state: dict[str, Tensor]
    trace: dict[str, Tensor] | None
    trace_times: np.ndarray | None
    steps: np.ndarray
    refused: np.ndarray
    end: float
    _progress: ode_rk.Progress = field(repr=False)
    _names: tuple[str, ...] = field(repr=False)


def integrate(
    dynamics: Dynamics, current: Any, interval: float = 1.0, *, solver: str | Solver = "dopri5", rtol: float = 1e-5,
    atol: float = 1e-7, input: str = "hold", initial: dict[str, Any] | Solution | None = None,
    record: Sequence[str] = ("times",), samples: int = 10, max_step: float | None = None, max_steps: int = 100_000,
) -> Solution:  # fmt: skip
    """Integrate neurons through intervals of a current, and find their spikes.

    Each neuron takes steps of its own length, on the device, chosen so that the estimated error of a step stays below
    ``atol + rtol |y|`` (root of the mean square over the states). No step goes over the end of an interval. A spike is looked
    for at four places of each step and located on the polynomial inside it; one that only comes and goes between two of these
    places is not seen, which `max_step` can exclude. There is no gradient.

    Args:
        dynamics: a model, such as ``ode.AdEx()``, or a `Dynamics` of your own.
        current: (T, *), a value for each interval and neuron; for ``input="linear"`` (T + 1, *), the values at the ends.
        interval: length of an interval, in the unit of the model's time constants.
        solver: "dopri5", "bosh3", or a `Solver`.
        rtol: tolerance as a share of each state, at least 1e-6, below which float32 rounds too much.
        atol: tolerance in the unit of the states.
        input: "hold", constant in each interval, or "linear", straight from one value to the next.
        initial: states at the start, by name, numbers or arrays; or the solution of an earlier call, to go on from.
        record: "times" of spikes, "trace" of all states.
        samples: values of the trace for each interval.
        max_step: the longest step.
        max_steps: the most steps of a neuron in an interval.

    Raises:
        TypeError, ValueError: an argument is not what it should be, also NaN.
        IntegrationError: a state is no longer finite, a step becomes too short, there are too many steps, or a reset leaves the
            neuron above its threshold.
        ShaderError: the user's GLSL does not compile: which expression, and why.
    """
    if not isinstance(dynamics, Dynamics):
        raise TypeError(f"{_NAME}: dynamics must be a Dynamics, such as ode.AdEx(), got {dynamics!r}.")
    method = solver_of(solver, _NAME)
    length = _above(interval, "interval", 0.0)
    longest = length if max_step is None else _above(max_step, "max_step", 0.0)
    relative, absolute = _above(rtol, "rtol", _FLOOR, True), _above(atol, "atol", 0.0, True)
    linear = _check.one_of(input, ("hold", "linear"), _NAME, "input") == "linear"
    words = (record,) if isinstance(record, str) else tuple(record)
    for word in words:
        _check.one_of(word, ("times", "trace"), _NAME, "record")
    samples = _whole(samples, "samples") if "trace" in words else 0
    attempts = _whole(max_steps, "max_steps")
    current = _current(current, linear)
    shape = current.shape[1:]
    shader = compiled(dynamics)
    if isinstance(initial, Solution):
        progress = _resumed(initial, dynamics, shape)
        start = initial.end
    else:
        progress = ode_rk.Progress.start(dynamics.start(shape, initial or {}, _NAME))
        start = 0.0
    limits = ode_rk.Limits(
        length,
        min(longest, ode_rk.SAMPLES_A_STEP * length / samples if samples else length),
        relative,
        absolute,
        start,
        attempts,
    )
    kept: list[ode_rk.Outcome] = []
    values = _run(
        current, table=dynamics.table(shape, _NAME), progress=progress, shader=shader, solver=method, limits=limits,
        linear=linear, times="times" in words, samples=samples, dynamics=dynamics, kept=kept,
    )  # fmt: skip
    outcome, n = kept[0], len(dynamics.states)
    counts, times, states, traces = values[0], values[1], values[2 : 2 + n], values[2 + n :]
    intervals = current.shape[0] - linear
    clock = length / samples * np.arange(intervals * samples + 1) if samples else None
    return Solution(
        counts, times, dict(zip(dynamics.states, states, strict=True)),
        dict(zip(dynamics.states, traces, strict=True)) if samples else None, clock,
        outcome.steps.reshape(shape).astype(np.int64), outcome.refused.reshape(shape).astype(np.int64),
        start + intervals * length, progress, dynamics.states,
    )  # fmt: skip


def _integrate(
    current: Array, *, table: np.ndarray, progress: ode_rk.Progress, shader: Kernel, solver: Solver,
    limits: ode_rk.Limits, linear: bool, times: bool, samples: int, dynamics: Dynamics, kept: list[ode_rk.Outcome],
) -> Any:  # fmt: skip
    flat = cast(current, FLOAT).reshape((current.shape[0], math.prod(current.shape[1:])))
    shape, m = current.shape[1:], flat.shape[1]
    outcome = ode_rk.integrate(
        flat, from_numpy(table), progress, shader=shader, states=len(dynamics.states), tableau=solver.constants, limits=limits,
        linear=linear, times=times, samples=samples,
    )  # fmt: skip
    if (outcome.status > ode_rk.DONE).any():
        raise IntegrationError(_failure(outcome, flat, progress, limits, dynamics, shape))
    kept.append(outcome)
    when = from_numpy(_spike_rows(outcome, shape, limits)) if times else None
    n, rows_of_trace = len(dynamics.states), (current.shape[0] - linear) * samples + 1
    both = progress.state.reshape((2 * n, m))
    states = [rows(both, s, s + 1).reshape(shape) for s in range(n)]
    traces = []
    if outcome.trace is not None:
        traces = [rows(outcome.trace, s, s + 1).reshape((rows_of_trace, *shape)) for s in range(n)]
    return (outcome.counts.reshape((current.shape[0] - linear, *shape)), when, *states, *traces), _no_gradient


def _no_gradient(*_: Any) -> Any:
    raise NotImplementedError(
        f"{_NAME}: adaptive steps have no gradient. Use ode.SpikingODELayer with ODELIFDynamics or ode.EventLIF, whose gradients "
        "are exact, or a neuron of grillyx.nn with a surrogate gradient; or give a current without one (current.detach())."
    )


_run = differentiable(_integrate)


def _spike_rows(outcome: ode_rk.Outcome, shape: tuple[int, ...], limits: ode_rk.Limits) -> np.ndarray:
    assert outcome.spikes is not None
    at, neuron, within = outcome.spikes
    time = at * limits.interval + within.astype(np.float64)
    order = np.lexsort((neuron, at, time))
    return np.stack([at, *np.unravel_index(neuron, shape), time], axis=1)[order]


def _failure(
    outcome: ode_rk.Outcome, current: Array, progress: ode_rk.Progress, limits: ode_rk.Limits, dynamics: Dynamics,
    shape: tuple[int, ...],
) -> str:  # fmt: skip
    m = int(np.flatnonzero(outcome.status > ode_rk.DONE)[0])
    status, at = int(outcome.status[m]), int(outcome.interval[m])
    time = limits.start + at * limits.interval + float(progress.clock.numpy()[0, m])
    values = dict(zip(dynamics.states, progress.state.numpy()[0, :, m].tolist(), strict=True))
    values["I"] = float(current.numpy()[at, m])
    told = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
    what = {
        ode_rk.NOT_FINITE: "the derivative or the state is not finite. Check the current, the parameters and the first values; a "
        "model that runs to infinity needs a spike before it",
        ode_rk.TOO_SMALL: "the steps became too short. The equations are not smooth there, or the tolerance is too small for them; "
        "raise rtol or atol",
        ode_rk.TOO_MANY: f"more than max_steps={limits.attempts} steps in an interval. Raise max_steps, rtol or atol, or take "
        "shorter intervals; if the equations are stiff, their fastest time constant rules the step",
        ode_rk.STUCK: "the reset leaves the neuron above its threshold, so that it would spike for ever. Lower the value it is reset "
        "to",
    }[status]
    index = m if len(shape) == 1 else tuple(map(int, np.unravel_index(m, shape)))
    return f"{_NAME}: {type(dynamics).__name__}, neuron {index}, at time {time:.6g}, with {told}: {what}."


def _resumed(earlier: Solution, dynamics: Dynamics, shape: tuple[int, ...]) -> ode_rk.Progress:
    own = earlier.steps.shape
    if own != shape or earlier._names != dynamics.states:
        raise ValueError(
            f"{_NAME}: initial is a solution for other neurons, got {list(earlier._names)} of shape {own}; expected "
            f"{list(dynamics.states)} of shape {shape}, that of the current without its first axis."
        )
    return earlier._progress.again()


def _current(current: Any, linear: bool) -> Tensor:
    if not isinstance(current, Tensor):
        values = np.asarray(current)
        if values.dtype.kind in "fiub" and not np.isfinite(values).all():
            first = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
            raise ValueError(f"{_NAME}: current must be finite, got {values[first]} at {first}.")
    out = as_tensor(current)
    least = 2 if linear else 1
    if out.ndim == 0 or out.shape[0] < least or not out.size:
        kind = "(T + 1, *) with T >= 1, the values at the ends of intervals" if linear else "(T, *) with T >= 1"
        raise ValueError(f"{_NAME}: current has no interval or no neuron, got shape {out.shape}; expected {kind}.")
    return out


def _above(value: Any, what: str, least: float, itself: bool = False) -> float:
    out = _check.number(value, _NAME, what)
    if out < least or (out == least and not itself):
        raise ValueError(f"{_NAME}: {what} must be {'at least' if itself else 'above'} {least:g}, got {value!r}.")
    return out


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value < 2**31:
        raise ValueError(f"{_NAME}: {what} must be a whole number from 1 on, got {value!r}.")
    return int(value)
