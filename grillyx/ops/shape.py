"""Moving values: strided copies, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, Array, empty, put_off
from grillyx.engine.kernel import grid, kernel
from grillyx.engine.link import CHANNEL, COLUMN, FULL, MIDDLE, ONE, ROW
from grillyx.ops import Result

Shape = tuple[int, ...]
MAX_DIMS = 6
_READINGS = {(False, True): ROW, (True, False): COLUMN, (False, True, False): CHANNEL, (True, False, True): MIDDLE}


def strides_of(shape: Sequence[int]) -> list[int]:
    """Return the strides of a contiguous array, in elements."""
    out, step = [], 1
    for size in reversed(shape):
        out.append(step)
        step *= size
    return out[::-1]


def collapse(shape: Sequence[int], *strides: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring axes that all operands walk through in one stride, and pad to six axes in front.

    Raises:
        NotImplementedError: more than six axes are left.
    """
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        here = [s[axis] for s in strides]
        if sizes and all(old[-1] == new * size for old, new in zip(steps, here, strict=True)):
            sizes[-1] *= size
            for old, new in zip(steps, here, strict=True):
                old[-1] = new
        else:
            sizes.append(size)
            for old, new in zip(steps, here, strict=True):
                old.append(new)
    if len(sizes) > MAX_DIMS:
        raise NotImplementedError(
            f"grillyx: this needs {len(sizes)} separate axes for shape {tuple(shape)}; expected at most {MAX_DIMS}. "
            "Reshape the tensors so that neighbouring axes merge."
        )
    missing = MAX_DIMS - len(sizes)
    return [1] * missing + sizes, [[0] * missing + s for s in steps]


