"""Functions of one and two variables, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, Array
from grillyx.ops import Result
from grillyx.ops.pointwise import COMPARISONS, apply, cast, choose, combine, common, slope
from grillyx.ops.reduce import unbroadcast
from grillyx.ops.shape import expanded, fill

FLAT = frozenset(("sign", "floor", "ceil", "round")) | COMPARISONS  # functions whose derivative is 0
_FROM_Y = frozenset(
    ("exp", "sqrt", "rsqrt", "tanh", "sigmoid", "exp_base", "expm1")
)  # whose derivative is a function of y


def unary(x: Array, *, name: str, a: float = 0.0, b: float = 0.0) -> Result:
    """``f(x)`` for a function of ``functions.glsl``, with its parameters."""
    x = cast(x, FLOAT)
    y = apply(x, name, a, b)

    if name in FLAT:
        return y, None
    # what the derivative does not need is not kept: memory is what backpropagation through time runs out of
    kept_x = x if name not in _FROM_Y else None
    kept_y = y if name in _FROM_Y or name == "silu" else None
    if name == "affine":
        return y, lambda g: (apply(g, "affine", a, 0.0),)

    if name == "relu":  # no product: 0 times infinity is not 0
        return y, lambda g: (combine(g, y, "masked"),)
    return y, lambda g: (slope(g, name, kept_x, kept_y, a, b),)


def _share(a: Array, b: Array, y: Array) -> Array:
    """Return how much of the gradient goes to a where ``y`` is the larger (or smaller) of a and b: ties are halved."""
    wins, loses = cast(combine(a, y, "equal"), FLOAT), cast(combine(b, y, "equal"), FLOAT)
    return apply(combine(wins, loses, "subtract"), "affine", 0.5, 0.5)


def _exponent_below(b: Array) -> Array:
    """Return ``b - 1``, and 1 where b is 0: there the slope is 0, also at a base of 0."""
    return choose(b, apply(b, "affine", 1.0, -1.0), fill(b.shape, 1.0))


def _log_of_base(a: Array) -> Array:
    """Return ``log(a)``, and 0 where a is 0: there ``a**b`` does not change with b."""
    return apply(choose(a, a, fill(a.shape, 1.0)), "log")


# the gradients for a and for b, each before it is summed over the axes that were broadcast
_GRADIENTS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "add": (lambda g, a, b, y: g, lambda g, a, b, y: g),
    "subtract": (lambda g, a, b, y: g, lambda g, a, b, y: apply(g, "affine", -1.0, 0.0)),
    "multiply": (lambda g, a, b, y: combine(g, b, "multiply"), lambda g, a, b, y: combine(g, a, "multiply")),
    "divide": (
        lambda g, a, b, y: combine(g, b, "divide"),
        lambda g, a, b, y: apply(combine(combine(g, y, "multiply"), b, "divide"), "affine", -1.0, 0.0),
    ),
    "power": (
        lambda g, a, b, y: combine(g, combine(b, combine(a, _exponent_below(b), "power"), "multiply"), "multiply"),
        lambda g, a, b, y: combine(g, combine(y, _log_of_base(a), "multiply"), "multiply"),
    ),
    "remainder": (
        lambda g, a, b, y: g,
        lambda g, a, b, y: apply(combine(g, combine(a, b, "floor_divide"), "multiply"), "affine", -1.0, 0.0),
    ),
    "maximum": (
        lambda g, a, b, y: combine(g, _share(a, b, y), "multiply"),
        lambda g, a, b, y: combine(g, _share(b, a, y), "multiply"),
    ),
}
_GRADIENTS["minimum"] = _GRADIENTS["maximum"]


def binary(a: Array, b: Array, *, name: str) -> Result:
    """``g(a, b)`` for a function of ``binary_functions.glsl``, with broadcasting."""
    y = combine(a, b, name)
    if name not in _GRADIENTS or y.dtype != FLOAT:
        return y, None
    for_a, for_b = _GRADIENTS[name]
    shape_a, shape_b = a.shape, b.shape
    # as in unary: keep only what the derivatives need
    u, v = (None, None) if name in ("add", "subtract") else (a, b)
    w = y if name in ("divide", "power", "maximum", "minimum") else None

    def pullback(g: Array) -> Any:
        return (
            lambda: unbroadcast(for_a(g, u, v, w), shape_a),
            lambda: unbroadcast(for_b(g, u, v, w), shape_b),
        )

    return y, pullback


def where(condition: Array, a: Array, b: Array) -> Result:
    """``a`` where the condition holds, else ``b``, with broadcasting."""
    a2, b2 = (a, b) if a.dtype == b.dtype else common(a, b, "add")[:2]
    shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    mask = expanded(cast(condition, FLOAT), shape)
    y = choose(mask, expanded(a2, shape), expanded(b2, shape))
    shape_a, shape_b = a.shape, b.shape

    def pullback(g: Array) -> Any:
        return (
            None,
            lambda: unbroadcast(combine(g, cast(apply(mask, "not_equal", 0.0), FLOAT), "multiply"), shape_a),
            lambda: unbroadcast(combine(g, cast(apply(mask, "equal", 0.0), FLOAT), "multiply"), shape_b),
        )

    return y, pullback if y.dtype == FLOAT else None


def astype(x: Array, *, dtype: Any) -> Result:
    """Another dtype; the gradient passes only between floats (and booleans, which have none)."""
    return cast(x, dtype), (lambda g: (g,)) if x.dtype == dtype == FLOAT else None
