"""Softmax, its logarithm, and cross-entropy from logits."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import neighbours, reduced
from grillyx.ops.shape import fill

_LITTLE = {False: 2048, True: 32768}  # logits that one workgroup takes in as fast as two dispatches do, NEAR or not


def rows_plan(n: int, rows: int, near: bool, wide: bool = True) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Choose the workgroups, and how many threads of one share a row, for the shaders with ``rows.glsl``."""
    wide = wide and rows % 4 == 0
    units = rows // 4 if wide else rows
    if near:  # each number of threads makes a pipeline
        size, lanes = 256, 1 if units < 4 else 8 if units < 32 else 32 if units < 1024 else 256
    else:
        size, lanes = 64 if n >= 2048 else 8, 8 if units > 4096 or (n < 16 and units >= 16) else 1
    return grid(n * lanes, size), {"local_size": size, "LANES": lanes, "NEAR": int(near), "WIDE": int(wide)}


def softmax(x: Array, *, axis: int, log: bool = False) -> Result:
    """Softmax along an axis, or its logarithm."""
    x = cast(x, FLOAT)
    rows, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    if rows > (8 * LONGEST_LOOP if inner == 1 else LONGEST_LOOP):
        return _long_softmax(x, axis, log)
    n = x.size // rows if rows else 0
    sizes = {"n": n, "rows": rows, "LOG": int(log)}
    name, groups = "softmax", grid(n)
    if inner == 1:
        name = "softmax_rows"
        groups, more = rows_plan(n, rows, neighbours(x))
        sizes |= more
    else:
        sizes["inner"] = inner
    y = empty(x.shape)
    if y.size:
        kernel(name)(groups, 16 * x.size, x=x, y=y, **sizes)

    def pullback(g: Array) -> Any:
        gx = empty(x.shape)
        if gx.size:
            kernel(f"{name}_backward")(groups, 16 * x.size, y=y, gy=g, gx=gx, **sizes)
        return (gx,)

    return y, pullback


def _long_softmax(x: Array, axis: int, log: bool) -> Result:
    """Put softmax together from reductions, for an axis that is too long for one thread."""

    def total(v: Array) -> Array:
        return reduced(v, [axis], "sum", keepdims=True)

    z = combine(x, reduced(x, [axis], "max", keepdims=True), "subtract")
    e = apply(z, "exp")
    y = combine(z, apply(total(e), "log"), "subtract") if log else combine(e, total(e), "divide")

    def pullback(g: Array) -> Any:
        if log:
            return (combine(g, combine(apply(y, "exp"), total(g), "multiply"), "subtract"),)
        return (combine(y, combine(g, total(combine(g, y, "multiply")), "subtract"), "multiply"),)

    return y, pullback


def _shader(name: str, n: int, rows: int, inner: int, x: Array) -> tuple[str, tuple[int, int, int], dict[str, Any]]:
    """Return the shader for this layout, its workgroups and sizes."""
    if inner != 1:
        return name, grid(n), {"n": n, "classes": rows, "inner": inner}
    groups, sizes = rows_plan(n, rows, neighbours(x))
    return f"{name}_rows", groups, {"n": n, "classes": rows} | sizes


def cross_entropy_gradient(
    x: Array,
    label: Array,
    weight: Array | None,
    g: Array,
    total: Array | None,
    *,
    smoothing: float,
    scale: float,
    ignored: int,
) -> Array:
    """Return the gradient for the logits; g has one element, or one for each sample."""
    classes, inner = x.shape[1], math.prod(x.shape[2:])
    gx = empty(x.shape)
    if gx.size:
        n = x.size // classes
        name, groups, sizes = _shader("cross_entropy", n, classes, inner, x)
        kernel(f"{name}_backward")(
            groups, 16 * x.size, x=x, label=label, weight=weight or x, g=g, total=total or x, gx=gx, **sizes,
            smooth_=smoothing, scale=scale, ignored=ignored, WEIGHTED=int(weight is not None),
            EACH=int(g.size == n and n != 1), MEAN=int(total is not None),
        )  # fmt: skip
    return gx


def cross_entropy(
    x: Array,
    label: Array,
    weight: Array | None,
    *,
    reduction: str,
    smoothing: float = 0.0,
    ignored: int = -100,
    plain: bool = True,
) -> Result:
    """Cross-entropy of logits x (N, C, *) and labels (N, *) as int32.

    `plain` says that no label is ignored: then a mean without weights divides by the number of samples.
    """
    x = cast(x, FLOAT)
    classes, inner = x.shape[1], math.prod(x.shape[2:])
    n = x.size // classes
    divides = reduction == "mean" and not (plain and weight is None)  # by what is only known on the device
    scale = 1.0 if divides or reduction != "mean" else 1.0 / n if n else math.nan
    near = neighbours(x)
    folds = reduction != "none" and inner == 1 and 0 < x.size <= _LITTLE[near]
    shape = () if folds else label.shape
    loss, part = empty(shape), empty(shape)
    if n:
        name, groups, sizes = _shader("cross_entropy", n, classes, inner, x)
        if inner == 1:
            sizes |= {"FOLD": int(folds), "MEAN": int(divides), "scale": scale}
        kernel(name)(
            (1, 1, 1) if folds else groups, 16 * x.size, x=x, label=label, weight=weight or x, loss=loss, part=part, **sizes,
            smooth_=smoothing, ignored=ignored, WEIGHTED=int(weight is not None),
        )  # fmt: skip
    axes = range(loss.ndim)
    value, total = loss, part if divides else None
    if not folds and divides:
        total = reduced(part, axes, "sum")
        value = combine(reduced(loss, axes, "sum"), total, "divide")
    elif not folds and reduction != "none":
        value = reduced(loss, axes, "sum", scale=scale) if n or reduction == "sum" else fill((), math.nan)

    def pullback(g: Array) -> Any:
        options: dict[str, Any] = {"smoothing": smoothing, "scale": scale, "ignored": ignored}
        return (cross_entropy_gradient(x, label, weight, g, total, **options), None, None)

    return value, pullback