def strided_copy(
    x: Array, x_start: int, xs: Sequence[int], y: Array, y_start: int, ys: Sequence[int], shape: Shape
) -> None:
    """Copy an n-dimensional pattern of words from x to y."""
    n = math.prod(shape)
    if n == 0:
        return
    d, (a, b) = collapse(shape, xs, ys)
    outside = (x_start, y_start, d[5], *a[:5], *b[:5])
    wide = a[5] == b[5] == 1 and all(v % 4 == 0 for v in outside)  # everything comes in quads
    if wide:
        n, x_start, y_start, d[5] = n // 4, x_start // 4, y_start // 4, d[5] // 4
        a, b = ([*(v // 4 for v in steps[:5]), 1] for steps in (a, b))
    kernel("strided_copy")(
        grid(n), 32 * n if wide else 8 * n, x=x, y=y, n=n, d1=d[1], d2=d[2], d3=d[3], d4=d[4], d5=d[5],
        x_start=x_start, xs0=a[0], xs1=a[1], xs2=a[2], xs3=a[3], xs4=a[4], xs5=a[5],
        y_start=y_start, ys0=b[0], ys1=b[1], ys2=b[2], ys3=b[3], ys4=b[4], ys5=b[5],
        WIDE=int(wide),
    )  # fmt: skip


def fill(shape: Shape, value: float, dtype: np.dtype = FLOAT) -> Array:
    """Return an array full of one value."""
    if 0 in shape:
        return empty(shape, dtype)
    if dtype.kind in "fb":
        return put_off("", (float(FLOAT.type(bool(value) if dtype.kind == "b" else value)),), shape, dtype)
    y = empty(shape, dtype)
    quads = -(-y.size // 4)
    kernel("fill")(grid(quads), 4 * y.size, y=y, quads=quads, value=int(np.array(value, dtype).view(np.uint32)))
    return y


def reading(shape: Shape, target: Shape) -> tuple[int, tuple[int, ...]] | None:
    """Return how a fused kernel reads an array of `shape` that is broadcast to `target`, or None if it cannot."""
    if math.prod(shape) == math.prod(target):
        return FULL, ()
    runs: list[tuple[bool, int]] = []  # neighbouring axes that are all there, or are all repeated, and their length
    for size, full in zip((1,) * (len(target) - len(shape)) + shape, target, strict=True):
        if full != 1:
            there = size == full
            if runs and runs[-1][0] == there:
                runs[-1] = there, runs[-1][1] * full
            else:
                runs.append((there, full))
    kinds, last = tuple(there for there, _ in runs), runs[-1][1]
    if kinds == (False,):
        return ONE, ()
    if last % 4 != 0 or kinds not in _READINGS:
        return None
    quads, before = last // 4, runs[-2][1]
    numbers = {CHANNEL: (quads, before), MIDDLE: (quads * before, quads)}
    return _READINGS[kinds], numbers.get(_READINGS[kinds], (quads,))


def permuted(x: Array, order: Sequence[int]) -> Array:
    """Return x with its axes in another order; no copy where the order of the words stays."""
    shape = tuple(x.shape[k] for k in order)
    moving = [k for k in order if x.shape[k] != 1]
    if moving == sorted(moving):
        return x.reshape(shape)
    y = empty(shape, x.dtype)
    steps = strides_of(x.shape)
    sizes, (turned,) = collapse(shape, [steps[k] for k in order])
    batch, columns, rows = sizes[-3:]
    matrices = sizes[:-3] == [1] * (MAX_DIMS - 3) and turned[-3:] == [rows * columns if batch > 1 else 0, 1, columns]
    if matrices and rows % 4 == columns % 4 == 0 and y.size:
        tiles = batch * -(-rows // 32) * -(-columns // 32)
        kernel("transpose")(grid(64 * tiles), 8 * y.size, x=x, y=y, n=tiles, rows=rows // 4, columns=columns // 4)
        return y
    strided_copy(x, 0, [steps[k] for k in order], y, 0, strides_of(shape), shape)
    return y


def expanded(x: Array, shape: Shape) -> Array:
    """Return x repeated along axes of size 1 and new leading axes."""
    if x.shape == shape:
        return x
    if x.size == math.prod(shape):
        return x.reshape(shape)
    way = reading(x.shape, shape)
    if way is not None and x.dtype.kind in "fb" and 0 not in shape:
        return put_off("", ((x.storage, *way),), shape, x.dtype)
    y = empty(shape, x.dtype)
    strided_copy(x, 0, broadcast_strides(x.shape, shape), y, 0, strides_of(shape), shape)
    return y


def broadcast_strides(shape: Shape, target: Shape) -> list[int]:
    """Return the strides that repeat an array of `shape` over `target`."""
    steps = strides_of(shape)
    lead = len(target) - len(shape)
    return [0] * lead + [0 if size == 1 else step for size, step in zip(shape, steps, strict=True)]


def sliced(x: Array, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Array:
    """Return ``x[start::step]`` of each axis, `shape` long."""
    base = strides_of(x.shape)
    first = sum(s * b for s, b in zip(starts, base, strict=True))
    y = empty(shape, x.dtype)
    strided_copy(x, first, [s * b for s, b in zip(steps, base, strict=True)], y, 0, strides_of(shape), shape)
    return y


def placed(g: Array, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Array:
    """Return zeros of `shape` with g where `sliced` would read it."""
    y = fill(shape, 0.0, g.dtype)
    base = strides_of(shape)
    first = sum(s * b for s, b in zip(starts, base, strict=True))
    strided_copy(g, 0, strides_of(g.shape), y, first, [s * b for s, b in zip(steps, base, strict=True)], g.shape)
    return y


def joined(arrays: Sequence[Array], axis: int, shape: Shape, dtype: np.dtype) -> Array:
    """Return the arrays one after another along an axis."""
    y = empty(shape, dtype)
    steps = strides_of(shape)
    at = 0
    for x in arrays:
        strided_copy(x, 0, strides_of(x.shape), y, at * steps[axis], steps, x.shape)
        at += x.shape[axis]
    return y


# --- ops with gradients ---------------------------------------------------------------------------------------------


def reshape(x: Array, *, shape: Shape) -> Result:
    """The same values under another shape of the same size."""
    before = x.shape  # a pullback keeps no array that it does not need
    return x.reshape(shape), lambda g: (g.reshape(before),)


def permute(x: Array, *, order: Sequence[int]) -> Result:
    """The axes in another order."""
    inverse = [list(order).index(k) for k in range(len(order))]
    return permuted(x, order), lambda g: (permuted(g, inverse),)


def slices(x: Array, *, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Result:
    """Basic slicing."""
    before = x.shape
    return sliced(x, starts, steps, shape), lambda g: (placed(g, starts, steps, before),)


def concatenate(*xs: Array, axis: int) -> Result:
    """Join along an axis that exists."""
    shape = list(xs[0].shape)
    parts = [x.shape for x in xs]
    shape[axis] = sum(part[axis] for part in parts)

    def pullback(g: Array) -> Any:
        grads, at = [], 0
        for part in parts:
            starts = [0] * g.ndim
            starts[axis] = at
            grads.append(lambda s=starts, part=part: sliced(g, s, [1] * g.ndim, part))
            at += part[axis]
        return grads

    return joined(xs, axis, tuple(shape), xs[0].dtype), pullback
