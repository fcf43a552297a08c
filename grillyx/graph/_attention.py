"""Graph attention with PyTorch Geometric's names, defaults and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.functional import _check
from grillyx.graph._base import size
from grillyx.graph._convs import _Conv, glorot, mapped
from grillyx.graph._graph import Graph
from grillyx.nn import Parameter


class GATConv(_Conv):
    """Graph attention: ``y[i] = sum of a(j → i) W x[j] + b``, for each head
    ``a = softmax over j of leaky_relu(att_src · W x[j] + att_dst · W x[i])``.

    Weights of edges are not used, as in PyG.

    Args:
        in_channels: features of a node.
        out_channels: features of a head.
        heads: number of heads.
        concat: whether heads stand side by side; else y is their mean.
        negative_slope: of the leaky relu.
        dropout: chance of each attention to become 0 while training.
        add_self_loops: whether every node has one loop: those that there are are replaced.
        edge_dim: not supported.
        bias: whether there is a bias.
        residual: whether a linear map of x is added, ``res``.

    Attributes:
        lin: the map W, (heads * out_channels, in_channels).
        att_src: (1, heads, out_channels).
        att_dst: (1, heads, out_channels).
        bias: (heads * out_channels,) with `concat`, else (out_channels,); first 0; or None.

    Shape: x (N, in_channels) or (T, N, in_channels) → (…, heads * out_channels) with `concat`, else (…, out_channels).

    Source: Veličković et al., "Graph attention networks", ICLR 2018.
    """

    def __init__(
        self, in_channels: int, out_channels: int, heads: int = 1, concat: bool = True, negative_slope: float = 0.2,
        dropout: float = 0.0, add_self_loops: bool = True, edge_dim: int | None = None, bias: bool = True,
        residual: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels)
        self.heads, self.concat = size(heads, "GATConv", "heads"), bool(concat)
        self.negative_slope = _check.number(negative_slope, "GATConv", "negative_slope")
        self.dropout = _check.number(dropout, "GATConv", "dropout")
        if not 0.0 <= self.dropout <= 1.0:
            raise ValueError(f"GATConv: dropout is a probability, got {dropout}; expected a value from 0 to 1.")
        if edge_dim is not None:
            raise ValueError(f"GATConv: edge attributes are not supported, got edge_dim={edge_dim}; expected None.")
        self.add_self_loops = bool(add_self_loops)
        width = self.heads * self.out_channels
        self.lin = mapped(self.in_channels, width)
        self.att_src = glorot(1, self.heads, self.out_channels)
        self.att_dst = glorot(1, self.heads, self.out_channels)
        total = width if self.concat else self.out_channels
        self.res: nn.Linear | None = mapped(self.in_channels, total) if residual else None
        self.bias = Parameter(np.zeros(total, np.float32)) if bias else None

    def forward(
        self, x: Any, edge_index: Any, edge_attr: Any = None, return_attention_weights: bool | None = None
    ) -> Any:
        """Return y; with `return_attention_weights` also ``(edge_index, attention (E, heads))``, loops included."""
        if edge_attr is not None:
            raise ValueError("GATConv: edge_attr is not supported, got one; expected None.")
        x, graph = self._read(x, edge_index)
        graph = _looped(graph) if self.add_self_loops else graph
        h = self.lin(x)
        h = h.reshape(*h.shape[:-1], self.heads, self.out_channels)
        source, target = F.sum(h * self.att_src, -1), F.sum(h * self.att_dst, -1)
        alpha = F.attention_weights(graph.csr, graph.csc, source, target, self.negative_slope)
        dropped = F.dropout(alpha, self.dropout) if self.dropout and self.training else alpha
        y = F.sparse_matmul(graph.csr, graph.csc, h, dropped)
        y = y.reshape(*y.shape[:-2], self.heads * self.out_channels) if self.concat else F.mean(y, -2)
        y = y if self.res is None else y + self.res(x)
        y = y if self.bias is None else y + self.bias
        return (y, (graph.edge_index, alpha)) if return_attention_weights else y

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, heads={self.heads}"


def _looped(graph: Graph) -> Graph:
    """Return the edges with one loop at each node; kept with the structure, as weights do not matter."""
    kept = graph.structure.kept
    if "attention" not in kept:
        bare = Graph(graph.edge_index, num_nodes=graph.num_nodes)
        kept["attention"] = bare.remove_self_loops().add_self_loops()
    out: Graph = kept["attention"]
    return out
