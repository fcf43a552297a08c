"""A linear fractional equation as a table: how the next state is made of inputs and earlier states.

``sum_i a_i D^alpha_i w = (x - w) / tau`` (or ``x / tau`` without leak), Caputo, ``w(0) = w0``, on steps of `h`:

    u_k = e_k w0 + S_k x_0 + sum_{j=1}^{k-1} T_{k-j} h_j + beta x_k,   h_j = p x_j + q w_j

k counts the steps from 1, x_k is the input over (t_{k-1}, t_k], w_k the state after step k. x_0 is the input at t = 0, the
first step's before any spike; only the methods "trap" and "pred" use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from grillyx.fractional import _coefficients as weights
from grillyx.fractional._mittag_leffler import inverse_laplace


NEAR = 64  # so many first entries of "exact" are differences of the two values


class Table(NamedTuple):
    """Weights of a method, float64."""

    lag: np.ndarray  # (steps,) T_m, the weight of h_{k-m}, m = 1 ... steps - 1; entry 0 is not used
    initial: np.ndarray  # (steps + 1,) e_k, the weight of w0 in u_k; entry 0 is 1
    start: np.ndarray | None  # (steps + 1,) S_k, the weight of x_0 in u_k; None where the method does not use x_0
    beta: float  # the weight of x_k in u_k
    p: float  # h_j = p x_j + q w_j
    q: float
    leak: bool  # whether w leaks: x is then the current plus the sum of all jumps, else the current alone
    modes: tuple[np.ndarray, np.ndarray] | None = None  # a (n,), rho (n,): T_m = sum_i a_i rho_i^m, m >= 1
    error: float = 0.0  # sum_m |T_m - sum_i a_i rho_i^m|: the error of u for inputs in [-1, 1]


class Equation(NamedTuple):
    """Orders, their coefficients, the time constant, and whether there is a leak."""

    alpha: tuple[Any, ...]
    coefficients: tuple[Any, ...]
    tau: Any
    leak: bool


def table(
    method: str, steps: int, step: float = 1.0, *, alpha: float | Sequence[float], tau: float = 1.0,
    coefficients: Sequence[float] | None = None, leak: bool = True, memory: int | str | None = None,
) -> Table:  # fmt: skip
    """Return the table of a method.

    Args:
        method: "exact" or "gl".
        steps: how many steps there will be.
        step: h, above 0.
        alpha: the order in (0, 1], or several for ``sum_i coefficients[i] D^alpha[i]``.
        tau: time constant, above 0.
        coefficients: one for each order; default 1.
        leak: False leaves ``- w`` out of the right side.
        memory: None or -1 for the whole history.
    """
    eq = Equation(_orders(alpha), _ones(alpha, coefficients), float(tau), leak)
    return METHODS[method](eq, steps, float(step))


def _orders(alpha: Any) -> tuple[float, ...]:
    return tuple(float(a) for a in np.atleast_1d(np.asarray(alpha, np.float64)))


def _ones(alpha: Any, coefficients: Any) -> tuple[float, ...]:
    return (1.0,) * len(_orders(alpha)) if coefficients is None else tuple(float(c) for c in coefficients)


def exact(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the exact solution for an input that is constant over each step."""
    rate = 1.0 / eq.tau

    def power(s: Any, less: float) -> Any:
        return sum(c * s ** (a - less) for a, c in zip(eq.alpha, eq.coefficients, strict=True))

    t = h * np.arange(1, steps + 1)
    response = lambda s: rate / (power(s, 0.0) + rate * eq.leak)  # noqa: E731
    grown = inverse_laplace(lambda s: response(s) / s, t[:NEAR])  # the answer to a constant input of 1
    # far differences in one transform: they would drown in the rounding of the two values
    far = inverse_laplace(lambda s: 2.0 * np.sinh(s * (h / 2.0)) / s * response(s), t[NEAR - 1 : steps - 1] + h / 2.0)
    initial = inverse_laplace(lambda s: power(s, 1.0) / (power(s, 0.0) + rate * eq.leak), t)
    lag = np.concatenate([[0.0], np.diff(grown), far])
    return Table(lag, np.append(1.0, initial), None, float(grown[0]), 1.0, 0.0, eq.leak)


def grunwald(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the implicit Grünwald-Letnikov scheme."""
    c = sum(
        a * weights.grunwald_letnikov(steps + 1, o) / weights.step_factor("gl", h, o)
        for o, a in zip(eq.alpha, eq.coefficients, strict=True)
    )
    rate = 1.0 / eq.tau
    whole = c[0] + rate * eq.leak
    sums = np.cumsum(c)[:-1]
    return Table(-c[:-1] / whole, np.append(1.0, sums / whole), None, rate / whole, 0.0, 1.0, eq.leak)


METHODS = {"exact": exact, "gl": grunwald, "glmulti": grunwald}
