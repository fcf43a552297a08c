"""What the models share: sizes are checked, and the memory of neurons ends with the call."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import GraphModule, features, graph_of, size
from grillyx.graph._graph import Graph


class Model(GraphModule):
    """Features and a graph go in, logits of the classes of nodes come out.

    Args:
        in_features: features of a node.
        hidden: neurons between.
        classes: number of classes.
        T: steps that an input without time is shown for.
        dropout: chance of hidden values to be dropped while training; the steps share what is dropped.

    Shape: x (N, in_features), graph with N nodes → (N, classes).
    """

    def __init__(self, in_features: int, hidden: int, classes: int, T: int = 1, dropout: float = 0.5) -> None:
        name = type(self).__name__
        self.in_features, self.hidden = size(in_features, name, "in_features"), size(hidden, name, "hidden")
        self.classes, self.T = size(classes, name, "classes"), size(T, name, "T")
        self.dropout = _check.number(dropout, name, "dropout")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"{name}: dropout is a chance below 1, got {dropout}; expected 0 <= dropout < 1.")

    def forward(self, x: Any, graph: Any) -> Tensor:
        """Return logits (N, classes)."""
        return self.logits(*self._read(x, graph))

    def _read(self, x: Any, graph: Any) -> tuple[Tensor, Graph]:
        """Check the input, and put all neurons to rest."""
        name = type(self).__name__
        x = features(x, name, self.in_features, sequences=False)
        graph = graph_of(graph, x, name)
        F.reset_net(self)
        return x, graph

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        """Return (N, classes), with all neurons at rest before."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.hidden}, {self.classes}, T={self.T}, dropout={self.dropout}"


def steps(x: Tensor, T: int) -> Tensor:
    """Show (N, F) for T steps: (T, N, F)."""
    return F.broadcast_to(x, (T, *x.shape))


def fraction(value: Any, name: str, what: str) -> float:
    """Return a number from 0 to 1."""
    out = _check.number(value, name, what)
    if not 0.0 <= out <= 1.0:
        raise ValueError(f"{name}: {what} is out of range, got {value}; expected 0 to 1.")
    return out
