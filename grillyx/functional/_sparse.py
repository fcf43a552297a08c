"""Sums, extrema and softmax over the entries of a sparse matrix: message passing on graphs without a message an edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._nn import dropout as _dropout
from grillyx.ops import sparse
from grillyx.ops import sparse_spikes as spikes
from grillyx.ops.sparse import Csr

_sparse_matmul = differentiable(sparse.sparse_matmul)
_sparse_spikes = differentiable(spikes.sparse_spikes)
_sparse_sum = differentiable(sparse.sparse_sum)
_sparse_mean = differentiable(sparse.sparse_mean)
_sparse_extremum = differentiable(sparse.sparse_extremum)
_edge_softmax = differentiable(sparse.edge_softmax)
_attention = differentiable(sparse.attention)


def _rows_of(name: str, csr: Csr, x: Any, axes: int = 2, what: str = "x") -> Tensor:
    x = as_tensor(x).astype(np.float32)
    names = ("F",) if axes == 2 else ("H", "C")
    if x.ndim < axes or x.shape[-axes] != csr.columns:
        raise ValueError(
            f"{name}: {what} has the wrong shape, got {x.shape}; expected (..., {csr.columns}, {', '.join(names)}), a row for "
            f"each column of the matrix."
        )
    return x


def _weight_of(name: str, csr: Csr, weight: Any) -> Tensor | None:
    if weight is None:
        return None
    weight = as_tensor(weight).astype(np.float32)
    if weight.shape != (csr.entries,):
        raise ValueError(
            f"{name}: the weight has the wrong shape, got {weight.shape}; expected ({csr.entries},), a number for each edge."
        )
    return weight


def _scores_of(name: str, csr: Csr, scores: Any, what: str) -> Tensor:
    scores = as_tensor(scores).astype(np.float32)
    if scores.ndim < 2 or scores.shape[-2] != csr.entries:
        raise ValueError(
            f"{name}: {what} has the wrong shape, got {scores.shape}; expected (..., {csr.entries}, H), heads for each edge."
        )
    return scores


def sparse_matmul(csr: Csr, csc: Csr, x: Any, weight: Any = None) -> Tensor:
    """Return the product of a sparse matrix and a dense one: ``y[i] = sum of weight[e] * x[j]`` over the entries (i, j) of row i.

    The gradient of x goes through the transpose, that of the weight is a product of two rows for each edge. Nothing of the
    size of edges times features is made.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (*, columns, F); or (*, columns, H, C) if the weight has heads.
        weight: the value of each edge, (E,), or of each edge and head, (E, H) or (*, E, H) with the leading axes of x; 1 by
            default.

    Returns:
        (*, rows, F) or (*, rows, H, C).

    Raises:
        ValueError: a shape does not fit.
    """
    if weight is None or (weight := as_tensor(weight)).ndim < 2:
        weight = _weight_of("sparse_matmul", csr, weight)
        return _sparse_matmul(_rows_of("sparse_matmul", csr, x), weight, csr=csr, csc=csc)
    weight = _scores_of("sparse_matmul", csr, weight, "the weight")
    x = _rows_of("sparse_matmul", csr, x, 3)
    if x.shape[-2] != weight.shape[-1] or weight.shape[:-2] not in ((), x.shape[:-3]):
        raise ValueError(
            f"sparse_matmul: the weight does not fit x, got {weight.shape} for x of shape {x.shape}; expected "
            f"({csr.entries}, {x.shape[-2]}) or {(*x.shape[:-3], csr.entries, x.shape[-2])}."
        )
    return _sparse_matmul(x, weight, csr=csr, csc=csc)


def sparse_spikes(csr: Csr, csc: Csr, x: Any, weight: Any = None) -> Tensor:
    """Return `sparse_matmul` for spikes: ``y[i] = sum of weight[e] * x[j]`` over the entries (i, j) of row i, for x of 0 and 1.

    From 16 features on, x is read as bits, 32 to a word: a row of 128 features is 16 bytes for each entry, and sources that do
    not spike cost no more than that. Leading axes, such as time, lie side by side. Gradients are those of `sparse_matmul`.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (*, columns, F), of 0 and 1; what other values count is left open.
        weight: (E,), 1 by default.

    Returns:
        (*, rows, F).

    Raises:
        ValueError: a shape does not fit.
    """
    weight = _weight_of("sparse_spikes", csr, weight)
    return _sparse_spikes(_rows_of("sparse_spikes", csr, x), weight, csr=csr, csc=csc)


def sparse_reduce(csr: Csr, csc: Csr, x: Any, weight: Any = None, reduce: str = "sum") -> Tensor:
    """Return the sum, mean, largest or least of ``weight[e] * x[j]`` over the entries (i, j) of each row i.

    A row without entries gives 0. The mean divides by the number of entries. The gradient of an extremum goes to the entry
    that was chosen, the first of equal ones.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (*, columns, F).
        weight: (E,), 1 by default.
        reduce: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.

    Returns:
        (*, rows, F).

    Raises:
        ValueError: a shape does not fit, or `reduce` is none of these.
    """
    _check.one_of(reduce, ("sum", "mean", "max", "min"), "sparse_reduce", "reduction")
    x, weight = _rows_of("sparse_reduce", csr, x), _weight_of("sparse_reduce", csr, weight)
    if reduce in ("max", "min"):
        return _sparse_extremum(x, weight, csr=csr, csc=csc, least=reduce == "min")
    return (_sparse_matmul if reduce == "sum" else _sparse_mean)(x, weight, csr=csr, csc=csc)


def sparse_sum(csr: Csr, weight: Any) -> Tensor:
    """Return the sum of the values of each row's edges.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        weight: (E,) or (*, E, H), in the order of edges.

    Returns:
        (rows,) or (*, rows, H).

    Raises:
        ValueError: a shape does not fit.
    """
    if (weight := as_tensor(weight)).ndim == 1:
        return sparse_sum(csr, weight.reshape(weight.size, 1)).reshape(csr.rows)
    return _sparse_sum(_scores_of("sparse_sum", csr, weight, "the weight"), csr=csr)


def edge_softmax(csr: Csr, csc: Csr, scores: Any) -> Tensor:
    """Return the softmax of the scores over the entries of each row: ``exp(s[e]) / sum of exp(s)`` over the edges of e's row.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose.
        scores: (E,) or (*, E, H), in the order of edges.

    Returns:
        The same shape, in the order of edges.

    Raises:
        ValueError: a shape does not fit.
    """
    if (scores := as_tensor(scores)).ndim == 1:
        return edge_softmax(csr, csc, scores.reshape(scores.size, 1)).reshape(scores.size)
    return _edge_softmax(_scores_of("edge_softmax", csr, scores, "scores"), csr=csr)


def attention_weights(csr: Csr, csc: Csr, source: Any, target: Any, negative_slope: float = 0.2) -> Tensor:
    """Return the attention of graph attention networks: ``edge_softmax(leaky_relu(source[j] + target[i]))`` for entries (i, j).

    Velickovic et al., Graph Attention Networks, ICLR 2018.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        source: (*, columns, H).
        target: (*, rows, H).
        negative_slope: of the leaky relu.

    Returns:
        (*, E, H), in the order of edges.

    Raises:
        ValueError: a shape does not fit.
    """
    negative = _check.number(negative_slope, "attention_weights", "negative_slope")
    source = _rows_of("attention_weights", csr, source, what="source")
    target = as_tensor(target).astype(np.float32)
    if target.shape != (*source.shape[:-2], csr.rows, source.shape[-1]):
        raise ValueError(
            f"attention_weights: target does not fit source, got {target.shape} for source of shape {source.shape}; expected "
            f"{(*source.shape[:-2], csr.rows, source.shape[-1])}."
        )
    return _attention(source, target, csr=csr, csc=csc, negative=negative)


def attend(
    csr: Csr,
    csc: Csr,
    x: Any,
    source: Any,
    target: Any,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    training: bool = True,
) -> Tensor:
    """Return ``y[i] = sum of a[e] * x[j]`` over the entries of row i, with the attention a of `attention_weights`.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (*, columns, H, C).
        source: (*, columns, H).
        target: (*, rows, H).
        negative_slope: of the leaky relu.
        dropout: the chance of each attention to become 0, while training.
        training: whether to drop any.

    Returns:
        (*, rows, H, C).

    Raises:
        ValueError: a shape does not fit.
    """
    x = _rows_of("attend", csr, x, 3)
    source = _rows_of("attend", csr, source, what="source")
    if x.shape[:-1] != source.shape:
        raise ValueError(
            f"attend: source does not fit x, got {source.shape} for x of shape {x.shape}; expected {x.shape[:-1]}."
        )
    alpha = attention_weights(csr, csc, source, target, negative_slope)
    if training and dropout:
        alpha = _dropout(alpha, dropout)
    return sparse_matmul(csr, csc, x, alpha)
