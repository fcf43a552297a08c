"""Softmax, its logarithm, and cross-entropy from logits."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import fill


def softmax(x: Array, *, axis: int, log: bool = False) -> Result:
    """Softmax along an axis, or its logarithm."""
    x = cast(x, FLOAT)
    if x.shape[axis] > LONGEST_LOOP:
        return _long_softmax(x, axis, log)
    rows, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    sizes = {"n": x.size // rows if rows else 0, "rows": rows, "inner": inner, "LOG": int(log)}
    y = empty(x.shape)
    if y.size:
        kernel("softmax")(grid(sizes["n"]), 16 * x.size, x=x, y=y, **sizes)

    def pullback(g: Array) -> Any:
        gx = empty(x.shape)
        if gx.size:
            kernel("softmax_backward")(grid(sizes["n"]), 16 * x.size, y=y, gy=g, gx=gx, **sizes)
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
        kernel("cross_entropy_backward")(
            grid(n), 16 * x.size, x=x, label=label, weight=weight or x, g=g, total=total or x, gx=gx, n=n,
            classes=classes, inner=inner, smooth_=smoothing, scale=scale, ignored=ignored,
            WEIGHTED=int(weight is not None), EACH=int(g.size == n and n != 1), MEAN=int(total is not None),
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
    loss, part = empty(label.shape), empty(label.shape)
    if n:
        kernel("cross_entropy")(
            grid(n), 16 * x.size, x=x, label=label, weight=weight or x, loss=loss, part=part, n=n, classes=classes,
            inner=inner, smooth_=smoothing, ignored=ignored, WEIGHTED=int(weight is not None),
        )  # fmt: skip
    axes = range(loss.ndim)
    total, scale = None, 1.0
    value = loss
    if reduction == "mean" and plain and weight is None:
        scale = 1.0 / n if n else math.nan
        value = reduced(loss, axes, "sum", scale=scale) if n else fill((), math.nan)
    elif reduction == "mean":
        total = reduced(part, axes, "sum")
        value = combine(reduced(loss, axes, "sum"), total, "divide")
    elif reduction == "sum":
        value = reduced(loss, axes, "sum")

    def pullback(g: Array) -> Any:
        options: dict[str, Any] = {"smoothing": smoothing, "scale": scale, "ignored": ignored}
        return (cross_entropy_gradient(x, label, weight, g, total, **options), None, None)

    return value, pullback
