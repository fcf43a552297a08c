"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.engine.array import BOOL
from grillyx.functional import _check
from grillyx.functional._elementwise import logical_not, multiply
from grillyx.functional._shape import broadcast_to
from grillyx.ops import attention as attention_ops
from grillyx.ops import random
from grillyx.ops.shape import fill

_attention = differentiable(attention_ops.attention)


def added(mask: Any, allows: bool) -> Tensor:
    """Return a mask as what is added to the scores; a boolean one is True where it allows, or else where it forbids."""
    t = as_tensor(mask)
    if t.dtype != BOOL:
        return t.astype(np.float32)
    return multiply((logical_not(t) if allows else t).astype(np.float32), attention_ops.FAR)


def drawn(shape: tuple[int, ...], p: Any, name: str) -> Tensor | None:
    """Return what dropout multiplies the weights with, or None for p = 0."""
    if not 0.0 <= _check.number(p, name, "dropout_p") <= 1.0:
        raise ValueError(f"{name}: dropout_p is a probability, got {p}; expected a value from 0 to 1.")
    if p == 0.0:
        return None
    return Tensor(random.dropout_mask(shape, p) if p < 1.0 else fill(shape, 0.0))


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Return ``softmax(scale * query @ key.T + mask) @ value`` (Vaswani et al., 2017).

    Args:
        query: (*, L, E).
        key: (*, S, E).
        value: (*, S, F). Leading axes broadcast.
        attn_mask: broadcasts to (*, L, S). Floats are added to the scores; of booleans, True takes part. A row in which
            nothing takes part gets the mean of all values.
        dropout_p: chance with which a weight is set to 0; the others are scaled by ``1 / (1 - p)``. There is no mode here.
        is_causal: position i sees positions up to i only.
        scale: ``1 / sqrt(E)`` by default.

    Raises:
        ValueError: shapes do not fit, or are empty; `dropout_p` is not in [0, 1]; both a mask and `is_causal`.
    """
    name = "scaled_dot_product_attention"
    q, k, v = (as_tensor(x) for x in (query, key, value))
    shapes = f"got query {q.shape}, key {k.shape} and value {v.shape}"
    if min(x.ndim for x in (q, k, v)) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(f"{name}: the shapes do not fit, {shapes}; expected (..., L, E), (..., S, E) and (..., S, F).")
    lead = _check.broadcast(name, *(x.shape[:-2] for x in (q, k, v)))
    if 0 in (q.size, k.size, v.size):
        raise ValueError(f"{name}: nothing to attend to, {shapes}; expected no axis of length 0.")
    if attn_mask is not None and is_causal:
        raise ValueError(f"{name}: got both attn_mask and is_causal; expected one of them.")
    full = (*lead, q.shape[-2], k.shape[-2])
    mask = None if attn_mask is None else added(attn_mask, True)
    if mask is not None and _check.broadcast(name, mask.shape, full) != full:
        raise ValueError(f"{name}: the mask has the wrong shape, got {mask.shape}; expected one that fits into {full}.")
    factor = 1.0 / math.sqrt(q.shape[-1]) if scale is None else _check.number(scale, name, "scale")
    drop = drawn(full, dropout_p, name)
    q, k, v = (broadcast_to(x, (*lead, *x.shape[-2:])) if x.shape[:-2] != lead else x for x in (q, k, v))
    return _attention(q, k, v, mask, drop, scale=factor, causal=bool(is_causal))[0]
