"""Scores of the entries of a sparse matrix by a small network of the two rows at their ends."""

from __future__ import annotations

from typing import Any

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.csr import Csr
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import fill
from grillyx.ops.sparse import join, parts_of


def _forward(csr: Csr, x: Array, y: Array, w: Array) -> Array:
    z = empty((csr.entries,))
    wide = w.size % 4 == 0
    units = w.size // 4 if wide else w.size
    for begin in range(0, units, LONGEST_LOOP):
        end = min(begin + LONGEST_LOOP, units)
        kernel("sparse_relu_dot")(
            grid(z.size), 8 * z.size * (end - begin) * (4 if wide else 1), n=z.size, units=units, begin=begin, end=end,
            x=x, y=y, w=w, row=csr.row, index=csr.index, edge=csr.edge, z=z, WIDE=int(wide), ADD=int(begin > 0),
        )  # fmt: skip
    return z


def _backward(a: Csr, g: Array, x: Array, y: Array, w: Array, sums: bool) -> tuple[Array, Array]:
    """Return the gradient of y, of the rows of a, and with `sums` that of w before it is summed over rows."""
    wide = w.size % 4 == 0
    dy = empty(y.shape)
    dw = empty(y.shape) if sums else dy
    pieces = (a.split.pieces, w.size) if a.split else None
    rest = empty(pieces) if pieces else dy
    rest_w = empty(pieces) if pieces and sums else dw
    parts = parts_of(a, 1, w.size // 4 if wide else w.size)
    kernel("sparse_relu_dot_backward")(
        grid(parts["n"]), 8 * a.entries * w.size, x=x, y=y, w=w, g=g, dy=dy, dw=dw, rest=rest, rest_w=rest_w,
        WIDE=int(wide), SUMS=int(sums), **parts,
    )  # fmt: skip
    if a.split:
        join("sparse_join", a, 1, w.size, rest=rest, y=dy)
        if sums:
            join("sparse_join", a, 1, w.size, rest=rest_w, y=dw)
    return dy, dw


def sparse_relu_dot(x: Array, y: Array, w: Array, *, csr: Csr, csc: Csr) -> Result:
    """``w · relu(x[j] + y[i])`` for each entry (i, j): x (columns, F), y (rows, F), w (F,) → (E,), in the order of edges."""
    if csr.entries * w.size == 0:
        return fill((csr.entries,), 0.0), lambda g: tuple(fill(v.shape, 0.0) for v in (x, y, w))

    def pullback(g: Array) -> Any:
        dy, dw = _backward(csr, g, x, y, w, True)
        return lambda: _backward(csc, g, y, x, w, False)[0], dy, lambda: reduced(dw, [0], "sum")

    return _forward(csr, x, y, w), pullback
