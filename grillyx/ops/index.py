"""Picking by integer indices. The callers have checked that the indices are in range."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result


def _pick(x: Array, index: Array, axis: int, each: bool, shape: tuple[int, ...]) -> Result:
    rows, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    picks = index.shape[axis] if each else index.size
    sizes = {"rows": rows, "picks": picks, "inner": inner, "EACH": int(each)}
    y = empty(shape, x.dtype)
    if y.size:
        kernel("gather")(grid(y.size), 12 * y.size, x=x, index=index, y=y, n=y.size, **sizes)

    before = x.shape  # the pullback does not keep x

    def pullback(g: Array) -> Any:
        gx = empty(before)
        if gx.size:
            for first in range(0, max(picks, 1), LONGEST_LOOP):
                last = min(first + LONGEST_LOOP, picks)
                kernel("gather_backward")(
                    grid(gx.size), 4 * gx.size * (last - first + 1), gy=g, index=index, gx=gx, n=gx.size, first=first,
                    last=last, MORE=int(first > 0), **sizes,
                )  # fmt: skip
        return (gx, None)

    return y, pullback if x.dtype == FLOAT else None


def take(x: Array, index: Array, *, axis: int) -> Result:
    """``x`` at the indices along an axis; the axis is replaced by the axes of `index`."""
    return _pick(x, index, axis, False, (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def gather(x: Array, index: Array, *, axis: int) -> Result:
    """An index of its own for every element; `index` has x's shape but along the axis."""
    return _pick(x, index, axis, True, index.shape)


def one_hot(index: Array, *, classes: int) -> Result:
    """1 at the index along a new last axis, else 0."""
    y = empty((*index.shape, classes))
    if y.size:
        kernel("one_hot")(grid(y.size), 8 * y.size, index=index, y=y, n=y.size, classes=classes)
    return y, None
