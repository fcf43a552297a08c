"""What stands behind the last neurons: votes, and a classifier of embeddings."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional._sequence import running
from grillyx.functional import _check
from grillyx.nn import Linear, Module


def _whole(value: Any, least: int, what: str) -> int:
    """Return a whole number of at least `least`."""
    name, word = what.split(": ")
    number = _check.number(value, name, word)
    if number != int(number) or number < least:
        raise ValueError(f"{what} must be a whole number, got {value}; expected at least {least}.")
    return int(number)


class VotingLayer(Module):
    """The mean of each group of neighbouring outputs.

    Args:
        voting_size: length of a group.
        strict: whether a rest that fills no group is an error; otherwise it is left out.

    Shape: ``(*, L)`` → ``(*, L // voting_size)``.

    Raises:
        ValueError: `voting_size` below 1; in a call, with `strict`, L is no multiple of it, or there is no group.
    """

    per_sample = True

    def __init__(self, voting_size: int = 10, strict: bool = True) -> None:
        self.voting_size, self.strict = _whole(voting_size, 1, "VotingLayer: voting_size"), bool(strict)

    def forward(self, x: Any) -> Tensor:
        """``(*, L)`` → ``(*, L // voting_size)``."""
        x, size = as_tensor(x), self.voting_size
        length = x.shape[-1] if x.ndim else 0
        if length < size or (self.strict and length % size):
            raise ValueError(
                f"VotingLayer: the last axis is no whole number of groups, got {length}; expected a multiple of {size}."
                + (" Or set strict=False to leave out the rest." if length >= size else "")
            )
        groups = length // size
        x = x if groups * size == length else x[..., : groups * size]
        return x.reshape(*x.shape[:-1], groups, size).mean(axis=-1)

    def extra_repr(self) -> str:
        return f"voting_size={self.voting_size}, strict={self.strict}"


class ClassificationHead(Module):
    """Mean over patches, a linear layer, mean over time.

    Inside `SNNWrapper`, where time and batch are one axis, it takes them apart itself; the output of the wrapper then
    has no time axis.

    Args:
        embed_dims: length of an embedding.
        num_classes: how many classes; 0 leaves out the linear layer.

    Shape: (T, N, embed_dims, patches) → (N, num_classes), or (N, embed_dims) without classes.

    Raises:
        ValueError: numbers that are not whole or too small; in a call, an input of another shape.
    """

    def __init__(self, embed_dims: int, num_classes: int) -> None:
        self.embed_dims = _whole(embed_dims, 1, "ClassificationHead: embed_dims")
        self.num_classes = _whole(num_classes, 0, "ClassificationHead: num_classes")
        self.head = Linear(self.embed_dims, self.num_classes) if self.num_classes > 0 else None

    def forward(self, x: Any) -> Tensor:
        """(T, N, embed_dims, patches) → (N, num_classes)."""
        x, sequence = as_tensor(x), running()
        if sequence is not None and sequence.has_time and x.ndim == 3:
            x = sequence.unfold(x, "ClassificationHead")
            sequence.has_time = False
        if x.ndim != 4 or x.shape[2] != self.embed_dims:
            raise ValueError(
                f"ClassificationHead: wrong shape, got {x.shape}; expected (T, N, {self.embed_dims}, patches), inside "
                f"SNNWrapper (T · N, {self.embed_dims}, patches)."
            )
        x = x.mean(axis=-1)
        return (x if self.head is None else self.head(x)).mean(axis=0)

    def extra_repr(self) -> str:
        return f"embed_dims={self.embed_dims}, num_classes={self.num_classes}"
