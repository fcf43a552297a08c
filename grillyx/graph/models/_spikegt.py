"""SpikeGT, the model of SpikeGraphormer."""

from __future__ import annotations

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.graph._base import size
from grillyx.graph._convs import GCNConv
from grillyx.graph._graph import Graph
from grillyx.graph._pool import members, spread
from grillyx.graph.models._model import Model, fraction, steps
from grillyx.nn import BatchNorm1d, LayerNorm, LIFNode, Linear, Module, ModuleList, SeqToANNContainer
from grillyx.ops.sparse import Csr


def _lif(v_threshold: float = 1.0) -> LIFNode:
    return LIFNode(decay_input=True, v_threshold=v_threshold, detach_reset=True, step_mode="m")


def _mapped(in_features: int, out_features: int) -> SeqToANNContainer:
    return SeqToANNContainer(Linear(in_features, out_features), BatchNorm1d(out_features))


class _Attention(Module):
    """All nodes see all others, in time that grows with their number: ``q * neuron(sum over nodes of k * v)``."""

    def __init__(self, dim: int, heads: int) -> None:
        width = heads * dim
        self.shortcut, self.q, self.k, self.v = _lif(), _lif(), _lif(), _lif()
        self.to_q, self.to_k, self.to_v = (_mapped(dim, width) for _ in range(3))
        self.talk, self.project = _lif(0.5), _mapped(width, dim)

    def forward(self, x: Tensor, held: tuple[Csr, Csr]) -> Tensor:
        s = self.shortcut(x)
        q, k, v = self.q(self.to_q(s)), self.k(self.to_k(s)), self.v(self.to_v(s))
        together = self.talk(F.sparse_reduce(*held, k * v))
        return x + self.project(q * spread(together, held))


class _Mlp(Module):
    def __init__(self, dim: int) -> None:
        self.first, self.second = _lif(), _lif()
        self.widen, self.narrow = _mapped(dim, 2 * dim), _mapped(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(self.second(self.widen(self.first(x))))


class SpikeGT(Model):
    """A spiking transformer on all nodes of a graph, and a graph network beside it.

    The attention works on spikes q, k, v (T, N, heads * hidden): a channel is let through where neurons that see the sum of
    ``k * v`` over all nodes fire. That takes masks and additions, and time and memory of N, not of N². In a batch,
    the sums are those of each graph. The other branch is a GCN with residual connections, and does not spike:

        logits = head(graph_weight * gcn(x, graph) + (1 - graph_weight) * mean over T of transformer(x))

    Args:
        in_features: features of a node.
        hidden: width of both branches.
        classes: classes.
        T: number of steps.
        dropout: chance of a hidden unit to be 0 while training.
        heads: how many times as wide as `hidden` the attention is.
        blocks: blocks of the transformer, each an attention and an MLP.
        layers: convolutions of the GCN.
        graph_weight: share of the GCN, from 0 to 1.

    Source: Sun et al., "SpikeGraphormer: a high-performance graph transformer with spiking graph attention", 2024.
    There the GCN is as wide as there are classes, and its convolutions have no loops.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 4, dropout: float = 0.5, *, heads: int = 1,
        blocks: int = 1, layers: int = 2, graph_weight: float = 0.8,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.graph_weight = fraction(graph_weight, "SpikeGT", "graph_weight")
        heads = size(heads, "SpikeGT", "heads")
        self.enter, self.enter_norm = Linear(self.in_features, self.hidden), LayerNorm(self.hidden)
        self.attention = ModuleList(_Attention(self.hidden, heads) for _ in range(size(blocks, "SpikeGT", "blocks")))
        self.mlp = ModuleList(_Mlp(self.hidden) for _ in range(blocks))
        self.out, self.leave = _lif(), Linear(self.hidden, self.hidden)
        self.lin, self.norm = Linear(self.in_features, self.hidden), BatchNorm1d(self.hidden)
        self.convs = ModuleList(GCNConv(self.hidden, self.hidden) for _ in range(size(layers, "SpikeGT", "layers")))
        self.norms = ModuleList(BatchNorm1d(self.hidden) for _ in range(layers))
        self.head = Linear(self.hidden, self.classes)

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        w = self.graph_weight
        return self.head(w * self._local(x, graph) + (1.0 - w) * self._transformed(x, graph))

    def _transformed(self, x: Tensor, graph: Graph) -> Tensor:
        held = members(graph, graph.num_nodes, "SpikeGT")
        h = steps(self._drop(F.relu(self.enter_norm(self.enter(x)))), self.T)
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            h = mlp(attention(h, held))
        return self.leave(F.mean(self.out(h), 0))

    def _local(self, x: Tensor, graph: Graph) -> Tensor:
        h = self._drop(F.relu(self.norm(self.lin(x))))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = h + self._drop(F.relu(norm(conv(h, graph))))
        return h
