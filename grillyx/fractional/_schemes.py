"""Each scheme for a linear equation as a table; all parameters may carry a derivative in their imaginary part.

A complex step of 1e-20 is exact to rounding: ``d/da f(a) = imag f(a + i 1e-20) / 1e-20``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import gamma

from grillyx.fractional import _coefficients as weights
from grillyx.fractional._mittag_leffler import inverse_laplace

EPS = 1e-20  # the complex step
NEAR = 64  # so many first entries of "exact" are differences of two values


class Table(NamedTuple):
    """How a state is made of inputs and earlier states, in float64; see `table`."""

    lag: np.ndarray  # (steps,) T_m, the weight of h_{k-m}, m = 1 ... steps - 1; entry 0 is not used
    initial: np.ndarray  # (steps + 1,) e_k, the weight of w0 in u_k; entry 0 is 1
    start: np.ndarray | None  # (steps + 1,) S_k, the weight of x_0 in u_k; None where the method does not use x_0
    beta: float  # the weight of x_k in u_k
    p: float  # h_j = p x_j + q w_j
    q: float
    leak: bool  # whether w leaks: x is then the current plus the sum of all jumps, else the current alone
    modes: tuple[np.ndarray, np.ndarray] | None = None  # a (n,), rho (n,): T_m = sum_i a_i rho_i^m, m >= 1
    error: float = 0.0  # sum_m |T_m - sum_i a_i rho_i^m| / max(1, sum_m |T_m|)


class Equation(NamedTuple):
    """``sum_i coefficients_i D^alpha_i w = (x - w) / tau``, or ``x / tau`` without leak."""

    alpha: tuple[Any, ...]
    coefficients: tuple[Any, ...]
    tau: Any
    leak: bool


def exact(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the exact solution for an input that is constant over each step.

    With ``D = sum_i c_i s^alpha_i + leak / tau``, the answer to a step of the input has the transform ``1 / (tau s D)``, and
    that to w0 ``(D - leak / tau) / (s D)``.
    """
    rate, dual = 1.0 / eq.tau, np.iscomplexobj(np.array([*eq.alpha, *eq.coefficients, eq.tau]))
    r, dr = np.real(rate), np.imag(rate) / EPS
    orders = [(np.real(a), np.imag(a) / EPS) for a in eq.alpha]
    factors = [(np.real(c), np.imag(c) / EPS) for c in eq.coefficients]

    def invert(t: np.ndarray, of_input: bool, window: Any) -> np.ndarray:
        def value(s: np.ndarray) -> np.ndarray:
            whole = sum(c * s**a for (a, _), (c, _) in zip(orders, factors, strict=True))
            below = whole + r * eq.leak
            y = (r if of_input else whole) / below
            if not dual:
                return window(s) * y / s
            log = np.log(s)
            d = sum((dc + c * da * log) * s**a for (a, da), (c, dc) in zip(orders, factors, strict=True))
            dy = ((dr if of_input else d) - y * (d + dr * eq.leak)) / below
            return window(s) / s * np.stack([y, dy])

        out = inverse_laplace(value, t)
        return out[0] + 1j * EPS * out[1] if dual else out

    t = h * np.arange(1, steps + 1)
    grown = invert(t[:NEAR], True, np.ones_like)  # the answer to a constant input of 1
    # later differences in one transform: in those of two values they would drown in rounding
    far = invert(t[NEAR - 1 : steps - 1] + h / 2.0, True, lambda s: 2.0 * np.sinh(s * (h / 2.0)))
    lag = np.concatenate([[0.0], np.diff(grown), far])
    return Table(lag, np.append(1.0, invert(t, False, np.ones_like)), None, grown[0], 1.0, 0.0, eq.leak)


def grunwald_letnikov(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the Grünwald-Letnikov scheme, implicit in the leak.

    Its sum is the derivative at ``t - alpha h / 2`` to second order, so with one order the leak is taken there too, between the
    last two states: at ``alpha = 1`` this is Crank-Nicolson, of order 2. Below, the root-like start of a solution leaves
    order 1, with smaller errors. The larger the step, the later the leak is taken, so that the last state never gets a negative
    weight: each state is a mean of the start, the inputs and the states before, and no step is too large. Several orders
    have no such place in common: the leak is that of the new state.
    """
    return _differences(eq, [weights.grunwald_letnikov(steps, a) * h**-a for a in eq.alpha], _centre(eq, h))


def _centre(eq: Equation, h: float) -> Any:
    """Return the weight of the last state in the leak of `grunwald_letnikov`; that of the new one is the rest.

    ``alpha / sqrt(4 + z^2)`` with ``z = h^alpha / (c tau)`` is alpha / 2 to second order, and below alpha / z, where the last state
    would have a weight of 0.
    """
    if len(eq.alpha) > 1:
        return 0.0
    z = h ** eq.alpha[0] / (eq.coefficients[0] * eq.tau)
    return eq.alpha[0] / (4.0 + z * z) ** 0.5


def l1(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the implicit L1 scheme (order 2 - alpha where the solution is smooth)."""
    return _differences(eq, [weights.l1(steps, a) * h**-a / gamma(2.0 - a) for a in eq.alpha])


def _differences(eq: Equation, terms: list[np.ndarray], centre: Any = 0.0) -> Table:
    """``sum_{m<k} c_m (w_{k-m} - w0) = (x_k - (1 - centre) w_k - centre w_{k-1}) / tau``, solved for w_k."""
    c = sum(a * b for a, b in zip(eq.coefficients, terms, strict=True))
    assert isinstance(c, np.ndarray)
    rate = 1.0 / eq.tau
    whole = c[0] + rate * (1.0 - centre) * eq.leak
    initial, lag = np.append(1.0, np.cumsum(c) / whole), np.append(0.0, -c[1:] / whole)
    before = rate * centre * eq.leak / whole
    initial[1] -= before
    if lag.size > 1:
        lag[1] -= before
    return Table(lag, initial, None, rate / whole, 0.0, 1.0, eq.leak)


def trapezoid(eq: Equation, steps: int, h: float) -> Table:
    """Return the table of the fractional trapezoid, implicit in the leak (Diethelm, Ford and Freed's corrector)."""
    (alpha,), (factor,) = eq.alpha, eq.coefficients
    g = h**alpha / (gamma(2.0 + alpha) * eq.tau * factor)
    whole = 1.0 + g * eq.leak
    lag = weights.adams_moulton(steps, alpha) * g / whole
    lag[0] = 0.0
    start = weights.adams_moulton_start(steps + 1, alpha) * g / whole
    initial = 1.0 / whole - start * eq.leak
    initial[0] = 1.0
    return Table(lag, initial, start, g / whole, 1.0, -1.0 * eq.leak, eq.leak)


SCHEMES = {
    "exact": exact,
    "gl": grunwald_letnikov,
    "glmulti": grunwald_letnikov,
    "l1": l1,
    "trap": trapezoid,
    "pred": trapezoid,  # its corrector is linear in the leak, so it is solved and not iterated
}
ONE_TERM = ("trap", "pred")
