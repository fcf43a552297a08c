"""Functions of one variable: elementary ones and activations."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.engine.array import FLOAT
from grillyx.functional import _check
from grillyx.functional._elementwise import astype, is_whole, multiply
from grillyx.ops import elementwise

_unary = differentiable(elementwise.unary)


def exp(x: Any) -> Tensor:
    """Return ``e**x``."""
    return _unary(x, name="exp")


def log(x: Any) -> Tensor:
    """Return the natural logarithm."""
    return _unary(x, name="log")


def log1p(x: Any) -> Tensor:
    """Return ``log(1 + x)``, exact near 0."""
    return _unary(x, name="log1p")


def expm1(x: Any) -> Tensor:
    """Return ``e**x - 1``, exact near 0."""
    return _unary(x, name="expm1")


def sqrt(x: Any) -> Tensor:
    """Return the square root."""
    return _unary(x, name="sqrt")


def rsqrt(x: Any) -> Tensor:
    """Return one over the square root."""
    return _unary(x, name="rsqrt")


def square(x: Any) -> Tensor:
    """Return ``x * x``."""
    x = as_tensor(x)
    return multiply(x, x) if is_whole(x) else _unary(x, name="square")


def reciprocal(x: Any) -> Tensor:
    """Return ``1 / x``."""
    return _unary(x, name="reciprocal", a=1.0)


def sin(x: Any) -> Tensor:
    """Return the sine."""
    return _unary(x, name="sin")


def cos(x: Any) -> Tensor:
    """Return the cosine."""
    return _unary(x, name="cos")


def tanh(x: Any) -> Tensor:
    """Return the hyperbolic tangent."""
    return _unary(x, name="tanh")


def sigmoid(x: Any) -> Tensor:
    """Return ``1 / (1 + e**-x)``."""
    return _unary(x, name="sigmoid")


def erf(x: Any) -> Tensor:
    """Return the error function."""
    return _unary(x, name="erf")


def sign(x: Any) -> Tensor:
    """Return -1, 0 or 1; there is no gradient."""
    x = as_tensor(x)
    return astype(_unary(x, name="sign"), x.dtype if is_whole(x) else FLOAT)


def floor(x: Any) -> Tensor:
    """Round down; there is no gradient."""
    x = as_tensor(x)
    return x if is_whole(x) else _unary(x, name="floor")


def ceil(x: Any) -> Tensor:
    """Round up; there is no gradient."""
    x = as_tensor(x)
    return x if is_whole(x) else _unary(x, name="ceil")


def round(x: Any) -> Tensor:
    """Round to the nearest whole number, halves to the even one; there is no gradient."""
    x = as_tensor(x)
    return x if is_whole(x) else _unary(x, name="round")


def relu(x: Any) -> Tensor:
    """Return ``max(x, 0)``."""
    return _unary(x, name="relu")


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """Return x where it is positive, else ``negative_slope * x``."""
    return _unary(x, name="leaky_relu", a=_check.number(negative_slope, "leaky_relu", "negative_slope"))


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """Return ``x * Phi(x)`` with the normal distribution function, or its ``"tanh"`` approximation."""
    _check.one_of(approximate, ("none", "tanh"), "gelu", "approximate")
    return _unary(x, name="gelu" if approximate == "none" else "gelu_tanh")


def silu(x: Any) -> Tensor:
    """Return ``x * sigmoid(x)``."""
    return _unary(x, name="silu")


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ``log(1 + e**(beta * x)) / beta``, and x where ``beta * x`` is above the threshold.

    Raises:
        ValueError: beta is 0.
    """
    b = _check.number(beta, "softplus", "beta")
    if b == 0.0:
        raise ValueError("softplus: beta divides, got 0; expected another number.")
    return _unary(x, name="softplus", a=b, b=_check.number(threshold, "softplus", "threshold"))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, else ``alpha * (e**x - 1)``."""
    return _unary(x, name="elu", a=_check.number(alpha, "elu", "alpha"))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return x between the two values, and the nearer one beyond; no gradient there, nor at the two.

    Raises:
        ValueError: `min_val` is not below `max_val`.
    """
    low, high = _check.number(min_val, "hardtanh", "min_val"), _check.number(max_val, "hardtanh", "max_val")
    if low >= high:
        raise ValueError(f"hardtanh: min_val must be below max_val, got {min_val} and {max_val}.")
    return _unary(x, name="hardtanh", a=low, b=high)


def relu6(x: Any) -> Tensor:
    """Return ``min(max(x, 0), 6)``."""
    return _unary(x, name="hardtanh", a=0.0, b=6.0)
