"""The tape: what an op leaves behind for the walk backward."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grillyx.engine.array import Array

if TYPE_CHECKING:
    from grillyx.autograd._tensor import Tensor

_order = itertools.count()


class Link:
    """Stands on the tape for a tensor that an op made: where it came from, without its values.

    So the memory of a result that no pullback needs is free as soon as the user lets go of it.
    """

    __slots__ = ("_index", "_node", "_tracked", "requires_grad")

    def __init__(self, t: Tensor) -> None:
        self._node, self._index, self._tracked, self.requires_grad = t._node, t._index, t._tracked, t.requires_grad


class Node:
    """One op on the tape."""

    __slots__ = ("name", "order", "outputs", "parents", "pullback", "versions")

    def __init__(
        self, name: str, parents: tuple[Tensor | Link, ...], pullback: Callable[..., Any], outputs: int
    ) -> None:
        self.name, self.parents, self.outputs = name, parents, outputs
        self.pullback: Callable[..., Any] | None = pullback
        self.order = next(_order)
        # what a pullback keeps must not be changed in place before it runs: the gradient would be wrong
        kept = [cell.cell_contents for cell in getattr(pullback, "__closure__", None) or ()]
        self.versions = [(a.storage, a.shape, a.storage.version) for a in kept if type(a) is Array]

    def __lt__(self, other: Node) -> bool:
        return self.order > other.order
