"""A sequence at other times: what a smaller step than that of the samples sees."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.functional import _check

METHODS = {"linear": 2, "nearest": 1, "cubic": 2, "akima": 3}  # the fewest samples


def interpolate(x: Any, x_time: Any, t: Any, method: str = "linear") -> Tensor:
    """Return a sequence at other times; outside of its own, the first and the last sample.

    "linear", "nearest" and "cubic" are one matrix product for all times. "cubic" is a cubic Hermite spline whose slope at a
    sample is that between its neighbours (Catmull-Rom); "akima" has Akima's slopes, which do not overshoot beside a jump.

    Args:
        x: (T, ...).
        x_time: (T,), increasing.
        t: (K,).
        method: one of the four.

    Returns:
        (K, ...).

    Raises:
        ValueError: an unknown method, times that do not increase or do not fit, fewer than 1 ("nearest"), 2 ("linear",
            "cubic") or 3 ("akima") samples.

    Source: Akima, "A new method of interpolation and smooth curve fitting based on local procedures", 1970.
    """
    x, times, at = as_tensor(x), to_numpy(x_time).astype(np.float64), to_numpy(t).astype(np.float64)
    _check.one_of(method, tuple(METHODS), "interpolate", "method")
    if x.ndim == 0 or times.shape != x.shape[:1] or at.ndim != 1:
        raise ValueError(
            f"interpolate: shapes do not fit, got x {x.shape}, x_time {times.shape} and t {at.shape}; expected (T, ...), (T,) "
            "and (K,)."
        )
    if not np.all(np.isfinite(times)) or not np.all(np.diff(times) > 0.0):
        raise ValueError(f"interpolate: x_time must increase, got {times}.")
    if times.size < METHODS[method]:
        raise ValueError(f"interpolate: {method!r} needs {METHODS[method]} samples, got {times.size}.")
    at = np.clip(at, times[0], times[-1])
    flat = x.reshape(x.shape[0], -1)
    out = _akima(flat, times, at) if method == "akima" else F.matmul(Tensor(_matrix(times, at, method)), flat)
    return out.reshape(at.size, *x.shape[1:])


def _place(times: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the interval of each time, its width, and the part of it that has passed."""
    k = np.clip(np.searchsorted(times, at) - 1, 0, times.size - 2)
    width = times[k + 1] - times[k]
    return k, width, (at - times[k]) / width


def _hermite(u: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the weights of the two values and the two slopes."""
    return (1 + 2 * u) * (1 - u) ** 2, u * u * (3 - 2 * u), u * (1 - u) ** 2, u * u * (u - 1)


def _matrix(times: np.ndarray, at: np.ndarray, method: str) -> np.ndarray:
    """Return the weights (K, T) of the samples, float32."""
    out = np.zeros((at.size, times.size))
    rows = np.arange(at.size)
    if method == "nearest":  # of two equally near, the first
        out[rows, np.abs(times[None] - at[:, None]).argmin(axis=1)] = 1.0
        return out.astype(np.float32)
    k, width, u = _place(times, at)
    if method == "linear":
        out[rows, k], out[rows, k + 1] = 1.0 - u, u
        return out.astype(np.float32)
    left, right, slope_left, slope_right = _hermite(u)
    out[rows, k], out[rows, k + 1] = left, right
    for node, weight in ((k, slope_left), (k + 1, slope_right)):
        below, above = np.maximum(node - 1, 0), np.minimum(node + 1, times.size - 1)
        part = weight * width / (times[above] - times[below])
        np.add.at(out, (rows, above), part)
        np.add.at(out, (rows, below), -part)
    return out.astype(np.float32)


def _akima(x: Tensor, times: np.ndarray, at: np.ndarray) -> Tensor:
    """Return Akima's interpolation of x (T, M): slopes between samples, weighted by how little they change nearby."""
    n = times.size
    between = (x[1:] - x[:-1]) / Tensor(np.diff(times).astype(np.float32)[:, None])  # (T - 1, M)
    first, second, last, before = between[0], between[1], between[n - 2], between[n - 3]
    ghosts = [3.0 * first - 2.0 * second, 2.0 * first - second], [2.0 * last - before, 3.0 * last - 2.0 * before]
    m = F.concatenate([F.stack(ghosts[0]), between, F.stack(ghosts[1])])  # (T + 3, M); two beyond each end
    change = F.abs(m[1:] - m[:-1])  # (T + 2, M)
    left, right = change[2:], change[:-2]  # how much they change after a sample, and before it
    total = left + right
    flat = total <= 1e-9 * (F.abs(m[1:-2]) + F.abs(m[2:-1]) + 1e-30)
    slope = F.where(flat, (m[1:-2] + m[2:-1]) * 0.5, (left * m[1:-2] + right * m[2:-1]) / F.where(flat, 1.0, total))
    k, width, u = _place(times, at)
    parts = [Tensor(w.astype(np.float32)[:, None]) for w in _hermite(u)]
    h = Tensor(width.astype(np.float32)[:, None])
    values = F.take(x, k, axis=0) * parts[0] + F.take(x, k + 1, axis=0) * parts[1]
    return values + (F.take(slope, k, axis=0) * parts[2] + F.take(slope, k + 1, axis=0) * parts[3]) * h
