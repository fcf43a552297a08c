"""Multi-head attention, with torch's names, defaults and first values."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _attention, _check
from grillyx.nn._layers import Linear, _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops import attention as attention_ops
from grillyx.ops import random
from grillyx.ops.shape import fill

_heads = differentiable(attention_ops.attention_heads)


class MultiheadAttention(Module):
    """Attention of several heads, between a projection of the inputs and one of the result.

    The heads are read where they lie beside each other, and not copied. Called with one tensor for query, key and value,
    it projects all three in one product.

    Args:
        embed_dim: E, length of the last axis of all inputs.
        num_heads: divides E.
        dropout: chance with which a weight is set to 0 while training.
        bias: whether the projections have biases.
        batch_first: whether inputs are (N, L, E); by default (L, N, E).

    Attributes:
        in_proj_weight: (3 E, E) for query, key and value, first uniform in ±sqrt(6 / 4E).
        in_proj_bias: (3 E,), first 0; or None.
        out_proj: the `Linear` at the end; its bias is first 0.

    Raises:
        ValueError: the heads do not divide E.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, batch_first: bool = False
    ) -> None:
        name = "MultiheadAttention"
        self.embed_dim, self.num_heads = _count(embed_dim, name, "embed_dim"), _count(num_heads, name, "num_heads")
        if self.embed_dim % self.num_heads:
            raise ValueError(f"{name}: embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}.")
        if not 0.0 <= _check.number(dropout, name, "dropout") <= 1.0:
            raise ValueError(f"{name}: dropout is a probability, got {dropout}; expected a value from 0 to 1.")
        self.dropout, self.batch_first, width = float(dropout), bool(batch_first), self.embed_dim
        bound = math.sqrt(6.0 / (4 * width))
        self.in_proj_weight = Parameter(random.uniform((3 * width, width), -bound, bound))
        self.in_proj_bias = Parameter(fill((3 * width,), 0.0)) if bias else None
        self.out_proj = Linear(width, width, bias)
        if bias:
            self.out_proj.bias = Parameter(fill((width,), 0.0))

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Return the result and the weights.

        Args:
            query: (L, N, E), with `batch_first` (N, L, E); or (L, E).
            key: the same with S instead of L.
            value: as key.
            key_padding_mask: (N, S), or (S,): booleans, True where a key does not count; or floats that are added.
            need_weights: whether to return the weights; else None stands for them.
            attn_mask: (L, S) or (N * num_heads, L, S): booleans, True where a key does not count; or floats that are added.
            average_attn_weights: whether the weights are the mean over the heads (N, L, S), or (N, num_heads, L, S).
            is_causal: position i sees positions up to i only.

        Raises:
            ValueError: shapes do not fit.
        """
        alone, fused = query is key and key is value, key is value
        q = as_tensor(query)
        k, v = (q, q) if alone else (as_tensor(key),) * 2 if fused else (as_tensor(key), as_tensor(value))
        self._check_shapes(q, k, v)
        single = q.ndim == 2
        axis = 0 if self.batch_first else 1
        weight, bias, width = self.in_proj_weight, self.in_proj_bias, self.embed_dim

        def projected(x: Tensor, first: int, last: int) -> Tensor:
            if single:
                x = F.expand_dims(x, axis)
            rows = slice(first * width, last * width)
            if (first, last) == (0, 3):
                return F.linear(x, weight, bias)
            return F.linear(x, weight[rows], None if bias is None else bias[rows])

        if alone:
            parts = [projected(q, 0, 3), None, None]
        elif fused:
            parts = [projected(q, 0, 1), projected(k, 1, 3), None]
        else:
            parts = [projected(x, at, at + 1) for at, x in enumerate((q, k, v))]
        batch, rows, columns = 1 if single else q.shape[axis], q.shape[-2 if single else 1 - axis], k.shape[0]
        columns = columns if single else k.shape[1 - axis]
        shape = (batch, self.num_heads, rows, columns)
        mask = self._mask(attn_mask, key_padding_mask, shape)
        drop = _attention.drawn(shape, self.dropout if self.training else 0.0, "MultiheadAttention")
        out, weights = _heads(
            *parts, mask, drop, heads=self.num_heads, batch_first=self.batch_first,
            scale=1.0 / math.sqrt(width // self.num_heads), causal=bool(is_causal),
        )  # fmt: skip
        out = self.out_proj(out)
        out = F.squeeze(out, axis) if single else out
        if not need_weights:
            return out, None
        weights = F.mean(weights, 1) if average_attn_weights else weights
        return out, F.squeeze(weights, 0) if single else weights

    def _check_shapes(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        axis = 0 if self.batch_first else 1
        fits = (
            q.ndim == k.ndim
            and q.ndim in (2, 3)
            and k.shape == v.shape
            and q.shape[-1] == k.shape[-1] == self.embed_dim
        )
        if not fits or 0 in (q.size, k.size) or (q.ndim == 3 and q.shape[axis] != k.shape[axis]):
            order = "(N, L, E), (N, S, E), (N, S, E)" if self.batch_first else "(L, N, E), (S, N, E), (S, N, E)"
            raise ValueError(
                f"MultiheadAttention: the shapes do not fit, got query {q.shape}, key {k.shape} and value {v.shape}; "
                f"expected {order} with E = {self.embed_dim}."
            )

    def _mask(self, attn: Any, padding: Any, shape: tuple[int, ...]) -> Tensor | None:
        batch, heads, rows, columns = shape
        total: Tensor | None = None
        pairs: dict[tuple[int, ...], tuple[int, int]] = {(rows, columns): (1, 1)}
        pairs[batch * heads, rows, columns] = batch, heads
        keys: dict[tuple[int, ...], tuple[int, int]] = {(columns,): (1, 1)} if batch == 1 else {}
        keys[batch, columns] = batch, 1
        for given, name, allowed in ((attn, "attn_mask", pairs), (padding, "key_padding_mask", keys)):
            if given is None:
                continue
            t = _attention.added(given, False)
            if t.shape not in allowed:
                raise ValueError(
                    f"MultiheadAttention: {name} has the wrong shape, got {t.shape}; expected "
                    f"{' or '.join(map(str, allowed))}."
                )
            t = t.reshape(*allowed[t.shape], rows if name == "attn_mask" else 1, columns)
            total = t if total is None else total + t
        return total

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, batch_first={self.batch_first}"
