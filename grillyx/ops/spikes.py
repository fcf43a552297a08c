"""Spikes as bits: 32 to a word, for what is kept and not computed with."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.gemm import NN, NT, TN, product
from grillyx.ops.pointwise import cast
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import Shape


def packed(x: Array) -> Array:
    """Return the spikes of x, in the order of memory, as words of 32; what is not 0 is a spike."""
    x = cast(x, FLOAT)
    words = -(-x.size // 32)
    y = empty((words,), UINT)
    if words:
        kernel("spikes_pack")(grid(words), 4 * x.size, x=x, y=y, n=x.size, words=words)
    return y


def unpacked(bits: Array, shape: Shape) -> Array:
    """Return the spikes as 0 and 1."""
    y = empty(shape, FLOAT)
    if y.size:
        quads = -(-y.size // 4)
        kernel("spikes_unpack")(grid(quads), 4 * y.size, x=bits, y=y, quads=quads)
    return y


def pack(x: Array) -> Result:
    """`packed`; it has no gradient."""
    return packed(x), None


def unpack(bits: Array, *, shape: Shape) -> Result:
    """`unpacked`; it has no gradient."""
    return unpacked(bits, shape), None


def spike_linear(x: Array, weight: Array, bias: Array | None) -> Result:
    """``x @ weight.T + bias`` for spikes x (*, in), of which the pullback keeps the bits only."""
    x = cast(x, FLOAT)
    flat, shape, before = (math.prod(x.shape[:-1]), x.shape[-1]), (*x.shape[:-1], weight.shape[0]), x.shape
    y = product(x.reshape(flat), weight, NT, bias).reshape(shape)
    bits, biased = packed(x), bias is not None

    def pullback(g: Array) -> Any:
        rows = g.reshape((flat[0], weight.shape[0]))
        return (
            lambda: product(rows, weight, NN).reshape(before),
            lambda: product(rows, unpacked(bits, flat), TN),
            (lambda: reduced(rows, [0], "sum")) if biased else None,
        )

    return y, pullback
