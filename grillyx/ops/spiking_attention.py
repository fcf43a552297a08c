"""Attention of spikes: products without a softmax, which may be taken in either order."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.ops import Result
from grillyx.ops.gemm import NN, NT, TN, Matrices, product
from grillyx.ops.pointwise import apply, cast
from grillyx.ops.shape import fill


def spiking_attention(qkv: Array, *, heads: int, scale: float) -> Result:
    """``scale * V K.T Q`` for each head of qkv (*, 3 C, L): the rows are those of Q, K and V, heads one after another.

    The value is (*, C, L). Nothing is copied: heads are read, and their gradients written, where they lie. Of
    ``(V K.T) Q`` and ``V (K.T Q)`` it takes the one whose inner matrix is smaller; for spikes all products are whole
    numbers, so that both give the same.
    """
    qkv = cast(qkv, FLOAT)
    channels, length = qkv.shape[-2] // 3, qkv.shape[-1]
    size, batch = channels // heads, math.prod(qkv.shape[:-2])
    y = empty((*qkv.shape[:-2], channels, length))
    if y.size == 0:
        return y, lambda g: (fill(qkv.shape, 0.0),)
    by_channels = size <= length

    def parts(x: Array) -> list[Matrices]:
        words, count = size * length, x.size // (batch * channels * length)
        lead, inner = (batch, count * channels * length), (heads, words)
        return [Matrices(x, size, length, length, k * channels * length, lead, inner) for k in range(count)]

    def scaled(a: Matrices, b: Matrices, kind: int) -> Matrices:
        n = size if by_channels else length
        x = apply(product(a, b, kind), "times", scale)
        return Matrices(x, n, n, n, 0, (batch, heads * n * n), (heads, n * n))

    q, k, v = parts(qkv)
    inner = scaled(v, k, NT) if by_channels else scaled(k, q, TN)
    (out,) = parts(y)
    product(*((inner, q) if by_channels else (v, inner)), NN, out=out)

    def pullback(g: Array) -> Any:
        grads = empty(qkv.shape)
        (gy,), (gq, gk, gv) = parts(g), parts(grads)
        if by_channels:
            gi = scaled(gy, q, NT)
            product(inner, gy, TN, out=gq)
            product(gi, v, TN, out=gk)
            product(gi, k, NN, out=gv)
        else:
            gi = scaled(v, gy, TN)
            product(k, gi, NN, out=gq)
            product(q, gi, NT, out=gk)
            product(gy, inner, NT, out=gv)
        return (grads,)

    return y, pullback
