"""Element by element, without gradients: what the ops with gradients are made of."""

from __future__ import annotations

import math

import numpy as np

from grillyx.engine.array import BOOL, FLOAT, INT, UINT, Array, empty, put_off
from grillyx.engine.kernel import grid, kernel
from grillyx.engine.link import FULL
from grillyx.ops.shape import broadcast_strides, collapse, fill, reading

COMPARISONS = frozenset(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"))
_CODES = {FLOAT: 0, INT: 1, UINT: 2, BOOL: 0}


def cast(x: Array, dtype: np.dtype) -> Array:
    """Return x as another dtype; no copy where the words stay."""
    if x.dtype == dtype:
        return x
    if x.dtype == BOOL and dtype == FLOAT:
        return x.view(FLOAT)
    y = empty(x.shape, dtype)
    if y.size:
        quads = -(-y.size // 4)
        target = 3 if dtype == BOOL else _CODES[dtype]
        kernel("cast")(grid(quads), 8 * y.size, x=x, y=y, quads=quads, FROM=_CODES[x.dtype], TO=target)
    return y


def apply(x: Array, name: str, a: float = 0.0, b: float = 0.0) -> Array:
    """Return ``f(x)`` without a gradient."""
    x = cast(x, FLOAT)
    dtype = BOOL if name in COMPARISONS else FLOAT
    if x.size == 0:
        return empty(x.shape, dtype)
    waiting = x.storage.expression
    if waiting is not None and waiting.number is not None and name == "affine":
        return fill(x.shape, a * waiting.number + b)
    if name == "affine":  # fewer numbers to pass; the values are the same to the bit
        if b == 0.0 and math.copysign(1.0, b) < 0:
            name = "times"
        elif a == 1.0:
            name, a, b = "plus", b, 0.0
    return put_off(f"unary.{name}", ((x.storage, FULL, ()), float(a), float(b)), x.shape, dtype)


def slope(g: Array, name: str, x: Array | None, y: Array | None, a: float, b: float) -> Array:
    """Return ``g * f'(x)``, where the derivative takes x, or y = f(x), or both."""
    if g.size == 0:
        return empty(g.shape)
    values = [0.0 if v is None else (v.storage, FULL, ()) for v in (x, y)]
    inner = put_off(f"unary_backward.{name}", (*values, float(a), float(b)), g.shape)
    return combine(g, inner, "multiply")


def common(a: Array, b: Array, name: str) -> tuple[Array, Array, np.dtype]:
    """Bring two operands to one dtype, as NumPy would with 32 bits."""
    kinds = {a.dtype.kind, b.dtype.kind}
    dtype: np.dtype = FLOAT
    if "f" not in kinds and kinds != {"b"} and name not in ("divide", "power"):
        dtype = INT if "i" in kinds else UINT
    return cast(a, dtype), cast(b, dtype), dtype


def combine(a: Array, b: Array, name: str) -> Array:
    """Return ``g(a, b)`` with broadcasting, without a gradient."""
    a, b, dtype = common(a, b, name)
    shape = np.broadcast_shapes(a.shape, b.shape)
    if 0 in shape:
        return empty(shape, BOOL if name in COMPARISONS else dtype)
    if dtype == FLOAT:
        ways = reading(a.shape, shape), reading(b.shape, shape)
        if None not in ways:
            leaves = tuple((x.storage, *way) for x, way in zip((a, b), ways, strict=True))  # type: ignore[misc]
            return put_off(f"binary.{name}", leaves, shape, BOOL if name in COMPARISONS else FLOAT)
    y = empty(shape, BOOL if name in COMPARISONS else dtype)
    kind = _CODES[dtype]
    if a.size == b.size == y.size:
        quads = -(-y.size // 4)
        kernel(f"binary.{name}")(grid(quads), 12 * y.size, a=a, b=b, y=y, quads=quads, TYPE=kind)
        return y
    d, (s, t) = collapse(shape, broadcast_strides(a.shape, shape), broadcast_strides(b.shape, shape))
    kernel(f"binary_broadcast.{name}")(
        grid(y.size), 12 * y.size, a=a, b=b, y=y, n=y.size, d1=d[1], d2=d[2], d3=d[3], d4=d[4], d5=d[5],
        as0=s[0], as1=s[1], as2=s[2], as3=s[3], as4=s[4], as5=s[5],
        bs0=t[0], bs1=t[1], bs2=t[2], bs3=t[3], bs4=t[4], bs5=t[5], TYPE=kind,
    )  # fmt: skip
    return y


def choose(condition: Array, a: Array, b: Array) -> Array:
    """Return a where the condition is not 0, else b; equal shapes."""
    y = empty(condition.shape, a.dtype)
    if y.size:
        quads = -(-y.size // 4)
        kernel("select")(grid(quads), 16 * y.size, condition=condition, a=a, b=b, y=y, quads=quads)
    return y
