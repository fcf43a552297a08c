"""Picking by integer indices. The callers have checked that the indices are in range."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.rows import set_rows
from grillyx.ops.shape import fill

_LITTLE = 1 << 17  # index words that all threads together read sooner than chains are made
_MOST = 1 << 24  # heads of chains: more memory is not worth it
_CHUNKS = {"cpu": 16, "gpu": 64}  # threads that make chains: each has heads and tails for all rows


def _chunks(x: Array, picks: int) -> int:
    return max(_CHUNKS["cpu" if x.storage.device.info.type == "cpu" else "gpu"], -(-picks // LONGEST_LOOP))


def _add_chains(gx: Array, g: Array, index: Array, rows: int, picks: int, inner: int, each: bool, chunks: int) -> None:
    """Chain the picks of each row, and add up the gradients along the chains: the order is always the same."""
    size, count = gx.size if each else rows, index.size
    head, tail = fill((chunks, size), 0, UINT), empty((chunks, size), UINT)
    following, start = empty((count,), UINT), empty((size,), UINT)
    kernel("gather_link")(
        grid(chunks, 8), 64 * count, index=index, head=head, tail=tail, next=following, n=chunks, rows=rows, size=size,
        inner=inner, count=count, chunk=-(-count // chunks), per=picks * inner, EACH=int(each),
    )  # fmt: skip
    kernel("gather_join")(
        grid(size), 16 * chunks * size, head=head, tail=tail, next=following, start=start, n=size, chunks=chunks
    )
    wide = inner % 4 == 0 and not each
    n, columns = (gx.size // 4, inner // 4) if wide else (gx.size, inner)
    for first in range(0, picks, LONGEST_LOOP):
        rest = empty((size,), UINT)
        kernel("gather_sum")(
            grid(n), 8 * (gx.size + g.size), gy=g, next=following, start=start, rest=rest, gx=gx, n=n, rows=rows,
            picks=picks, inner=columns, most=LONGEST_LOOP, EACH=int(each), MORE=int(first > 0), WIDE=int(wide),
        )  # fmt: skip
        start = rest


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
        chunks = _chunks(gx, index.size)
        size = gx.size if each else rows
        if gx.size * picks > _LITTLE and chunks * size <= _MOST:
            _add_chains(gx, g, index, rows, picks, inner, each, chunks)
        elif gx.size:
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


def embedding(weight: Array, index: Array, *, padding: int | None) -> Result:
    """The rows of `weight` at the indices; the row `padding` gets no gradient."""
    y, inner = take(weight, index, axis=0)

    def pullback(g: Array) -> Any:
        (gw, _) = inner(g)  # type: ignore[misc]
        if padding is not None:
            set_rows(gw, padding, fill((1, *gw.shape[1:]), 0.0))
        return (gw, None)

    return y, pullback


def gather(x: Array, index: Array, *, axis: int) -> Result:
    """An index of its own for every element; `index` has x's shape but along the axis."""
    return _pick(x, index, axis, True, index.shape)


def one_hot(index: Array, *, classes: int) -> Result:
    """1 at the index along a new last axis, else 0."""
    y = empty((*index.shape, classes))
    if y.size:
        kernel("one_hot")(grid(y.size), 8 * y.size, index=index, y=y, n=y.size, classes=classes)
    return y, None
