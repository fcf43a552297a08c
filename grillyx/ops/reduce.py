"""Reductions over any axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from grillyx.engine.array import BOOL, FLOAT, INT, UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.shape import Shape, expanded, fill, joined, permuted

_OPS = {"sum": 0, "max": 1, "min": 2, "sum_of_squares": 3}
_MODES, _TYPES = {INT: 3, UINT: 4}, {INT: 1, UINT: 2}
_EMPTY = {"sum": 0.0, "sum_of_squares": 0.0}
# results that keep a device busy, and values that one pass may as well take in without a second dispatch
_BUSY = {"cpu": (256, 16384), "gpu": (16384, 2048)}


def _chunks(outer: int, rows: int, inner: int, kind: str) -> int:
    """Choose into how many pieces to cut the rows, so that there is work for all threads."""
    lanes = outer * inner
    busy, little = _BUSY["cpu" if kind == "cpu" else "gpu"]
    least = -(-rows // LONGEST_LOOP)
    if lanes >= busy or rows <= 64 or rows * lanes <= little:
        return least
    return max(least, min(-(-rows // 64), busy // lanes))


def _run(x: Array, outer: int, rows: int, inner: int, name: str, scale: float) -> Array:
    kind = x.storage.device.info.type
    while True:
        chunk = -(-rows // _chunks(outer, rows, inner, kind))
        mode = _MODES.get(x.dtype, 0)
        if mode == 0 and inner % 4 == 0:
            mode = 1
        elif mode == 0 and inner == 1 and rows % 4 == 0:
            mode, chunk = 2, -(-chunk // 4) * 4
        chunks = -(-rows // chunk)
        threads = outer * chunks * (inner // 4 if mode == 1 else inner)
        y = empty((outer, chunks, inner), x.dtype)
        kernel("reduce")(
            grid(threads), 4 * (x.size + y.size), x=x, y=y, n=threads, rows=rows, inner=inner, chunk=chunk,
            chunks=chunks, scale=scale if chunks == 1 else 1.0, OP=_OPS[name], MODE=mode,
        )  # fmt: skip
        if chunks == 1:
            return y
        x, rows = y, chunks
        name = "sum" if name == "sum_of_squares" else name


def _find(x: Array, outer: int, rows: int, inner: int, name: str) -> Array:
    kind, found, count = x.storage.device.info.type, None, rows
    while True:
        chunk = -(-count // _chunks(outer, count, inner, kind))
        chunks = -(-count // chunk)
        y = empty((outer, chunks, inner), INT)
        kernel("arg_reduce")(
            grid(y.size), 4 * (x.size + y.size), x=x, found=found or x, y=y, n=y.size, rows=rows, inner=inner, count=count,
            chunk=chunk, chunks=chunks, LARGEST=int(name == "argmax"), TYPE=_TYPES.get(x.dtype, 0), AGAIN=int(found is not None),
        )  # fmt: skip
        if chunks == 1:
            return y
        found, count = y, chunks


def reduced(x: Array, axes: Sequence[int], name: str, keepdims: bool = False, scale: float = 1.0) -> Array:
    """Reduce over some axes (numbers from 0, no repeats), without a gradient."""
    axes = sorted(axes)
    kept = [k for k in range(x.ndim) if k not in axes]
    shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape)) if keepdims else tuple(x.shape[k] for k in kept)
    dtype = INT if name.startswith("arg") else x.dtype
    if x.dtype == BOOL:  # the extremes of booleans are booleans
        dtype = FLOAT if name.startswith("sum") else dtype
        x = x.view(FLOAT)
    rows = math.prod(x.shape[k] for k in axes)
    size = math.prod(x.shape[k] for k in kept)
    if size == 0:
        return empty(shape, dtype)
    if rows == 0:
        if name not in _EMPTY:
            raise ValueError(f"{name}: nothing to choose from in an empty tensor of shape {x.shape} over axes {axes}.")
        return fill(shape, _EMPTY[name] * scale, dtype)
    moving = [k for k in axes if x.shape[k] != 1]
    if moving and moving[-1] - moving[0] + 1 != len(
        [k for k in range(moving[0], moving[-1] + 1) if k in axes or x.shape[k] == 1]
    ):
        x = permuted(x, [*kept, *axes])  # the axes are not neighbours
        outer, inner = size, 1
    else:
        first = moving[0] if moving else 0
        outer = math.prod(x.shape[k] for k in kept if k < first)
        inner = size // outer
    if name.startswith("arg"):
        return _find(x, outer, rows, inner, name).reshape(shape)
    return _run(x, outer, rows, inner, name, scale).view(dtype).reshape(shape)


def unbroadcast(g: Array, shape: Shape) -> Array:
    """Sum a gradient over the axes along which an operand of `shape` was repeated."""
    if g.shape == shape:
        return g
    lead = g.ndim - len(shape)
    axes = [*range(lead), *(lead + k for k, n in enumerate(shape) if n == 1 and g.shape[lead + k] != 1)]
    return reduced(g, axes, "sum").reshape(shape)


def expand(x: Array, *, shape: Shape) -> Result:
    """Repeat along axes of size 1; the gradient is summed over them."""
    before = x.shape
    return expanded(x, shape), lambda g: (unbroadcast(g, before),)


def _shape_kept(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def sum(x: Array, *, axes: Sequence[int], keepdims: bool = False, scale: float = 1.0) -> Result:
    """The sum over some axes, times `scale` (one over the count makes it a mean)."""
    counts = x.dtype == BOOL and scale == 1.0
    y = reduced(cast(x, INT if counts else FLOAT) if counts or scale != 1.0 else x, axes, "sum", keepdims, scale)

    shape = x.shape

    def pullback(g: Array) -> Any:
        small = g if scale == 1.0 else apply(g, "affine", scale, 0.0)
        return (expanded(small.reshape(_shape_kept(shape, axes)), shape),)

    return y, pullback if y.dtype == FLOAT else None


def extremum(x: Array, *, axes: Sequence[int], keepdims: bool = False, name: str) -> Result:
    """The maximum or minimum over some axes; equal ones share the gradient."""
    y = reduced(x, axes, name, keepdims)

    def pullback(g: Array) -> Any:
        kept = _shape_kept(x.shape, axes)
        hits = cast(combine(x, y.reshape(kept), "equal"), FLOAT)
        count = reduced(hits, axes, "sum", keepdims=True)
        return (combine(hits, combine(g.reshape(kept), count, "divide"), "multiply"),)

    return y, pullback if y.dtype == FLOAT and x.dtype == FLOAT else None


def index_of(x: Array, *, axis: int, keepdims: bool = False, name: str = "argmax") -> Result:
    """The index of the first maximum or minimum along an axis, as int32."""
    return reduced(x, [axis], name, keepdims), None


def norm_of(arrays: Sequence[Array]) -> Array:
    """Return the 2-norm of all values of several arrays, as an array of one element."""
    squares = [reduced(a, range(a.ndim), "sum_of_squares").reshape((1,)) for a in arrays]
    total = reduced(joined(squares, 0, (len(squares),), FLOAT), [0], "sum")
    return apply(total, "sqrt")
