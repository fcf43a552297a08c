"""The fractional orders of all layers, as a user gives them, and what of them is learned."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from grillyx.autograd import to_numpy
from grillyx.fractional._tables import check_coefficients, check_orders
from grillyx.functional import _check

MODES = ("auto", "per_layer", "multiterm")
Lists = list[list[float]]


class Orders(NamedTuple):
    """Orders and their coefficients for each layer."""

    alpha: Lists
    coefficients: Lists
    shared: bool  # one number was given for all layers


def _plain(value: Any, what: str) -> Any:
    """Return a float, a list of floats, or a list with lists in it."""
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError(f"SNNWrapper: {what} is empty; expected a number or a list of numbers.")
        return [_plain(v, what) for v in value]
    if value is None:
        return None
    host = to_numpy(value)
    return _check.number(host.item(), "SNNWrapper", what) if host.ndim == 0 else _plain(host.tolist(), what)


def _per_layer(values: list[Any], layers: int, what: str) -> list[Any]:
    if len(values) != layers:
        raise ValueError(
            f"SNNWrapper: {what} must have an entry for each neuron layer, got {len(values)}; expected {layers}."
        )
    return values


def orders_of(alpha: Any, coefficients: Any, mode: str, layers: int) -> Orders:
    """Return the orders of each layer; see `SNNWrapper`."""
    _check.one_of(mode, MODES, "SNNWrapper", "alpha_mode")
    alpha, factors = _plain(alpha, "alpha"), _plain(coefficients, "multi_coefficient")
    nested = isinstance(factors, list) and any(f is None or isinstance(f, list) for f in factors)
    if not isinstance(alpha, list):
        per_layer = [[alpha]] * layers
    elif any(isinstance(a, list) for a in alpha):
        per_layer = [a if isinstance(a, list) else [a] for a in _per_layer(alpha, layers, "alpha")]
    elif mode == "per_layer" or (mode == "auto" and factors is None and len(alpha) == layers):
        per_layer = [[a] for a in _per_layer(alpha, layers, "alpha")]
    else:
        if mode == "auto" and factors is None:
            warnings.warn(
                f"SNNWrapper: {len(alpha)} orders for {layers} neuron layers: all layers get all of them. Say so with "
                "alpha_mode='multiterm'.", UserWarning, stacklevel=4,
            )  # fmt: skip
        per_layer = [alpha] * layers
    if factors is None or (not isinstance(alpha, list)):
        given: list[Any] = [None] * layers
    else:
        given = _per_layer(factors, layers, "multi_coefficient") if nested else [factors] * layers
    out = [f if f is None or isinstance(f, list) else [f] * len(a) for f, a in zip(given, per_layer, strict=True)]
    for a, f in zip(per_layer, out, strict=True):
        if f is not None and len(f) != len(a):
            raise ValueError(
                f"SNNWrapper: multi_coefficient needs one for each order, got {len(f)} for {len(a)} of a layer."
            )
    return Orders(
        [list(a) for a in per_layer],
        [[1.0] * len(a) if f is None else list(f) for a, f in zip(per_layer, out, strict=True)],
        not isinstance(alpha, list),
    )


def check(orders: Orders) -> None:
    """Raise ValueError for an order outside (0, 1] or a coefficient that is not positive."""
    for a, f in zip(orders.alpha, orders.coefficients, strict=True):
        check_orders(a)
        check_coefficients(f, len(a))


def flags(value: Any, layers: int, what: str) -> list[bool]:
    """Return for each layer whether it learns."""
    if isinstance(value, (list, tuple)):
        return [bool(v) for v in _per_layer(list(value), layers, what)]
    return [bool(value)] * layers


def flat(lists: Lists, learned: list[bool]) -> np.ndarray:
    """Return what is learned, one after the other."""
    return np.array([v for values, learns in zip(lists, learned, strict=True) if learns for v in values])
