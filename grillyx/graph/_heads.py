"""Heads: from what a network says of nodes to classes of nodes, edges and graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import FeatureModule, array_of, features, size
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._inputs import generator, whole
from grillyx.graph._pool import pool_of


class _Head(FeatureModule):
    """What heads share: time is taken out first."""

    def __init__(self, in_channels: int, time: str) -> None:
        name = type(self).__name__
        self.in_channels = size(in_channels, name, "in_channels")
        self.time = _check.one_of(time, ("mean", "sum", "max", "last"), name, "time")

    def _still(self, x: Any) -> Tensor:
        """(T, N, F) → (N, F); what has no time stays."""
        x = features(x, type(self).__name__, self.in_channels)
        if x.ndim == 2:
            return x
        if x.shape[0] == 0:
            raise ValueError(
                f"{type(self).__name__}: a sequence without steps, got {x.shape}; expected (T, N, F), T >= 1."
            )
        return x[-1] if self.time == "last" else {"mean": F.mean, "sum": F.sum, "max": F.amax}[self.time](x, 0)


class NodeHead(_Head):
    """A class for each node: a linear map of rates.

    Args:
        in_channels: features of a node.
        out_channels: number of classes.
        time: what becomes of a sequence: its ``"mean"`` (rates of spikes), ``"sum"``, ``"max"`` or ``"last"`` step.
        bias: whether there is a bias.

    Attributes:
        lin: the map.

    Shape: (N, in_channels) or (T, N, in_channels) → (N, out_channels).
    """

    def __init__(self, in_channels: int, out_channels: int, time: str = "mean", bias: bool = True) -> None:
        super().__init__(in_channels, time)
        self.lin = nn.Linear(self.in_channels, out_channels, bias=bias)

    def forward(self, x: Any) -> Tensor:
        """Return (N, out_channels)."""
        return self.lin(self._still(x))


class GraphHead(_Head):
    """A class for each graph: nodes are pooled, then mapped.

    Args:
        in_channels: features of a node.
        out_channels: number of classes.
        reduce: ``"sum"``, ``"mean"`` or ``"max"`` over the nodes of a graph.
        time: see `NodeHead`.
        bias: whether there is a bias.

    Attributes:
        lin: the map.

    Shape: x as in `NodeHead`; batch: a `Graph`, (N,) integers, or None for one graph → (graphs, out_channels).
    """

    def __init__(
        self, in_channels: int, out_channels: int, reduce: str = "mean", time: str = "mean", bias: bool = True
    ) -> None:
        super().__init__(in_channels, time)
        self.reduce = reduce
        pool_of(reduce, "GraphHead")
        self.lin = nn.Linear(self.in_channels, out_channels, bias=bias)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        return super().__call__(*inputs[:1], **dict(zip(("batch", "size"), inputs[1:], strict=False)), **options)

    def forward(self, x: Any, batch: Any = None, size: int | None = None) -> Tensor:
        """Return (graphs, out_channels); `size` is the number of graphs where the last have no nodes."""
        pooled = pool_of(self.reduce, "GraphHead")(self._still(x), batch, size)
        return self.lin(pooled)


class EdgeHead(_Head):
    """A score for pairs of nodes, for link prediction: the logit that there is an edge from i to j.

    ``z[i] · z[j]``, where z is x or, with `hidden`, a linear map of it; or with ``method="mlp"``
    ``w · relu(A x[i] + B x[j] + b) + c``, which knows directions.

    Args:
        in_channels: features of a node.
        method: ``"dot"`` or ``"mlp"``.
        hidden: width of the map; for ``"mlp"`` `in_channels` by default.
        time: see `NodeHead`.

    Attributes:
        lin: the map of ``"dot"``, if there is one.
        lin_src: A, with the bias.
        lin_dst: B.
        out: w and c.

    Shape: x as in `NodeHead`; pairs (2, P) integers, such as `edge_index` or `negative_sampling` → (P,).
    """

    def __init__(self, in_channels: int, method: str = "dot", hidden: int | None = None, time: str = "mean") -> None:
        super().__init__(in_channels, time)
        self.method = _check.one_of(method, ("dot", "mlp"), "EdgeHead", "method")
        width = None if hidden is None else size(hidden, "EdgeHead", "hidden")
        if method == "mlp":
            width = width or self.in_channels
            self.lin_src = nn.Linear(self.in_channels, width)
            self.lin_dst = nn.Linear(self.in_channels, width, bias=False)
            self.out = nn.Linear(width, 1)
        elif width is not None:
            self.lin = nn.Linear(self.in_channels, width, bias=False)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        return super().__call__(*inputs[:1], **dict(zip(("pairs",), inputs[1:], strict=False)), **options)

    def forward(self, x: Any, pairs: Any) -> Tensor:
        """Return (P,): `pairs` are (2, P) nodes from and to, or a `Graph`, for its edges."""
        z = self._still(x)
        graph = pairs if isinstance(pairs, Graph) else _pairs(pairs, z.shape[0])
        if graph.num_nodes != z.shape[0]:
            raise ValueError(f"EdgeHead: the graph has {graph.num_nodes} nodes, but the input has {z.shape[0]} rows.")
        if self.method == "dot":
            z = self.lin(z) if hasattr(self, "lin") else z
            return F.sparse_dot(graph.csr, graph.csc, z)
        weight, bias = self.out.weight.reshape(-1), self.out.bias
        scores = F.sparse_relu_dot(graph.csr, graph.csc, self.lin_src(z), self.lin_dst(z), weight)
        return scores if bias is None else scores + bias


def _pairs(pairs: Any, nodes: int) -> Graph:
    """Return pairs as the edges of a graph."""
    own = whole(pairs, "pairs", "EdgeHead")
    if own.ndim != 2 or own.shape[0] != 2:
        raise ValueError(f"EdgeHead: pairs has a wrong shape, got {own.shape}; expected (2, P), nodes from and to.")
    if own.size and (own.min() < 0 or own.max() >= nodes):
        side, at = np.argwhere((own < 0) | (own >= nodes))[0]
        raise ValueError(
            f"EdgeHead: pairs out of range, got {own[side, at]} at pairs[{side}, {at}]; expected 0 to {nodes - 1}, rows of the "
            "input."
        )
    return Graph(own, num_nodes=nodes)


def negative_sampling(
    edge_index: Any, num_nodes: int | None = None, num_neg_samples: int | None = None, seed: Any = None
) -> np.ndarray:
    """Return pairs of nodes (2, P) between which there is no edge: each once, no loops, drawn on the host.

    Args:
        edge_index: (2, E), a `Graph`, or what else `as_graph` takes, but no dense matrix.
        num_nodes: N, for edge_index; one more than the largest index by default.
        num_neg_samples: P, as many as there are edges by default; fewer are returned where there are not so many.
        seed: anything that ``numpy.random.default_rng`` takes, such as a generator; other numbers in each call by default.

    Raises:
        ValueError: an index out of range, a negative count.
    """
    graph = _edges(edge_index, num_nodes)
    n, rng = graph.num_nodes, generator(seed, "negative_sampling", "seed")
    wanted = graph.num_edges if num_neg_samples is None else num_neg_samples
    if not hasattr(wanted, "__index__") or int(wanted) < 0:
        raise ValueError(f"negative_sampling: num_neg_samples is a whole number from 0, got {num_neg_samples!r}.")
    source, target = graph.edge_index[:, graph.edge_index[0] != graph.edge_index[1]]
    taken = np.unique(source * (n - 1) + target - (target > source))  # pairs without loops, numbered from 0
    total = n * (n - 1)
    count = min(int(wanted), total - len(taken))
    if total <= 1 << 22 or 2 * (len(taken) + count) > total:  # few pairs, or few that are free: all of these
        free = np.setdiff1d(np.arange(total), taken, assume_unique=True)
        found = rng.choice(free, count, replace=False)
    else:
        found = np.empty(0, np.int64)
        while len(found) < count:
            drawn = rng.integers(0, total, 2 * (count - len(found)) + 16)
            found = np.concatenate([found, drawn[~np.isin(drawn, taken)]])
            found = found[np.sort(np.unique(found, return_index=True)[1])][:count]
    first, second = np.divmod(found, max(n - 1, 1))
    return np.stack([first, second + (second >= first)])


def _edges(edge_index: Any, num_nodes: int | None) -> Graph:
    array = array_of(edge_index, "negative_sampling")
    return as_graph(edge_index, num_nodes) if array is None else Graph(array, num_nodes=num_nodes)
