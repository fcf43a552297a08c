"""A table of a method as what the fused neuron runs: its answers to currents and to jumps, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import fftconvolve, lfilter

from grillyx.fractional._memory import fitted, response
from grillyx.fractional._schemes import Table
from grillyx.ops.fractional import Response

_DENSE = 16  # first entries that are used beside a sum of exponentials
_NOTHING = 1e-10  # weights that are smaller than this part of the largest end a table


def of_table(t: Table) -> Response:
    """Return what `fractional_neuron` takes, for a scheme ``u_k = e_k w0 + S_k x_0 + sum_j T_{k-j} h_j + beta x_k``.

    With a leak, a jump stays in the input ``x = I + A`` from the next step on, so that after m steps there is left of it
    ``1 - beta - T_1 - ... - T_{m-1}``, the lags being those of the solved scheme (``h_j = x_j``). Without one, all is left.
    """
    return _response(response(t), 1.0)


def slope_of(t: Table, slope: Table) -> Response:
    """Return the derivative of `of_table`, for a derivative of the table (`derivatives`)."""
    if t.q == 0.0:
        return _response(slope._replace(lag=t.p * slope.lag), 0.0)
    solved, below = response(t), -t.q * t.lag
    below[0] = 1.0

    def through(own: np.ndarray | None, answer: np.ndarray | None) -> np.ndarray:
        """Solve ``y_k = own_k + q sum_j (slope_{k-j} answer_j + T_{k-j} y_j)``, for entries from the first step on."""
        total = np.zeros(slope.lag.size) if own is None else own
        if answer is not None:
            total = total + t.q * fftconvolve(slope.lag, answer)[: total.size]
        return lfilter([1.0], below, total)

    drive = t.p * slope.lag
    drive[0] = slope.beta
    lag = through(drive, np.append(solved.beta, solved.lag[1:]))
    start = None
    if solved.start is not None:
        start = np.append(0.0, through(None if slope.start is None else slope.start[1:], solved.start[1:]))
    initial = np.append(0.0, through(slope.initial[1:], solved.initial[1:]))
    return _response(slope._replace(lag=lag, beta=float(lag[0]), initial=initial, start=start), 0.0)


def _response(t: Table, one: float) -> Response:
    """Return a solved table as a response; `one` is the derivative of 1, or 1 itself."""
    drive = np.append(t.beta, t.lag[1:])
    fade = one - np.append(0.0, np.cumsum(drive)) if t.leak else np.zeros(0)
    level = 0.0 if t.leak else one
    if t.modes is None:
        return Response(_ended(drive), _ended(fade), level, t.initial, t.start)
    a, rho = t.modes
    d, error = fitted(fade[:-1]) if t.leak else (np.zeros(a.size), 0.0)
    return Response(drive[:_DENSE], fade[:_DENSE], level, t.initial, t.start, (rho, a, d), max(t.error, error))


def _ended(table: np.ndarray) -> np.ndarray:
    """Cut off the end of a table where it is nothing beside the rest."""
    there = np.flatnonzero(np.abs(table) > _NOTHING * np.abs(table).max(initial=0.0))
    return table[: max(there[-1] + 1, 2)] if there.size else table[:2]


def of_tables(t: Table, slopes: Sequence[Sequence[Table]]) -> tuple[Response, list[list[Response]]]:
    """Return the response of a table, and those of its derivatives, which `fractional_neuron` takes as `slopes`."""
    return of_table(t), [[slope_of(t, s) for s in of_one] for of_one in slopes]
