"""Sums, means and maxima over neighbours, and softmax over the edges that come into a node."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import features, graph_of, read
from grillyx.graph._graph import Graph, as_graph


def received(graph: Graph, x: Tensor, reduce: str, weight: Any, packed: bool) -> Tensor:
    """Return what comes into each node; `packed`: x holds spikes, which are read as bits where they are added."""
    if not packed or reduce not in ("sum", "mean"):
        return F.sparse_reduce(graph.csr, graph.csc, x, weight, reduce)
    y = F.sparse_spikes(graph.csr, graph.csc, x, weight)
    return y * Tensor(graph.csr.share) if reduce == "mean" else y


def aggregate(graph: Any, x: Any, reduce: str = "sum", weight: Any = None, packed: bool = False) -> Tensor:
    """Return for each node the sum (mean, maximum, minimum) of ``w(j → i) x[j]`` over the edges that come into it.

    Args:
        graph: a `Graph`, or anything that `as_graph` takes.
        x: (N, F), or (T, N, F).
        reduce: ``"sum"``, ``"mean"`` (over the number of edges), ``"max"`` or ``"min"``; the gradient of an extremum goes to
            the first of equal edges.
        weight: (E,), a number for each edge; those of the graph by default, and 1 where it has none.
        packed: x holds spikes, 0 and 1 only: sums and means then read 32 of them in a word. See `functional.sparse_spikes`.

    Returns:
        The shape of x; 0 for a node without edges.

    Raises:
        ValueError: shapes that do not fit, NaN, another `reduce`.
    """
    _check.one_of(reduce, ("sum", "mean", "max", "min"), "aggregate", "reduce")
    graph = graph_of(graph, x, "aggregate", weight)
    return received(graph, features(x, "aggregate"), reduce, graph.weight, packed)


def softmax(graph: Any, scores: Any) -> Tensor:
    """Return the softmax of scores over the edges that come into the same node.

    Args:
        graph: a `Graph`, or anything that `as_graph` takes.
        scores: (E,), or (E, H) for several heads, in the order of `graph.edge_index`.

    Returns:
        The same shape.

    Raises:
        ValueError: shapes that do not fit, NaN.
    """
    graph = as_graph(graph)
    return F.edge_softmax(graph.csr, graph.csc, read(scores, "softmax", "scores"))
