"""Checks of options. Each takes a value, the class that asks and the option's name, and returns what to keep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.functional import _check


def number(
    value: Any, name: str, what: str, low: float = -math.inf, high: float = math.inf, below: bool = False
) -> float:
    """Return a finite float of at least `low` and at most `high` (less than it, with `below`)."""
    out = _check.number(value, name, what)
    if not low <= out <= high or (below and out == high):
        wanted = f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}{', exclusive' if below else ''}"
        raise ValueError(f"{name}: {what} out of range, got {value!r}; expected {wanted}.")
    return out


def not_negative(value: Any, name: str, what: str) -> float:
    """Return a finite float that is 0 or more."""
    return number(value, name, what, 0.0)


def above_zero(value: Any, name: str, what: str, high: float = math.inf) -> float:
    """Return a finite float above 0, and at most `high`."""
    out = number(value, name, what, 0.0, high)
    if out == 0:
        limit = "" if high == math.inf else f" and at most {high:g}"
        raise ValueError(f"{name}: {what} out of range, got {value!r}; expected above 0{limit}.")
    return out


def share(value: Any, name: str, what: str) -> float:
    """Return a float from 0 to 1."""
    return number(value, name, what, 0.0, 1.0)


def whole(value: Any, name: str, what: str, low: int = 1) -> int:
    """Return an integer of at least `low`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: {what} must be an integer, got {value!r}; expected {low} or more.")
    if value < low:
        raise ValueError(f"{name}: {what} out of range, got {value!r}; expected {low} or more.")
    return int(value)


def flag(value: Any, name: str, what: str) -> bool:
    """Return a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: {what} must be a bool, got {value!r}; expected True or False.")
    return bool(value)


def betas(value: Any, name: str, what: str) -> tuple[float, float]:
    """Return two floats from 0 to 1, exclusive."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {what} must be two numbers, got {value!r}; expected (beta1, beta2).") from None
    return beta(first, name, f"{what}[0]"), beta(second, name, f"{what}[1]")


def beta(value: Any, name: str, what: str) -> float:
    """Return a float from 0 to 1, exclusive."""
    return number(value, name, what, 0.0, 1.0, below=True)
