"""Matrix products and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._elementwise import add, multiply
from grillyx.ops import gemm, index, random, spikes

_matmul = differentiable(gemm.matmul)
_linear = differentiable(gemm.linear)
_embedding = differentiable(index.embedding)
_spike_linear = differentiable(spikes.spike_linear)


def matmul(a: Any, b: Any) -> Tensor:
    """Return ``a @ b`` with NumPy's rules: (m, k) @ (k, n), vectors, and leading axes that broadcast."""
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: needs at least one axis in each operand; use * for numbers.")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(f"matmul: the inner sizes differ, got {a.shape} @ {b.shape}; expected (..., k) @ (..., k, n).")
    _check.broadcast("matmul", a.shape[:-2], b.shape[:-2])
    return _matmul(a, b)


def linear(x: Any, weight: Any, bias: Any = None, packed: bool = False) -> Tensor:
    """Return ``x @ weight.T + bias``.

    Args:
        x: (*, in_features).
        weight: (out_features, in_features).
        bias: (out_features,), or None.
        packed: x holds spikes, 0 and 1 only, and the backward pass keeps their bits, 1/32 of the memory. Other values
            would count as 1 in the gradient of the weight.

    Raises:
        ValueError: the last axis of x is not in_features.
    """
    x, weight = as_tensor(x), as_tensor(weight).astype(np.float32)
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: the last axis of the input must be in_features, got an input of shape {x.shape}; expected "
            f"(..., {weight.shape[-1] if weight.ndim else '?'}) for a weight of shape {weight.shape}."
        )
    bias = None if bias is None else as_tensor(bias).astype(np.float32)
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: the bias has the wrong shape, got {bias.shape}; expected {weight.shape[:1]}.")
    return (_spike_linear if packed else _linear)(x, weight, bias)


def embedding(indices: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """Return the rows of a table at integer indices.

    Args:
        indices: (*), integers from 0.
        weight: (rows, columns).
        padding_idx: a row that gets no gradient; negative counts from the end.

    Raises:
        ValueError: an index or `padding_idx` is out of range; or the table has not two axes.
    """
    weight = as_tensor(weight).astype(np.float32)
    if weight.ndim != 2:
        raise ValueError(f"embedding: a table has two axes, got shape {weight.shape}.")
    rows = weight.shape[0]
    padding = None if padding_idx is None else _check.axis_of(padding_idx, rows, "embedding: padding_idx as an")
    return _embedding(weight, _check.integers(indices, 0, rows, "embedding", "indices"), padding=padding)


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Set each element to 0 with chance p, and scale the others by 1 / (1 - p).

    Raises:
        ValueError: p is not in [0, 1].
    """
    if not 0.0 <= _check.number(p, "dropout", "p") <= 1.0:
        raise ValueError(f"dropout: p is a probability, got {p}; expected a value from 0 to 1.")
    x = as_tensor(x)
    if not training or p == 0.0:
        return add(x, 0.0)
    return multiply(x, 0.0) if p == 1.0 else multiply(x, Tensor(random.dropout_mask(x.shape, p)))
