"""Graph convolutions with PyTorch Geometric's names, defaults and numbers, on (N, F) and on sequences (T, N, F)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._aggregate import received
from grillyx.graph._base import GraphModule, features, graph_of, size
from grillyx.graph._graph import Graph
from grillyx.nn import Buffer, Parameter
from grillyx.ops import random


def glorot(*shape: int) -> Parameter:
    """Return uniform values in ``±sqrt(6 / (the last two lengths))``, as PyG."""
    bound = math.sqrt(6.0 / (shape[-2] + shape[-1]))
    return Parameter(random.uniform(shape, -bound, bound))


def mapped(in_channels: int, out_channels: int) -> nn.Linear:
    """Return a linear map without bias, with Glorot's first values."""
    out = nn.Linear(in_channels, out_channels, bias=False)
    out.weight = glorot(out_channels, in_channels)
    return out


class _Conv(GraphModule):
    packed = False

    def __init__(self, in_channels: Any, out_channels: Any) -> None:
        name = type(self).__name__
        if isinstance(in_channels, (tuple, list)):
            raise TypeError(f"{name}: bipartite graphs (a pair of in_channels) are not supported, got {in_channels!r}.")
        self.in_channels, self.out_channels = (
            size(in_channels, name, "in_channels"),
            size(out_channels, name, "out_channels"),
        )

    def _read(self, x: Any, graph: Any, edge_weight: Any = None) -> tuple[Tensor, Graph]:
        name = type(self).__name__
        return features(x, name, self.in_channels), graph_of(graph, x, name, edge_weight)

    def _narrow(self, x: Tensor, graph: Graph, lin: nn.Linear) -> Tensor:
        """Sum and map, in the order in which fewer features are summed."""
        if self.packed or self.in_channels <= self.out_channels:
            return lin(received(graph, x, "sum", graph.weight, self.packed))
        return F.sparse_matmul(graph.csr, graph.csc, lin(x), graph.weight)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}"

    def __repr__(self) -> str:  # in one line, as PyG
        return f"{type(self).__name__}({self.extra_repr()})"


class GCNConv(_Conv):
    """Graph convolution: ``y[i] = sum over j of w(j → i) / sqrt(d(j) d(i)) W x[j] + b``, with loops.

    Args:
        in_channels: features of a node.
        out_channels: features of a node after it.
        improved: loops weigh 2 and not 1, also where edges have no weights; PyG does that only where they have.
        cached: keep the normalised edges of the first call; a `Graph` keeps them anyway.
        add_self_loops: whether nodes without a loop get one; by default as `normalize`.
        normalize: whether to divide by ``sqrt(d(j) d(i))``, d the sum of weights that come in.
        bias: whether there is a bias.
        packed: x holds spikes, 0 and 1 only, and neighbours are summed from their bits; see `functional.sparse_spikes`.

    Attributes:
        lin: the map; ``lin.weight`` (out_channels, in_channels).
        bias: (out_channels,), first 0; or None.

    Shape: x (N, in_channels) or (T, N, in_channels); edges as a `Graph`, edge_index (2, E), or what else `as_graph` takes;
    edge_weight (E,) or None → (N, out_channels) or (T, N, out_channels).

    Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks", ICLR 2017.
    """

    _weighted = True

    def __init__(
        self, in_channels: int, out_channels: int, improved: bool = False, cached: bool = False,
        add_self_loops: bool | None = None, normalize: bool = True, bias: bool = True, packed: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels)
        self.packed = bool(packed)
        self.add_self_loops = bool(normalize if add_self_loops is None else add_self_loops)
        if self.add_self_loops and not normalize:
            raise ValueError(
                "GCNConv: add_self_loops=True needs normalize=True, got normalize=False; add them to the graph."
            )
        self.improved, self.cached, self.normalize = bool(improved), bool(cached), bool(normalize)
        self.lin = mapped(self.in_channels, self.out_channels)
        self.bias = Parameter(np.zeros(self.out_channels, np.float32)) if bias else None
        self._kept: Graph | None = None

    def forward(self, x: Any, edge_index: Any, edge_weight: Any = None) -> Tensor:
        """Return (N, out_channels), or (T, N, out_channels)."""
        first = self._kept is None
        x, graph = self._read(x, edge_index, edge_weight) if first else self._read(x, self._kept)
        if self.normalize and first:
            graph = graph.gcn_norm(self.add_self_loops, self.improved)
            self._kept = graph if self.cached else None
        y = self._narrow(x, graph, self.lin)
        return y if self.bias is None else y + self.bias


