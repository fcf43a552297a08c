"""Reductions over any axes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from grillyx.engine.array import BOOL, FLOAT, INT, UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.shape import Shape, expanded, fill, reading

BODIES = ("runs", "neighbours")
_TYPES = {INT: 1, UINT: 2}
_NAMES = {INT: "int_", UINT: "uint_"}
_EMPTY = {"sum": 0.0, "sum_of_squares": 0.0}
_FEW = 256  # results that keep a CPU device busy
_LITTLE = 8192  # quads that one workgroup of a CPU device takes in as fast as two dispatches do
_FOLDED = 16384  # values of which two dispatches pay
_LARGE = 1 << 18  # words or quads, more than a core's cache holds
_GROUP = 256  # threads of a workgroup on a GPU
_GROUPS = 1024  # workgroups that keep a GPU busy


def neighbours(x: Array) -> bool:
    """Tell whether threads that are neighbours should read rows together, as on GPUs, or else each a run of its own.

    Raises:
        ValueError: ``GRILLYX_REDUCE`` is neither of the two names.
    """
    wanted = os.environ.get("GRILLYX_REDUCE", "")
    if wanted == "":
        return x.storage.device.info.type != "cpu"
    if wanted not in BODIES:
        raise ValueError(f"GRILLYX_REDUCE: got {wanted!r}; expected one of {', '.join(BODIES)}.")
    return wanted == "neighbours"


@lru_cache(4096)
def _plan(results: int, count: int, near: bool, along: bool) -> tuple[int, int, int]:
    """Choose the size of a workgroup, how many of its threads share a result, and into how many chunks to cut.

    `count` values go into each of the results, `along` the row of memory or else across the rows.
    """
    if near:
        lanes = min(_GROUP if along else _GROUP // 32, 1 << max(count - 1, 0).bit_length())
        lanes = 1 if lanes < 4 else 8 if lanes < 32 else 32 if lanes < 256 else 256  # each makes a pipeline
        size = _GROUP
        groups = -(-results * lanes // size)
        chunks = 1 if groups * 16 > _GROUPS or count <= 64 * lanes else min(_GROUPS // groups, count // (16 * lanes))
    else:
        lanes = 1 if results >= _FEW or count < 16 else 8
        size = 64 if results >= 8 * _FEW or not (along or lanes == 1) else 8
        chunks = 1 if results >= 8 or results * count <= _LITTLE else -(-32 // results)
        if not along and results * count > _LARGE:
            chunks = max(chunks, count // 512)  # further down a column, each row is on a page of its own
    return size, lanes, max(chunks, -(-count // (LONGEST_LOOP * lanes)))


def _rows(x: Array, outer: int, rows: int, name: str, scale: float, near: bool) -> Array:
    """Reduce (outer, rows) to (outer,)."""
    while True:
        quads = -(-rows // 4) + (rows % 4 != 0)  # a row may begin within a quad
        size, lanes, chunks = _plan(outer, quads, near, True)
        chunk = -(-quads // chunks)
        chunks = -(-quads // chunk)
        y, n = empty((outer, chunks), x.dtype), outer * chunks
        kernel(f"reduce_rows.{name}")(
            grid(n * lanes, size), 4 * (x.size + n), x=x, y=y, n=n, rows=rows, chunk=chunk, chunks=chunks,
            scale=scale if chunks == 1 else 1.0, local_size=size, LANES=lanes, NEAR=int(near),
        )  # fmt: skip
        if chunks == 1:
            return y
        x, rows, name = y, chunks, name.removesuffix("_of_squares")


def _columns(x: Array, outer: int, rows: int, inner: int, name: str, scale: float, near: bool) -> Array:
    """Reduce (outer, rows, inner) over the rows."""
    while True:
        fold = 4 // math.gcd(inner, 4)
        if rows % fold or rows < 4 * fold or outer * rows * inner <= _FOLDED:
            fold = 1  # else several rows are taken as one that is aligned to quads
        height, width = rows // fold, inner * fold
        wide = width % 4 == 0
        columns = width // 4 if wide else width
        size, lanes, chunks = _plan(outer * columns, height, near, False)
        chunk = -(-height // chunks)
        chunks = -(-height // chunk)
        y, n = empty((outer, chunks, width), x.dtype), outer * chunks * columns
        rows = chunks * fold
        kernel(f"reduce.{name}")(
            grid(n * lanes, size), 4 * (x.size + y.size), x=x, y=y, n=n, rows=height, inner=width, chunk=chunk,
            chunks=chunks, scale=scale if rows == 1 else 1.0, local_size=size, LANES=lanes, WIDE=int(wide),
        )  # fmt: skip
        if rows == 1:
            return y
        x, name = y, name.removesuffix("_of_squares")


def _run(x: Array, outer: int, rows: int, inner: int, name: str, scale: float) -> Array:
    near = neighbours(x)
    name = "int_sum" if x.dtype == UINT and name == "sum" else _NAMES.get(x.dtype, "") + name  # sums wrap alike
    if inner == 1:
        return _rows(x, outer, rows, name, scale, near)
    return _columns(x, outer, rows, inner, name, scale, near)


def _arg_chunks(results: int, rows: int, near: bool) -> int:
    busy, little = (16384, 2048) if near else (_FEW, 16384)
    least = -(-rows // LONGEST_LOOP)
    if results >= busy or rows <= 64 or rows * results <= little:
        return least
    return max(least, min(-(-rows // 64), busy // results))


def _find(x: Array, outer: int, rows: int, inner: int, name: str) -> Array:
    near, found, count = neighbours(x), None, rows
    while True:
        chunk = -(-count // _arg_chunks(outer * inner, count, near))
        chunks = -(-count // chunk)
        y = empty((outer, chunks, inner), INT)
        kernel("arg_reduce")(
            grid(y.size), 4 * (x.size + y.size), x=x, found=found or x, y=y, n=y.size, rows=rows, inner=inner, count=count,
            chunk=chunk, chunks=chunks, LARGEST=int(name == "argmax"), TYPE=_TYPES.get(x.dtype, 0), AGAIN=int(found is not None),
        )  # fmt: skip
        if chunks == 1:
            return y
        found, count = y, chunks


@lru_cache(4096)
def _steps(shape: Shape, axes: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Return (outer, rows, inner) of the reductions that do it, one for each run of neighbouring axes."""
    runs: list[tuple[int, bool]] = []
    for k, n in enumerate(shape):
        if n != 1:
            merges = bool(runs) and runs[-1][1] == (k in axes)
            runs.append((runs.pop()[0] * n if merges else n, k in axes))
    out = []
    while any(gone for _, gone in runs):
        at = max((k for k, (_, gone) in enumerate(runs) if gone), key=lambda k: runs[k][0])
        out.append((math.prod(n for n, _ in runs[:at]), runs[at][0], math.prod(n for n, _ in runs[at + 1 :])))
        del runs[at]
    return tuple(out) or ((1, 1, math.prod(shape)),)


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
    if name.startswith("arg"):
        outer = math.prod(x.shape[: axes[0]])
        return _find(x, outer, rows, size // outer, name).reshape(shape)
    steps = _steps(x.shape, tuple(axes))
    for step in steps:
        x = _run(x, *step, name, scale if step is steps[-1] else 1.0)
        name = name.removesuffix("_of_squares")
    return x.view(dtype).reshape(shape)


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


def _spread(g: Array, shape: Shape, axes: tuple[int, ...], scale: float) -> Array:
    """Return g, the gradient of a sum over some axes, times `scale` and repeated along them."""
    steps, kept = _steps(shape, axes), _shape_kept(shape, axes)
    if len(steps) > 1 or 0 in shape or reading(kept, shape) is not None:
        whole = expanded(g.reshape(kept), shape)
        return whole if scale == 1.0 else apply(whole, "affine", scale, -0.0)
    y, (_, rows, inner) = empty(shape), steps[0]
    if rows == 1 and scale == 1.0:
        return g.reshape(shape)
    mode = 1 if inner % 4 == 0 else 2 if inner == 1 and rows % 4 == 0 else 0
    n = y.size if mode == 0 else y.size // 4
    kernel("spread")(
        grid(n), 4 * (g.size + y.size), x=g, y=y, n=n, rows=rows // 4 if mode == 2 else rows,
        inner=inner // 4 if mode == 1 else inner, scale=scale, MODE=mode,
    )  # fmt: skip
    return y


def sum(x: Array, *, axes: Sequence[int], keepdims: bool = False, scale: float = 1.0) -> Result:
    """The sum over some axes, times `scale` (one over the count makes it a mean)."""
    counts = x.dtype == BOOL and scale == 1.0
    y = reduced(cast(x, INT if counts else FLOAT) if counts or scale != 1.0 else x, axes, "sum", keepdims, scale)

    shape = x.shape

    def pullback(g: Array) -> Any:
        return (_spread(g, shape, tuple(sorted(axes)), scale),)

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
