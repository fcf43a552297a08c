"""Ordinary differential equations with fixed steps, for any function of tensors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, to_numpy

Function = Callable[[float, Tensor], Any]


def _euler(f: Function, t: float, h: float, y: Tensor) -> Tensor:
    return y + h * as_tensor(f(t, y))


def _midpoint(f: Function, t: float, h: float, y: Tensor) -> Tensor:
    return y + h * as_tensor(f(t + h / 2, y + (h / 2) * as_tensor(f(t, y))))


def _heun(f: Function, t: float, h: float, y: Tensor) -> Tensor:
    a = as_tensor(f(t, y))
    return y + (h / 2) * (a + as_tensor(f(t + h, y + h * a)))


def _rk4(f: Function, t: float, h: float, y: Tensor) -> Tensor:
    a = as_tensor(f(t, y))
    b = as_tensor(f(t + h / 2, y + (h / 2) * a))
    c = as_tensor(f(t + h / 2, y + (h / 2) * b))
    d = as_tensor(f(t + h, y + h * c))
    return y + (h / 6) * (a + 2.0 * (b + c) + d)


METHODS = {"euler": _euler, "midpoint": _midpoint, "heun": _heun, "rk4": _rk4}


def odeint(f: Function, y0: Any, t: Any, method: str = "rk4", *, options: dict[str, Any] | None = None) -> Tensor:
    """Solve ``dy/dt = f(t, y)``, ``y(t[0]) = y0`` with fixed steps; torchdiffeq's argument order.

    All steps are on the tape: gradients for y0, and for every tensor that f uses, are those of the numbers that are returned.

    Args:
        f: f(t, y) with t a float and y (*); returns (*).
        y0: (*).
        t: (K,) times, increasing or decreasing; steps may differ.
        method: "euler" (order 1), "midpoint" (2), "heun" (2) or "rk4" (4, the classical one).
        options: {"step_size": h} takes steps of at most h between two times.

    Returns:
        (K, *): y at each time, y0 first.

    Raises:
        ValueError: an unknown method or option, or times that do not go one way.
    """
    if method not in METHODS:
        raise ValueError(f"odeint: unknown method, got {method!r}; expected one of {', '.join(METHODS)}.")
    times, size = times_of("odeint", t), step_size("odeint", options)
    y = as_tensor(y0).astype(np.float32)
    out = [y]
    for start, end in pairwise(times):
        n = 1 if size is None else max(1, int(np.ceil(abs(end - start) / size * (1 - 1e-9))))
        h = (end - start) / n
        for i in range(n):
            y = METHODS[method](f, float(start + i * h), float(h), y)
            check_shape("odeint", y, out[0])
        out.append(y)
    return F.stack(out)


def times_of(name: str, t: Any) -> np.ndarray:
    """Return times as float64, or raise ValueError where they do not go one way."""
    times = np.asarray(to_numpy(t), np.float64)
    steps = np.diff(times) if times.ndim == 1 else np.zeros(1)
    if times.size == 0 or not np.all(np.isfinite(times)) or not (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(f"{name}: t must be (K,) times that all increase or all decrease, got {t!r}.")
    return times


def step_size(name: str, options: dict[str, Any] | None) -> float | None:
    """Return the option "step_size", or raise ValueError for another one."""
    unknown = set(options or {}) - {"step_size"}
    if unknown:
        raise ValueError(f"{name}: unknown options, got {sorted(unknown)}; expected 'step_size'.")
    size = (options or {}).get("step_size")
    if size is not None and not size > 0:
        raise ValueError(f"{name}: step_size must be above 0, got {size!r}.")
    return size


def check_shape(name: str, y: Tensor, y0: Tensor) -> None:
    """Raise ValueError where f does not return the shape of y0."""
    if y.shape != y0.shape:
        raise ValueError(
            f"{name}: f must return the shape of y0, {y0.shape}; with what it returned y would be {y.shape}."
        )
