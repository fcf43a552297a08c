"""Element by element: arithmetic, comparisons, choice, dtypes."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.engine.array import BOOL, INT, UINT
from grillyx.functional import _check
from grillyx.ops import elementwise

_unary = differentiable(elementwise.unary)
_binary = differentiable(elementwise.binary)
_where = differentiable(elementwise.where)
_astype = differentiable(elementwise.astype)


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, np.bool_)


def _scalar(x: Any) -> float:
    """Return a number as the float32 that a kernel takes; too large ones become infinite, with NumPy's warning."""
    return builtins.float(np.float32(x))


def _tensors(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Make tensors of both; a number becomes unsigned beside unsigned integers, as in NumPy."""
    a, b = (x if _is_number(x) else as_tensor(x) for x in (a, b))
    return _like(a, b), _like(b, a)


def _like(x: Any, other: Any) -> Tensor:
    whole = isinstance(x, (int, np.integer)) and isinstance(other, Tensor) and other.dtype == UINT
    return Tensor(np.uint64(x)) if whole and x >= 0 else as_tensor(x)


def _two(name: str, a: Any, b: Any) -> Tensor:
    a, b = _tensors(a, b)
    if a.shape != b.shape:
        _check.broadcast(name, a.shape, b.shape)
    return _binary(a, b, name=name)


def _floats(a: Any, b: Any) -> bool:
    """Whether b is a number that a float kernel can take as a parameter."""
    return _is_number(b) and isinstance(a, Tensor) and (a.dtype.kind == "f" or isinstance(b, (float, np.floating)))


def add(a: Any, b: Any) -> Tensor:
    """Return ``a + b`` with broadcasting."""
    if _floats(a, b):
        return _unary(a, name="affine", a=1.0, b=_scalar(b))
    return add(b, a) if _floats(b, a) else _two("add", a, b)


def subtract(a: Any, b: Any) -> Tensor:
    """Return ``a - b`` with broadcasting."""
    if _floats(a, b):
        return _unary(a, name="affine", a=1.0, b=-_scalar(b))
    if _floats(b, a):
        return _unary(b, name="affine", a=-1.0, b=_scalar(a))
    return _two("subtract", a, b)


def multiply(a: Any, b: Any) -> Tensor:
    """Return ``a * b`` with broadcasting."""
    if _floats(a, b):
        return _unary(a, name="affine", a=_scalar(b), b=-0.0)  # x + -0.0 is x, also where x is -0.0
    return multiply(b, a) if _floats(b, a) else _two("multiply", a, b)


def divide(a: Any, b: Any) -> Tensor:
    """Return ``a / b`` with broadcasting, as float32."""
    if _is_number(b):
        return _unary(a, name="divide_by", a=_scalar(b))
    if _is_number(a):
        return _unary(b, name="reciprocal", a=_scalar(a))
    return _two("divide", a, b)


def power(a: Any, b: Any) -> Tensor:
    """Return ``a ** b`` with broadcasting, as float32. Negative bases take whole exponents."""
    if _is_number(b):
        return _unary(a, name="power", a=_scalar(b))
    if _is_number(a):
        return _unary(b, name="exp_base", a=_scalar(a))
    return _two("power", a, b)


def floor_divide(a: Any, b: Any) -> Tensor:
    """Return ``a // b`` with broadcasting."""
    return _two("floor_divide", a, b)


def remainder(a: Any, b: Any) -> Tensor:
    """Return ``a % b`` with broadcasting; the sign is b's, as in Python."""
    return _two("remainder", a, b)


def maximum(a: Any, b: Any) -> Tensor:
    """Return the larger of each pair; where they are equal, each gets half of the gradient."""
    if _floats(a, b):
        return _unary(a, name="maximum", a=_scalar(b))
    return maximum(b, a) if _floats(b, a) else _two("maximum", a, b)


def minimum(a: Any, b: Any) -> Tensor:
    """Return the smaller of each pair; where they are equal, each gets half of the gradient."""
    if _floats(a, b):
        return _unary(a, name="minimum", a=_scalar(b))
    return minimum(b, a) if _floats(b, a) else _two("minimum", a, b)


_MIRROR = {
    "equal": "equal", "not_equal": "not_equal", "less": "greater", "less_equal": "greater_equal", "greater": "less",
    "greater_equal": "less_equal",
}  # fmt: skip


def _compare(name: str, a: Any, b: Any) -> Tensor:
    if _floats(a, b):
        return _unary(a, name=name, a=_scalar(b))
    if _floats(b, a):
        return _unary(b, name=_MIRROR[name], a=_scalar(a))
    return _two(name, a, b)


def equal(a: Any, b: Any) -> Tensor:
    """Return where ``a == b``, as booleans."""
    return _compare("equal", a, b)


def not_equal(a: Any, b: Any) -> Tensor:
    """Return where ``a != b``, as booleans."""
    return _compare("not_equal", a, b)


def less(a: Any, b: Any) -> Tensor:
    """Return where ``a < b``, as booleans."""
    return _compare("less", a, b)


def less_equal(a: Any, b: Any) -> Tensor:
    """Return where ``a <= b``, as booleans."""
    return _compare("less_equal", a, b)


def greater(a: Any, b: Any) -> Tensor:
    """Return where ``a > b``, as booleans."""
    return _compare("greater", a, b)


def greater_equal(a: Any, b: Any) -> Tensor:
    """Return where ``a >= b``, as booleans."""
    return _compare("greater_equal", a, b)


def _truth(x: Any) -> Tensor:
    t = as_tensor(x)
    return t if t.dtype == BOOL else not_equal(t.astype(np.float32), 0.0)


def logical_and(a: Any, b: Any) -> Tensor:
    """Return where both are not 0, as booleans."""
    return astype(_two("minimum", _truth(a), _truth(b)), bool)


def logical_or(a: Any, b: Any) -> Tensor:
    """Return where one of the two is not 0, as booleans."""
    return astype(_two("maximum", _truth(a), _truth(b)), bool)


def logical_not(x: Any) -> Tensor:
    """Return where x is 0, as booleans."""
    return equal(_truth(x).astype(np.float32), 0.0)


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """Return a where the condition holds, else b, with broadcasting. No gradient reaches the condition."""
    c, (a, b) = as_tensor(condition), _tensors(a, b)
    _check.broadcast("where", c.shape, a.shape, b.shape)
    return _where(c, a, b)


def astype(x: Any, dtype: Any) -> Tensor:
    """Return x as float32, int32, uint32 or bool; float64 and int64 are taken as their 32-bit kin.

    Raises:
        TypeError: any other dtype.
    """
    return _astype(as_tensor(x), dtype=_check.dtype_of(dtype, "astype"))


def clip(x: Any, min: float | None = None, max: float | None = None) -> Tensor:
    """Limit x to [min, max]; the gradient is 0 outside."""
    if min is None and max is None:
        raise ValueError("clip: give a minimum, a maximum, or both.")
    low = -np.inf if min is None else _scalar(min)
    high = np.inf if max is None else _scalar(max)
    if not low <= high:
        raise ValueError(f"clip: the minimum must not exceed the maximum, got {min} and {max}.")
    x = as_tensor(x)
    if is_whole(x) and all(b is None or isinstance(b, (int, np.integer)) for b in (min, max)):
        x = x if min is None else maximum(x, min)
        return x if max is None else minimum(x, max)
    return _unary(x, name="clip", a=low, b=high)


def is_whole(x: Tensor) -> bool:
    """Return whether x holds integers."""
    return x.dtype.kind in "iu"


def neg(x: Any) -> Tensor:
    """Return ``-x``."""
    x = as_tensor(x)
    return subtract(0, x) if is_whole(x) else _unary(x, name="affine", a=-1.0, b=-0.0)


def abs(x: Any) -> Tensor:
    """Return the absolute value; the gradient at 0 is 0."""
    t = as_tensor(x)
    if t.dtype == INT:
        return maximum(t, neg(t))
    return t if t.dtype == UINT else _unary(t, name="abs")
