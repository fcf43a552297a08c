"""Rows of an array, copied out of it and into it: every part of one length runs the same pipeline."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import Array, Storage, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.shape import fill


def rows(x: Array, first: int, last: int) -> Array:
    """Return a copy of ``x[first:last]``."""
    y = empty((last - first, *x.shape[1:]), x.dtype)
    _copy(x.storage, y.storage, y.size, first * math.prod(x.shape[1:]), 0)
    return y


def set_rows(y: Array, first: int, x: Array) -> None:
    """Write x over ``y[first : first + len(x)]``, where y is nobody else's."""
    _copy(x.storage, y.storage, x.size, 0, first * math.prod(y.shape[1:]))


def _copy(source: Storage, target: Storage, words: int, source_start: int, target_start: int) -> None:
    if words:
        kernel("copy")(
            grid(-(-words // 4)), 8 * words, x=source, y=target, n=words, x_start=source_start, y_start=target_start
        )


def unstack(x: Array) -> Result:
    """Every row by itself; the gradients come back as one array, each written once."""
    shape, count = x.shape, x.shape[0]

    def pullback(*gs: Array | None) -> Any:
        gx = empty(shape)
        for k, g in enumerate(gs):
            set_rows(gx, k, fill(shape[1:], 0.0) if g is None else g)
        return (gx,)

    return tuple(rows(x, k, k + 1).reshape(shape[1:]) for k in range(count)), pullback
