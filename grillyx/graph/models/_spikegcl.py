"""SpikeGCL."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import size
from grillyx.graph._convs import GCNConv, glorot
from grillyx.graph._graph import Graph
from grillyx.graph.models._model import Model, fraction
from grillyx.nn import BaseNode, BatchNorm1d, Linear, Parameter, ParametricLIFNode
from grillyx.random import rand


class SpikeGCL(Model):
    """Nodes as spikes, one bit each, learned without labels, or with them.

    The features are cut into T groups, side by side; step t sees group t:

        h[t] = elu(S x[t] W[t] + b[t]),   spikes[t] = neuron(S norm(h[t]) W + c),   S the edges of `GCNConv`

    W and the neuron are those of all steps, and the spikes of all steps together are what a node is (`embed`). Without
    labels, `contrastive_loss` sets them apart from those of a spoilt graph: edges are missing, and features are exchanged.
    Called as a model, it returns logits, a linear map of the spikes, and so learns with labels from end to end.

    Args:
        in_features: features of a node, at least T.
        hidden: spikes of a node in a step.
        classes: classes.
        T: number of groups, and of steps: by default 8, or as many as there are features.
        dropout: chance of a feature, and of a hidden unit, to be 0 while training.
        drop_edge: chance of an edge to be missing in the spoilt graph.
        margin: by how much scores shall differ.
        v_threshold: threshold of the neuron.
        neuron: the neuron; ``nn.ParametricLIFNode`` of time constant 2 with the surrogate ``nn.Sigmoid(2)`` by default.

    Attributes:
        weight: (T, features of a group, hidden).
        bias: (T, 1, hidden).
        head: the read-out of all spikes; only for labels.
        score: the map of a step's spikes to a score; only for `contrastive_loss`.

    Source: Li et al., "A graph is worth 1-bit spikes: when graph contrastive learning meets spiking neural networks", ICLR 2024.
    Theirs starts with a time constant of 1, which leaves no memory and has no finite parameter in `nn.ParametricLIFNode`; and
    normalises the groups too.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int | None = None, dropout: float = 0.5, *, drop_edge: float = 0.2,
        margin: float = 0.0, v_threshold: float = 5e-3, neuron: BaseNode | None = None,
    ) -> None:  # fmt: skip
        T = min(8, size(in_features, "SpikeGCL", "in_features")) if T is None else T
        super().__init__(in_features, hidden, classes, T, dropout)
        if self.in_features < self.T:
            raise ValueError(
                f"SpikeGCL: T is too large, got {T} for {in_features} features; expected 1 to {in_features}, a group of one or more."
            )
        if neuron is not None and not isinstance(neuron, BaseNode):
            raise TypeError(f"SpikeGCL: neuron must be a spiking neuron such as nn.LIFNode(), got {neuron!r}.")
        self.drop_edge, self.margin = (
            fraction(drop_edge, "SpikeGCL", "drop_edge"),
            _check.number(margin, "SpikeGCL", "margin"),
        )
        groups = np.array_split(np.arange(self.in_features), self.T)
        width = len(groups[0])
        # shorter groups end with a feature that is 0, the one after the last
        self._groups = np.concatenate([np.append(g, [self.in_features] * (width - len(g))) for g in groups]).astype(int)
        self.weight = glorot(self.T, width, self.hidden)
        self.bias = Parameter(np.zeros((self.T, 1, self.hidden), np.float32))
        self.norm, self.conv = BatchNorm1d(self.hidden), GCNConv(self.hidden, self.hidden)
        self.neuron = neuron or ParametricLIFNode(
            decay_input=True, v_threshold=v_threshold, detach_reset=True, surrogate_function=nn.surrogate.Sigmoid(2.0)
        )
        self.neuron.step_mode = "m"
        self.head = Linear(self.T * self.hidden, self.classes)
        self.score = Linear(self.hidden, 1, bias=False)

    def _currents(self, x: Tensor, graph: Graph, order: np.ndarray | None = None) -> Tensor:
        """Return what drives the neurons, (T, N, hidden); `order`: the features are exchanged."""
        x = F.cat([x, Tensor(np.zeros((x.shape[0], 1), np.float32))], 1)
        columns = self._groups if order is None else np.append(order, self.in_features)[self._groups]
        parts = self._drop(F.take(x, columns, 1)).reshape(x.shape[0], self.T, self.weight.shape[1]).transpose(1, 0, 2)
        graph = graph.gcn_norm()
        h = F.elu(F.sparse_matmul(graph.csr, graph.csc, F.matmul(parts, self.weight), graph.weight) + self.bias)
        h = self.norm(self._drop(h).reshape(-1, self.hidden)).reshape(h.shape)
        lin, bias = self.conv.lin, self.conv.bias
        return lin(F.sparse_matmul(graph.csr, graph.csc, h, graph.weight)) + bias

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        return self.head(self._flat(self.neuron(self._currents(x, graph))))

    def _flat(self, spikes: Tensor) -> Tensor:
        return spikes.transpose(1, 0, 2).reshape(spikes.shape[1], self.T * self.hidden)

    def embed(self, x: Any, graph: Any) -> Tensor:
        """Return the spikes of each node, (N, T * hidden). Dropout is as in the model: call ``eval()`` first."""
        return self._flat(self.neuron(self._currents(*self._read(x, graph))))

    def contrastive_loss(self, x: Any, graph: Any) -> Tensor:
        """Return the loss without labels: ``max(0, margin - score + score of the spoilt graph)``, summed over steps.

        It is the mean over nodes. No gradient goes from a step to those before it, so that each step learns as a block.
        """
        x, graph = self._read(x, graph)
        kept = (rand(graph.num_edges) >= self.drop_edge).astype(np.float32)
        spoilt = graph.with_weight(kept if graph.weight is None else kept * graph.weight)
        order = rand(self.in_features).numpy().argsort()
        good, bad = self._scores(self._currents(x, graph)), self._scores(self._currents(x, spoilt, order))
        return F.sum(F.mean(F.relu(self.margin - good + bad), -1))

    def _scores(self, currents: Tensor) -> Tensor:
        """Return (T, N)."""
        F.reset_net(self.neuron)
        F.set_step_mode(self.neuron, "s")
        out = []
        for current in F.unstack(currents):
            out.append(self.score(self.neuron(current)).reshape(-1))
            F.detach_net(self.neuron)
        F.set_step_mode(self.neuron, "m")
        return F.stack(out)
