"""The grid of steps: where it begins, how long a step is, and which step belongs to which output."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.functional import _check

EVEN = 1e-3  # of a step: times that differ less are the same, as float32 rounds them


class Grid(NamedTuple):
    """Steps that end at `times`."""

    times: np.ndarray  # (K,)
    step: float
    bins: np.ndarray | None  # (K,) the output of each step, or the number of outputs for none; None: each its own
    outputs: int


def times_of(value: Any, steps: int, name: str) -> np.ndarray:
    """Return increasing times as float64; more than there are samples are left out, as spikeDE does."""
    if value is None:
        return np.arange(steps, dtype=np.float64)
    try:
        out = to_numpy(value).astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"SNNWrapper: {name} must be numbers, got {value!r}; expected ({steps},).") from None
    if out.ndim != 1 or out.size < steps:
        raise ValueError(
            f"SNNWrapper: {name} has the wrong shape, got {out.shape}; expected ({steps},), a time for each step."
        )
    out = out[:steps]
    if not np.all(np.isfinite(out)) or not np.all(np.diff(out) > 0.0):
        raise ValueError(f"SNNWrapper: {name} must increase, got {out}.")
    return out


def grid_of(x_time: np.ndarray, output_time: Any, step_size: Any) -> Grid:
    """Return the steps for samples at x_time: sample k is the input over (x_time[k - 1], x_time[k]]."""
    gaps = np.diff(x_time)
    width = float((x_time[-1] - x_time[0]) / gaps.size) if gaps.size else 0.0
    if step_size is not None:
        h = _check.number(step_size, "SNNWrapper", "step_size")
        if h <= 0.0:
            raise ValueError(f"SNNWrapper: step_size must be positive, got {step_size}.")
    else:
        h = width or 1.0
    even = np.all(np.abs(gaps - width) <= EVEN * width)
    if not even and step_size is None:
        raise ValueError(
            f"SNNWrapper: x_time is not even, got distances from {gaps.min()} to {gaps.max()}. Give the step to solve with, "
            "options={'step_size': h}; x is then interpolated."
        )
    if even and gaps.size:
        parts = max(round(width / h), 1)
        if step_size is not None and abs(width / h - parts) > EVEN * parts:
            raise ValueError(
                f"SNNWrapper: step_size does not divide the step of x_time, got {h}; expected {width} / n."
            )
        h = width / parts
        times = x_time[0] - width + h * np.arange(1, x_time.size * parts + 1)
    else:
        times = x_time[0] + h * np.arange(int(np.ceil((x_time[-1] - x_time[0]) / h - EVEN)) + 1)
    if output_time is None:
        ends = x_time
    else:
        count = int(np.size(to_numpy(output_time)))
        if not count:
            raise ValueError("SNNWrapper: output_time is empty; expected (K,) times. Leave it out for those of x_time.")
        ends = times_of(output_time, count, "output_time")
    if output_time is None and ends.size == times.size:
        return Grid(times, h, None, ends.size)
    bins = np.searchsorted(ends, times - EVEN * h)
    empty = np.setdiff1d(np.arange(ends.size), bins)
    if empty.size:
        raise ValueError(
            f"SNNWrapper: no step ends in {empty.size} of the {ends.size} intervals of "
            f"{'x_time' if output_time is None else 'output_time'}, first before {ends[empty[0]]}, with steps of {h} from "
            f"{times[0]} to {times[-1]}. Use a smaller options={{'step_size': h}}, or other times."
        )
    return Grid(times, h, bins, ends.size)
