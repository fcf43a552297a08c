"""A table of vectors, looked up by integers."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.nn._layers import _count
from grillyx.nn._module import Module, Parameter
from grillyx.ops import random


class Embedding(Module):
    """Rows of a table at integer indices.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of a row.
        padding_idx: a row that is first 0 and does not learn; negative counts from the end.

    Attributes:
        weight: (num_embeddings, embedding_dim), first normal with mean 0 and deviation 1.

    Shape: ``(*)`` of integers → ``(*, embedding_dim)``.

    Raises:
        ValueError: `padding_idx`, or later an index, is out of range.
    """

    per_sample = True

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        self.num_embeddings = _count(num_embeddings, "Embedding", "num_embeddings")
        self.embedding_dim = _count(embedding_dim, "Embedding", "embedding_dim")
        if padding_idx is not None and not -self.num_embeddings <= padding_idx < self.num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx out of range, got {padding_idx}; expected -{self.num_embeddings} to "
                f"{self.num_embeddings - 1}."
            )
        self.padding_idx = None if padding_idx is None else int(padding_idx) % self.num_embeddings
        self.weight = Parameter(random.normal((self.num_embeddings, self.embedding_dim), 0.0, 1.0))
        if self.padding_idx is not None:
            keep = [[float(k != self.padding_idx)] for k in range(self.num_embeddings)]
            self.weight = Parameter((self.weight * keep).detach())

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """Return a layer with these vectors (num_embeddings, embedding_dim).

        Args:
            embeddings: the table.
            freeze: whether it does not learn.
            padding_idx: as above; the row keeps its values.
        """
        table = Tensor(embeddings)
        if table.ndim != 2:
            raise ValueError(f"Embedding: a table has two axes, got shape {table.shape}.")
        out = cls(table.shape[0], table.shape[1], padding_idx)
        out.weight = Parameter(table, requires_grad=not freeze)
        return out

    def forward(self, index: Any) -> Tensor:
        """``(*)`` → ``(*, embedding_dim)``."""
        return F.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
