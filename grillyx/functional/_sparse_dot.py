"""Scores of edges from the features at their ends."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional._sparse import _rows_of
from grillyx.ops import sparse_dot as op
from grillyx.ops import sparse_relu_dot as relu_op
from grillyx.ops.sparse import Csr

_sparse_dot = differentiable(op.sparse_dot)
_sparse_relu_dot = differentiable(relu_op.sparse_relu_dot)


def sparse_dot(csr: Csr, csc: Csr, x: Any, y: Any = None) -> Tensor:
    """Return for each entry (i, j) the product of two rows, ``y[i] · x[j]``, without copying rows for edges.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (*, columns, F).
        y: (*, rows, F); x by default.

    Returns:
        (*, E), in the order of edges.

    Raises:
        ValueError: a shape does not fit.
    """
    x = _rows_of("sparse_dot", csr, x)
    y = x if y is None else as_tensor(y).astype(x.dtype)
    if y.shape != (*x.shape[:-2], csr.rows, x.shape[-1]):
        raise ValueError(
            f"sparse_dot: y does not fit x, got {y.shape} for x of shape {x.shape}; expected "
            f"{(*x.shape[:-2], csr.rows, x.shape[-1])}."
        )
    return _sparse_dot(x, y, csr=csr, csc=csc)


def sparse_relu_dot(csr: Csr, csc: Csr, x: Any, y: Any, weight: Any) -> Tensor:
    """Return for each entry (i, j) the score ``weight · relu(x[j] + y[i])``, without copying rows for edges, forward and backward.

    Args:
        csr: the matrix, (rows, columns), from `grillyx.ops.sparse.build`.
        csc: its transpose, from there too.
        x: (columns, F).
        y: (rows, F).
        weight: (F,).

    Returns:
        (E,), in the order of edges.

    Raises:
        ValueError: a shape does not fit.
    """
    name = "sparse_relu_dot"
    x = _rows_of(name, csr, x)
    y, weight = (as_tensor(v).astype(x.dtype) for v in (y, weight))
    if x.ndim != 2:
        raise ValueError(f"{name}: x has the wrong shape, got {x.shape}; expected ({csr.columns}, F).")
    for what, v, shape in (("y", y, (csr.rows, x.shape[1])), ("weight", weight, (x.shape[1],))):
        if v.shape != shape:
            raise ValueError(
                f"{name}: {what} does not fit x, got {v.shape} for x of shape {x.shape}; expected {shape}."
            )
    return _sparse_relu_dot(x, y, weight, csr=csr, csc=csc)
