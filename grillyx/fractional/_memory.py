"""Other forms of a table: as a response alone, as a recursion, with a short memory, and as a sum of exponentials."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.signal import lfilter

from grillyx.fractional._schemes import Table

MOST_MODES = 40
SINGULAR = 1e-6  # smaller singular values are left out, so that the weights stay of the size of the table


def response(t: Table) -> Table:
    """Return the same scheme with all feedback solved: ``u_k = e_k w0 + S_k x_0 + sum_j T_{k-j} x_j + beta x_k``."""
    if t.q == 0.0:
        return t._replace(lag=t.p * t.lag, p=1.0)
    below = -t.q * t.lag
    below[0] = 1.0
    above = t.p * t.lag
    above[0] = t.beta
    lag = lfilter([1.0], below, above)
    return _filtered(t, below)._replace(lag=np.append(0.0, lag[1:]), p=1.0, q=0.0)


def recursion(t: Table) -> Table:
    """Return the same scheme with earlier states in place of inputs: ``u_k = ... + sum_j T_{k-j} w_j + beta x_k``."""
    if t.p == 0.0:
        return t
    t = response(t)
    inverse = lfilter([1.0], np.append(1.0, t.lag[1:] / t.beta), _impulse(t.lag.size))
    return _filtered(t, inverse, True)._replace(lag=np.append(0.0, -inverse[1:]), p=0.0, q=1.0)


def _impulse(n: int) -> np.ndarray:
    return np.append(1.0, np.zeros(n - 1))


def _filtered(t: Table, by: np.ndarray, forward: bool = False) -> Table:
    """What w0 and x_0 add, sent through a filter or its inverse."""

    def apply(x: np.ndarray, first: float) -> np.ndarray:
        y = lfilter(by, [1.0], x[1:]) if forward else lfilter([1.0], by, x[1:])
        return np.append(first, y)

    return t._replace(initial=apply(t.initial, 1.0), start=None if t.start is None else apply(t.start, 0.0))


def truncated(t: Table, memory: int) -> Table:
    """Return the table with a memory of so many steps, in which the oldest stands for all before it.

    A constant solution stays one, so that neither the plateau of a voltage nor the sum of jumps is lost.
    """
    if memory >= t.lag.size:
        return t
    t = recursion(t)
    lag, initial = t.lag[: memory + 1].copy(), t.initial.copy()
    lag[memory] = initial[memory]
    initial[memory + 1 :] = 0.0
    start = None
    if t.start is not None:
        start = t.start.copy()
        lag[memory] += start[memory]
        start[memory + 1 :] = 0.0
    return t._replace(lag=np.append(lag, np.zeros(t.lag.size - lag.size)), initial=initial, start=start)


def exponentials(t: Table) -> Table:
    """Return the response with its lags as a sum of at most 40 exponentials with fixed rates.

    The rates are spread over the range of times from a step to all of them, and the weights are a least-squares fit: linear in
    the table, so that a derivative of the table has the derivatives of the weights.
    """
    t = response(t)
    a, error = fitted(t.lag)
    rates = _fit(t.lag.size)[0]
    lag = np.append(0.0, np.exp(-np.outer(np.arange(1, t.lag.size), rates)) @ a)
    return t._replace(lag=lag, modes=(a, np.exp(-rates)), error=error)


def fitted(lag: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the weights of the exponentials for values by lag, and ``sum |error| / max(1, sum |value|)``."""
    rates, at, scale, inverse = _fit(lag.size)
    a = inverse @ (lag[at] * scale)
    missed = np.exp(-np.outer(np.arange(1, lag.size), rates)) @ a - lag[1:]
    return a, float(np.abs(missed).sum() / max(1.0, np.abs(lag[1:]).sum()))


@lru_cache(maxsize=8)
def _fit(steps: int) -> tuple[Any, ...]:
    """Return rates, the places to fit at, their weights, and the matrix from weighted values to weights of the modes."""
    n = int(np.clip(round(10.0 * np.log10(steps)), 2, MOST_MODES))
    rates = np.append(0.0, np.geomspace(0.3 / steps, 8.0, n - 1))
    at = np.unique(np.round(np.geomspace(1, max(steps - 1, 1), 600)).astype(int))[: steps - 1]
    scale = np.sqrt(at * np.gradient(at.astype(np.float64))) if at.size > 1 else np.ones(at.size)
    basis = np.exp(-np.outer(at, rates)) * scale[:, None]
    size = np.maximum(np.linalg.norm(basis, axis=0), 1e-300)
    return rates, at, scale, np.linalg.pinv(basis / size, rcond=SINGULAR) / size[:, None]
