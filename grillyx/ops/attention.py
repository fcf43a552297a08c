"""Scaled dot-product attention, for heads that stand one after another or beside each other in the rows of an array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, Array, empty, from_numpy
from grillyx.ops import Result
from grillyx.ops.gemm import NN, NT, TN, Matrices, product
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import unbroadcast
from grillyx.ops.shape import Shape, fill
from grillyx.ops.softmax import softmax

FAR = -1e30  # is added where a mask forbids: finite, so that two of them are no NaN


def _later(rows: int, columns: int) -> Array:
    """Return `FAR` for columns beyond the row, else 0."""
    row = from_numpy(np.arange(rows, dtype=np.float32)[:, None])
    column = from_numpy(np.arange(columns, dtype=np.float32))
    return apply(combine(column, row, "greater"), "times", FAR)


def _attend(
    q: Matrices, k: Matrices, v: Matrices, out: Matrices, shape: Shape, mask: Array | None, drop: Array | None,
    scale: float, causal: bool,
) -> tuple[Array, Any]:  # fmt: skip
    """Write the result into `out`; return the weights (of `shape`), and what computes the gradients.

    That takes the gradients of the result and of the weights, and where to write those of q, k and v.
    """
    score = apply(product(q, k, NT).reshape(shape), "times", scale)
    if mask is not None:
        score = combine(score, mask, "add")
    if causal:
        score = combine(score, _later(*shape[-2:]), "add")
    weights, through = softmax(score, axis=len(shape) - 1)
    used = weights if drop is None else combine(weights, drop, "multiply")
    rows, columns = shape[-2:]
    apart = (q.outer[0], q.inner[0] * rows * columns), (q.inner[0], rows * columns)

    def as_matrices(x: Array) -> Matrices:
        return Matrices(x, rows, columns, columns, 0, *apart)

    product(as_matrices(used), v, NN, out=out)

    def backward(g: Matrices, g_weights: Array | None, targets: Sequence[Matrices]) -> Array:
        """Return the gradient of the scores."""
        product(as_matrices(used), g, TN, out=targets[2])
        gw = product(g, v, NT).reshape(shape)
        gw = gw if g_weights is None else combine(gw, g_weights, "add")
        gw = gw if drop is None else combine(gw, drop, "multiply")
        (gs,) = through(gw)  # type: ignore[misc]
        scaled = as_matrices(apply(gs, "times", scale))
        product(scaled, k, NN, out=targets[0])
        product(scaled, q, TN, out=targets[1])
        return gs

    return used, backward


def _stack(x: Array) -> Matrices:
    """Describe the matrices in the last two axes."""
    rows, columns = x.shape[-2:]
    count = math.prod(x.shape[:-2])
    return Matrices(x, rows, columns, columns, 0, (1, count * rows * columns), (count, rows * columns))


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, drop: Array | None, *, scale: float, causal: bool
) -> Result:
    """Attend with q (*, L, E), k (*, S, E), v (*, S, F), with equal leading axes.

    The value is ``(result (*, L, F), weights (*, L, S))``; mask is added to the scores, drop multiplied with the weights.
    """
    q, k, v = (cast(x, FLOAT) for x in (q, k, v))
    shape = (*q.shape[:-1], k.shape[-2])
    y = empty((*q.shape[:-1], v.shape[-1]))
    weights, backward = _attend(_stack(q), _stack(k), _stack(v), _stack(y), shape, mask, drop, scale, causal)
    masked = None if mask is None else mask.shape

    def pullback(g: Array | None, g_weights: Array | None) -> Any:
        g = fill(y.shape, 0.0) if g is None else g
        grads = [empty(x.shape) for x in (q, k, v)]
        gs = backward(_stack(g), g_weights, [_stack(x) for x in grads])
        return (*grads, None if masked is None else lambda: unbroadcast(gs, masked), None)

    return (y, weights), pullback


def _heads(x: Array, heads: int, columns: int, start: int, batch_first: bool) -> Matrices:
    """Describe heads beside each other in x, (N, L, width) or (L, N, width), from word `start` of each row."""
    a, b, width = x.shape
    batch, rows, ld, step = (a, b, width, b * width) if batch_first else (b, a, b * width, width)
    return Matrices(x, rows, columns, ld, start, (batch, step), (heads, columns))


def attention_heads(
    q: Array, k: Array | None, v: Array | None, mask: Array | None, drop: Array | None, *, heads: int,
    batch_first: bool, scale: float, causal: bool,
) -> Result:  # fmt: skip
    """Attention of heads that lie beside each other in rows: (N, L, E), or (L, N, E); nothing is copied.

    Without v, k holds keys and values beside each other, and without k, q all three. The value is
    ``(result (N, L, E), weights (N, heads, L, S))``.
    """
    given = [x for x in (q, k, v) if x is not None]
    wide = q.shape[-1] // (3 if k is None else 1)
    sources = {1: [(0, 0), (0, wide), (0, 2 * wide)], 2: [(0, 0), (1, 0), (1, wide)], 3: [(0, 0), (1, 0), (2, 0)]}
    places, columns = sources[len(given)], wide // heads

    def parts(arrays: Sequence[Array]) -> list[Matrices]:
        return [_heads(arrays[at], heads, columns, start, batch_first) for at, start in places]

    y = empty((*q.shape[:-1], wide))
    a, b, c = parts(given)
    shape = (a.outer[0], heads, a.rows, b.rows)
    weights, backward = _attend(a, b, c, _heads(y, heads, columns, 0, batch_first), shape, mask, drop, scale, causal)
    masked = None if mask is None else mask.shape

    def pullback(g: Array | None, g_weights: Array | None) -> Any:
        g = fill(y.shape, 0.0) if g is None else g
        grads = [empty(x.shape) for x in (q, k, v) if x is not None]
        gs = backward(_heads(g, heads, columns, 0, batch_first), g_weights, parts(grads))
        missing = [None] * (3 - len(grads))
        return (*grads, *missing, None if masked is None else lambda: unbroadcast(gs, masked), None)

    return (y, weights), pullback
