"""Fractional differential equations on a uniform grid, for any function of tensors."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gamma

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional import _coefficients as weights
from grillyx.fractional import _memory
from grillyx.fractional._history import Blocks, Modes
from grillyx.fractional._host import tensors
from grillyx.fractional._odeint import Function, check_shape, step_size, times_of
from grillyx.fractional._tables import TOLERANCE, check_coefficients, check_memory, check_orders

DIFFERENCES, ADAMS = ("gl", "glmulti", "l1"), ("pred", "trap")
MOST_CORRECTIONS = 10


class _Plan(NamedTuple):
    """What a scheme needs besides f: the history, and weights as numbers or tensors."""

    history: Blocks | Modes
    first: Any  # (rows, steps + 1): weights of F_0
    gain: Any  # of f at the new step
    early: Any  # the predictor's gain (Adams)
    reach: int | None  # a short memory


def fdeint(
    f: Function, y0: Any, t: Any, method: str = "gl", *, alpha: Any = 0.5, memory: int | str | None = None,
    coefficients: Any = None, leak: float = 0.0, corrections: int | None = None, options: dict[str, Any] | None = None,
) -> Tensor:  # fmt: skip
    """Solve ``sum_i c_i D^alpha_i y = f(t, y) - leak y``, ``y(t[0]) = y0``, with Caputo derivatives, 0 < alpha <= 1.

    All steps are on the tape: gradients for y0, alpha, the coefficients and every tensor that f uses are those of the numbers
    that are returned. f is taken explicitly, so that steps must be small where it is stiff; what `leak` says is solved in
    closed form, and stable at any step.

    | method | scheme | order |
    |---|---|---|
    | "gl", "glmulti" | Grünwald-Letnikov of y - y0; at alpha = 1 Euler's | 1 |
    | "l1" | L1, two corrections from an extrapolated y | 2 - alpha |
    | "pred" | predictor-corrector of Diethelm, Ford and Freed (2002), one correction | min(2, 1 + alpha) |
    | "trap" | the same with ceil(1 / alpha) corrections, at most 10 | 2 |

    The orders hold where y is smooth; near t[0] it seldom is, see the page on solvers. With ``memory=M`` the derivative begins M
    steps back, where y was what it was (the short-memory principle): cheap, and crude. ``"exponentials"`` takes at most 40
    exponentials for the weights: O(1) work and storage a step.

    Args:
        f: f(t, y) with t a float and y (*); returns (*).
        y0: (*).
        t: (K,) times, equally spaced and increasing.
        method: see above.
        alpha: the order in (0, 1], or several for "gl", "glmulti" and "l1"; a tensor gets a gradient.
        memory: None or -1 for everything, a number of steps, or "exponentials".
        coefficients: one above 0 for each order; default 1. A tensor gets a gradient.
        leak: 0 or above.
        corrections: how often y of the new step goes through f again.
        options: {"step_size": h} takes smaller steps, of which the distance of two times is a multiple.

    Returns:
        (K, *): y at each time, y0 first.

    Raises:
        ValueError: an unknown method or option, an alpha outside (0, 1], several for "pred" or "trap", times that are not
            equally spaced, or a step size that does not divide their distance.
    """
    if method not in DIFFERENCES + ADAMS:
        raise ValueError(f"fdeint: unknown method, got {method!r}; expected one of {', '.join(DIFFERENCES + ADAMS)}.")
    orders = check_orders(alpha.numpy() if isinstance(alpha, Tensor) else alpha)
    check_coefficients(coefficients.numpy() if isinstance(coefficients, Tensor) else coefficients, len(orders))
    if len(orders) > 1 and method in ADAMS:
        raise ValueError(f"fdeint: {method!r} takes one alpha, got {len(orders)}. Use 'gl', 'glmulti' or 'l1'.")
    if not (np.isfinite(leak) and leak >= 0):
        raise ValueError(f"fdeint: leak must be 0 or above, got {leak!r}.")
    if corrections is None:
        corrections = {"l1": 2, "pred": 1, "trap": min(MOST_CORRECTIONS, int(np.ceil(1 / orders[0])))}.get(method, 0)
    least = int(method in ADAMS)
    if corrections < least or int(corrections) != corrections:
        raise ValueError(
            f"fdeint: corrections must be a whole number of at least {least} for {method!r}, got {corrections!r}."
        )
    kept, (times, stride) = check_memory(memory), _grid(t, options)
    y = as_tensor(y0).astype(np.float32)
    if times.size == 1:
        return F.stack([y])
    h = (times[-1] - times[0]) / (times.size - 1)
    solve = _adams if method in ADAMS else _differences
    plan = _plan(method, times.size - 1, float(h), alpha, 1.0 if coefficients is None else coefficients, leak, kept)
    return F.stack(solve(f, y, times, plan, float(leak), int(corrections))[::stride])


def _grid(t: Any, options: dict[str, Any] | None) -> tuple[np.ndarray, int]:
    """Return the times of all steps, and how many steps there are from a given time to the next."""
    times, size = times_of("fdeint", t), step_size("fdeint", options)
    if times.size == 1:
        return times, 1
    gaps = np.diff(times)
    if gaps[0] < 0 or np.ptp(gaps) > 1e-4 * gaps.mean():  # 1e-4: what float32 leaves of a fine grid
        raise ValueError(
            f"fdeint: times must be equally spaced and increase, got steps from {gaps.min():g} to {gaps.max():g}. "
            "Solve on an even grid, and interpolate, or pick from it."
        )
    n = 1 if size is None else round(gaps.mean() / size)
    if size is not None and (n < 1 or abs(n * size - gaps.mean()) > 1e-4 * gaps.mean()):
        raise ValueError(f"fdeint: step_size must divide the distance of two times, {gaps.mean():g}, got {size!r}.")
    return np.linspace(times[0], times[-1], (times.size - 1) * n + 1), n


def _plan(
    method: str, steps: int, h: float, alpha: Any, coefficients: Any, leak: float, memory: int | str | None
) -> _Plan:
    reach = memory if isinstance(memory, int) and memory < steps else None
    lags = (reach or steps) + 1

    def host(orders: Any, factors: Any) -> Sequence[np.ndarray]:
        orders, factors = np.broadcast_arrays(np.atleast_1d(orders), np.atleast_1d(factors))
        make = _adams_weights if method in ADAMS else _difference_weights
        rows, first, gain, early = make(method, lags, h, orders, factors, leak, reach)
        if memory == "exponentials":
            return [np.stack([_modes(r, method) for r in rows]), first, gain, early]
        return [rows, first, gain, early]

    rows, first, gain, early = tensors(host, alpha, coefficients)
    rho = np.exp(-_memory._fit(lags)[0])
    history = Modes(rows, rho) if memory == "exponentials" else Blocks(rows, steps)
    return _Plan(history, first, gain, early, reach)


def _modes(row: np.ndarray, method: str) -> np.ndarray:
    """Return the weights of the exponentials for a row of weights by lag."""
    a, error = _memory.fitted(row)
    if error > TOLERANCE:
        raise ValueError(
            f"fdeint: exponentials miss the tolerance of {TOLERANCE} for {method!r} over {row.size} steps, got {error:.1e}. "
            "Use memory=None or a number of steps."
        )
    return a


def _difference_weights(
    method: str, n: int, h: float, orders: Any, factors: Any, leak: float, reach: int | None
) -> tuple[np.ndarray, ...]:
    """``y_k = y_0 + gain (f - leak y_0) - sum_m c_m (y_{k-m} - y_0)``."""
    one = weights.l1 if method == "l1" else weights.grunwald_letnikov
    c = sum(b * one(n, a) / weights.step_factor(method, h, a) for a, b in zip(orders, factors, strict=True))
    gain = 1.0 / (c[0] + leak)
    c = -c * gain
    if reach:  # the sum of all weights is 0: what was before counts as the oldest
        c[reach] = -c[:reach].sum()
    c[0] = 0.0
    return c[None], np.zeros(1), np.asarray(gain), np.zeros(())


def _adams_weights(
    method: str, n: int, h: float, orders: Any, factors: Any, leak: float, reach: int | None
) -> tuple[np.ndarray, ...]:
    """Weights of the corrector and of the predictor by lag, those of F_0, and the gains; without ``1 / (1 + gain leak)``."""
    alpha, factor = orders[0], factors[0]
    gain, early = (h**alpha / (gamma(k + alpha) * factor) for k in (2.0, 1.0))
    a, b = weights.adams_moulton(n, alpha) * gain, weights.adams_bashforth(n, alpha) * early
    first = np.stack([weights.adams_moulton_start(n, alpha) * gain, np.append(0.0, b[:-1])])
    if leak:  # the predictor then takes states at the ends of the steps, so that the leak may be solved for
        first[1] = 0.0
    else:
        b = np.append(0.0, b[:-1])
    rows = np.stack([a, b])
    rows[:, 0] = 0.0
    if reach:
        rows[:, reach] = first[:, reach]
    return rows, first, np.asarray(gain), np.asarray(early)


def _differences(
    f: Function, y0: Tensor, times: np.ndarray, plan: _Plan, leak: float, corrections: int
) -> list[Tensor]:
    out, history = [y0], plan.history
    fixed = y0 - plan.gain * (leak * y0) if leak else y0
    for k in range(1, times.size):
        base = fixed + _shaped(history.total()[0], y0)
        y = out[-1]
        if not corrections:
            y = base + plan.gain * as_tensor(f(float(times[k - 1]), y))
        elif k > 1:
            y = 2.0 * y - out[-2]
        for _ in range(corrections):
            y = base + plan.gain * as_tensor(f(float(times[k]), y))
        check_shape("fdeint", y, y0)
        out.append(y)
        history.push(y - y0)
    return out


def _adams(f: Function, y0: Tensor, times: np.ndarray, plan: _Plan, leak: float, corrections: int) -> list[Tensor]:
    def slope(k: int, y: Tensor) -> tuple[Tensor, Tensor]:
        given = as_tensor(f(float(times[k]), y))
        return given, given - leak * y if leak else given

    out, history = [y0], plan.history
    shrink, shrink_early = (1.0 / (1.0 + g * leak) if leak else 1.0 for g in (plan.gain, plan.early))
    given, whole = slope(0, y0)
    start = whole
    states: deque[Tensor] = deque([y0], maxlen=plan.reach)
    for k in range(1, times.size):
        late, soon = (_shaped(part, y0) for part in history.total())
        if plan.reach is None or k <= plan.reach:
            late, soon = late + plan.first[0, k] * start, soon + plan.first[1, k] * start
        base = states[0] if plan.reach else y0  # where the memory begins
        soon = soon + plan.early * given if leak else soon
        y = (base + soon) * shrink_early
        for _ in range(corrections):
            y = (base + late + plan.gain * as_tensor(f(float(times[k]), y))) * shrink
        check_shape("fdeint", y, y0)
        out.append(y)
        states.append(y)
        given, whole = slope(k, y)
        history.push(whole)
    return out


def _shaped(part: Any, y: Tensor) -> Any:
    return part.reshape(y.shape) if isinstance(part, Tensor) else part
