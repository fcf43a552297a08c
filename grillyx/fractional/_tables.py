"""A linear fractional equation on a grid of steps as a table of weights, and the table's derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from grillyx.fractional import _memory
from grillyx.fractional._schemes import EPS, ONE_TERM, SCHEMES, Equation, Table

__all__ = ["Equation", "Table", "derivatives", "table"]
TOLERANCE = 1e-4  # of memory="exponentials"
Numbers = float | Sequence[float]


def table(
    method: str, steps: int, step: float = 1.0, *, alpha: Numbers, tau: float = 1.0, coefficients: Numbers | None = None,
    leak: bool = True, memory: int | str | None = None,
) -> Table:  # fmt: skip
    """Return how the next state is made of inputs and earlier states.

    For ``sum_i c_i D^alpha_i w = (x - w) / tau`` (Caputo, ``w(0) = w0``; without leak ``x / tau``), after step k = 1 ... steps

        u_k = e_k w0 + S_k x_0 + sum_{j=1}^{k-1} T_{k-j} h_j + beta x_k,   h_j = p x_j + q w_j

    x_k is the input over (t_{k-1}, t_k], w_k the state after step k. x_0 is the input at t = 0, which is that of the first step
    before any spike; only "trap" and "pred" use it.

    Args:
        method: "exact" (for an input constant over each step), "gl" or "glmulti" (Grünwald-Letnikov), "l1" (implicit
            L1), "trap" (implicit fractional trapezoid) or "pred" (the same: the corrector is solved for the leak). All are
            stable at any step.
        steps: how many steps there will be.
        step: h, above 0.
        alpha: the order in (0, 1], or several.
        tau: time constant, above 0.
        coefficients: one above 0 for each order; default 1.
        leak: False leaves ``- w`` out of the right side.
        memory: None or -1 for the whole history; M for the last M states, of which the oldest stands for all before it;
            "exponentials" for a sum of at most 40 exponentials, with the error in `.error`. For "trap" and "pred", these two
            take the weights of "exact".

    Raises:
        ValueError: for an argument outside of these, or where 40 exponentials miss an error of 1e-4.
    """
    return _table(*_checked(method, steps, step, alpha, tau, coefficients, leak, memory))


def derivatives(
    method: str, steps: int, step: float = 1.0, *, alpha: Numbers, tau: float = 1.0, coefficients: Numbers | None = None,
    leak: bool = True, memory: int | str | None = None, of: Sequence[str] = ("alpha", "tau", "coefficients"),
) -> dict[str, list[Table]]:  # fmt: skip
    """Return the derivatives of `table` in each alpha, in tau, and in each coefficient, to rounding.

    A list for each name in `of`, with a table for each order ("tau": one). Its entries are derivatives of those of the table;
    p and q do not depend on any parameter and are 0, and the rates of the modes are those of the table.
    """
    eq, *rest = _checked(method, steps, step, alpha, tau, coefficients, leak, memory)
    out: dict[str, list[Table]] = {}
    for name in of:
        if name not in ("alpha", "tau", "coefficients"):
            raise ValueError(f"derivatives: of must hold 'alpha', 'tau' or 'coefficients', got {name!r}.")
        out[name] = [_table(moved, *rest, True) for moved in _moved(eq, name)]
    return out


def _moved(eq: Equation, name: str) -> list[Equation]:
    """The equation with a complex step in one parameter at a time."""
    if name == "tau":
        return [eq._replace(tau=eq.tau + 1j * EPS)]
    values = eq.alpha if name == "alpha" else eq.coefficients
    stepped = [tuple(v + 1j * EPS * (i == k) for k, v in enumerate(values)) for i in range(len(values))]
    return [eq._replace(alpha=v) if name == "alpha" else eq._replace(coefficients=v) for v in stepped]


@lru_cache(maxsize=64)
def _table(eq: Equation, method: str, steps: int, step: float, memory: int | str | None, slope: bool = False) -> Table:
    partial = memory == "exponentials" or (isinstance(memory, int) and memory < steps)
    # a few slopes of trap hold no plateau, and its response to one input changes signs at large steps
    out = SCHEMES["exact" if partial and method in ONE_TERM else method](eq, steps, step)
    if memory == "exponentials":
        out = _memory.exponentials(out)
        if out.error > TOLERANCE and not slope:
            raise ValueError(
                f"fractional memory: exponentials miss the tolerance of {TOLERANCE} over {steps} steps, got an error of "
                f"{out.error:.1e}. Use memory=None or a number of steps."
            )
    elif isinstance(memory, int):
        out = _memory.truncated(out, memory)
    if slope:
        a_rho = None if out.modes is None else (np.imag(out.modes[0]) / EPS, out.modes[1])
        start = None if out.start is None else np.imag(out.start) / EPS
        lag, initial, beta = np.imag(out.lag) / EPS, np.imag(out.initial) / EPS, float(np.imag(out.beta) / EPS)
        out = Table(lag, initial, start, beta, 0.0, 0.0, eq.leak, a_rho)
    for array in (out.lag, out.initial, out.start, *(out.modes or ())):
        if array is not None:
            array.setflags(write=False)  # it is kept for the next call
    return out._replace(beta=float(out.beta))


def _checked(
    method: str, steps: Any, step: Any, alpha: Any, tau: Any, coefficients: Any, leak: bool, memory: Any
) -> tuple[Equation, str, int, float, int | str | None]:
    if method not in SCHEMES:
        raise ValueError(f"fractional method: unknown, got {method!r}; expected one of {', '.join(SCHEMES)}.")
    if int(steps) != steps or steps < 1:
        raise ValueError(f"fractional steps: must be a whole number of at least 1, got {steps!r}.")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"fractional step: must be above 0, got {step!r}.")
    if not (np.isfinite(tau) and tau > 0):
        raise ValueError(f"fractional tau: must be above 0, got {tau!r}.")
    orders = check_orders(alpha)
    factors = check_coefficients(coefficients, len(orders))
    if len(orders) > 1 and method in ONE_TERM:
        raise ValueError(
            f"fractional method: {method!r} takes one alpha, got {len(orders)}. Use 'exact', 'gl', 'l1' or 'glmulti'."
        )
    return Equation(orders, factors, float(tau), bool(leak)), method, int(steps), float(step), check_memory(memory)


def check_orders(alpha: Any) -> tuple[float, ...]:
    """Return one order or several as a tuple, or raise ValueError for any outside (0, 1]."""
    orders = np.asarray(alpha, np.float64)
    if orders.ndim > 1 or orders.size == 0 or not (np.all(orders > 0.0) and np.all(orders <= 1.0)):
        raise ValueError(f"fractional alpha: must lie in (0, 1], one number or a list of them, got {alpha!r}.")
    return tuple(orders.reshape(-1).tolist())


def check_coefficients(coefficients: Any, n: int) -> tuple[float, ...]:
    """Return a coefficient above 0 for each of n orders, 1 by default, or raise ValueError."""
    factors = np.ones(n) if coefficients is None else np.asarray(coefficients, np.float64).reshape(-1)
    if factors.size != n:
        raise ValueError(f"fractional coefficients: needs one for each alpha, got {factors.size} for {n}.")
    if not (np.all(np.isfinite(factors)) and np.all(factors > 0.0)):
        raise ValueError(f"fractional coefficients: must be above 0, got {coefficients!r}.")
    return tuple(factors.tolist())


def check_memory(memory: Any) -> int | str | None:
    """Return None, a number of steps of at least 1, or "exponentials", or raise ValueError."""
    if memory is None or (isinstance(memory, str) and memory == "exponentials"):
        return memory
    number = isinstance(memory, (int, float, np.integer, np.floating)) and not isinstance(memory, bool)
    if not (number and np.isfinite(memory) and int(memory) == memory and (memory >= 1 or memory == -1)):
        raise ValueError(
            f"fractional memory: must be None or -1 (all), a number of steps of at least 1, or 'exponentials', got {memory!r}."
        )
    return None if memory == -1 else int(memory)