class SAGEConv(_Conv):
    """GraphSAGE: ``y[i] = W_l aggr(x[j] over the edges j → i) + b + W_r x[i]``. Weights of edges are not used, as in PyG.

    Args:
        in_channels: features of a node.
        out_channels: features of a node after it.
        aggr: ``"mean"``, ``"max"``, ``"sum"`` (or ``"add"``), ``"min"``.
        normalize: whether each row of y is divided by its length (at least 1e-12).
        root_weight: whether there is the term of the node itself.
        project: whether neighbours are first ``relu(lin(x))``.
        bias: whether there is a bias.
        packed: x holds spikes, 0 and 1 only, and neighbours are summed from their bits; see `functional.sparse_spikes`.

    Attributes:
        lin_l: the map of neighbours, with the bias.
        lin_r: the map of the node itself; not there without `root_weight`.
        lin: the projection; only with `project`.

    Shape: as `GCNConv`.

    Source: Hamilton, Ying and Leskovec, "Inductive representation learning on large graphs", NeurIPS 2017.
    """

    def __init__(
        self, in_channels: int, out_channels: int, aggr: str = "mean", normalize: bool = False, root_weight: bool = True,
        project: bool = False, bias: bool = True, packed: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels)
        self.packed = bool(packed)
        self.aggr = "sum" if aggr == "add" else _check.one_of(aggr, ("mean", "max", "sum", "min"), "SAGEConv", "aggr")
        self.normalize, self.root_weight, self.project = bool(normalize), bool(root_weight), bool(project)
        if self.project:
            self.lin = nn.Linear(self.in_channels, self.in_channels)
        self.lin_l = nn.Linear(self.in_channels, self.out_channels, bias=bias)
        if self.root_weight:
            self.lin_r = nn.Linear(self.in_channels, self.out_channels, bias=False)

    def forward(self, x: Any, edge_index: Any) -> Tensor:
        """Return (N, out_channels), or (T, N, out_channels)."""
        x, graph = self._read(x, edge_index)
        sent = F.relu(self.lin(x)) if self.project else x
        y = self.lin_l(received(graph, sent, self.aggr, None, self.packed and not self.project))
        if self.root_weight:
            y = y + self.lin_r(x)
        if not self.normalize:
            return y
        squares = F.sum(y * y, -1, keepdims=True)
        return y * F.rsqrt(F.maximum(squares, 1e-24))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, aggr={self.aggr!r}"


class SGConv(_Conv):
    """Simple graph convolution: ``Y = S^K X W.T + b``, S the normalised edges of `GCNConv` with loops.

    Args:
        in_channels: features of a node.
        out_channels: features of a node after it.
        K: how many times neighbours are summed.
        cached: keep ``S^K X`` of the first call for all others: only where graph and features stay the same.
        add_self_loops: whether nodes without a loop get one.
        bias: whether there is a bias.

    Attributes:
        lin: the map, with the bias.

    Shape: as `GCNConv`.

    Source: Wu et al., "Simplifying graph convolutional networks", ICML 2019.
    """

    _weighted = True

    def __init__(
        self, in_channels: int, out_channels: int, K: int = 1, cached: bool = False, add_self_loops: bool = True,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels)
        self.K, self.cached, self.add_self_loops = size(K, "SGConv", "K"), bool(cached), bool(add_self_loops)
        self.lin = nn.Linear(self.in_channels, self.out_channels, bias=bias)
        self._kept: Tensor | None = None

    def forward(self, x: Any, edge_index: Any, edge_weight: Any = None) -> Tensor:
        """Return (N, out_channels), or (T, N, out_channels)."""
        x, graph = self._read(x, edge_index, edge_weight)
        if self._kept is not None:
            if self._kept.shape != x.shape:
                raise ValueError(
                    f"SGConv: cached=True has kept the features of another graph, got {x.shape}; expected {self._kept.shape}."
                )
            return self.lin(self._kept)
        normed = graph.gcn_norm(self.add_self_loops)
        first = not self.cached and self.out_channels < self.in_channels  # fewer features to sum
        if first:
            x = F.linear(x, self.lin.weight)
        for _ in range(self.K):
            x = F.sparse_matmul(normed.csr, normed.csc, x, normed.weight)
        if self.cached:
            self._kept = x = x.detach()
        if first:
            return x if self.lin.bias is None else x + self.lin.bias
        return self.lin(x)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, K={self.K}"


class GINConv(GraphModule):
    """Graph isomorphism network: ``y[i] = nn((1 + eps) x[i] + sum of x[j])``. Weights of edges are not used, as in PyG.

    Args:
        nn: a module from (*, F) to (*, F'), such as an MLP.
        eps: see above.
        train_eps: whether eps learns.

    Attributes:
        eps: shape (1,).

    Shape: x (N, F) or (T, N, F) → what `nn` makes of it.

    Source: Xu et al., "How powerful are graph neural networks?", ICLR 2019.
    """

    def __init__(self, nn: Any, eps: float = 0.0, train_eps: bool = False) -> None:
        if not callable(nn):
            raise TypeError(f"GINConv: nn must be a module such as nn.Linear, got {nn!r}.")
        first = np.array([_check.number(eps, "GINConv", "eps")], np.float32)
        self.nn = nn
        self.eps: Tensor = Parameter(first) if train_eps else Buffer(first)

    def forward(self, x: Any, edge_index: Any) -> Tensor:
        """Return what `nn` makes of (N, F) or (T, N, F)."""
        x, graph = features(x, "GINConv"), graph_of(edge_index, x, "GINConv")
        out: Tensor = self.nn(x * (self.eps + 1.0) + F.sparse_matmul(graph.csr, graph.csc, x))
        return out
