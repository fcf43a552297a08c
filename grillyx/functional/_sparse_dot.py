"""Scores of edges from the features at their ends."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional._sparse import _rows_of
from grillyx.ops import sparse_dot as op
from grillyx.ops.sparse import Csr

_sparse_dot = differentiable(op.sparse_dot)


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
