"""SpikingGCN: neighbours are summed once, before there are spikes."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import size
from grillyx.graph._graph import Graph
from grillyx.graph.models._model import Model, steps
from grillyx.nn import SurrogateFunction


class SpikingGCN(Model):
    """Features are summed over K steps of neighbours once, ``S^K X``, and drive LIF neurons for T steps.

    With ``encoder="direct"`` each node's ``BN(S^K X W)`` is a current, the same at each step. With ``"poisson"`` the numbers
    ``S^K X``, cut to [0, 1], are chances of spikes, drawn at each step, and W and the norm map those. Classes are read from the
    rates of the neurons.

    Args:
        in_features: features of a node; with ``"poisson"`` they should be in [0, 1].
        hidden: neurons of a node.
        classes: number of classes.
        T: steps.
        dropout: chance of features, and of neurons, to be dropped while training.
        K: how often neighbours are summed.
        encoder: ``"direct"`` or ``"poisson"``.
        tau: time constant of the membranes in steps.
        v_threshold: of all neurons.
        surrogate_function: see `nn.BaseNode`.

    Shape: x (N, in_features), graph with N nodes → (N, classes).

    Source: Zhu et al., "Spiking graph convolutional networks", IJCAI 2022. There the neurons with W are those of the classes
    themselves; the layer between, with the batch norm, is SGNNBench's (2025).
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 8, dropout: float = 0.5, *, K: int = 2, encoder: str = "direct",
        tau: float = 2.0, v_threshold: float = 1.0, surrogate_function: SurrogateFunction | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.K = size(K, "SpikingGCN", "K")
        self.encoder = _check.one_of(encoder, ("direct", "poisson"), "SpikingGCN", "encoder")
        self.lin = nn.Linear(self.in_features, self.hidden, bias=False)
        self.norm = nn.BatchNorm1d(self.hidden)
        self.neuron = nn.LIFNode(tau, False, v_threshold, surrogate_function=surrogate_function, step_mode="m")
        self.out = nn.Linear(self.hidden, self.classes)
        self.drop_input, self.drop = nn.Dropout(self.dropout), nn.Dropout(self.dropout, step_mode="m")

    def _summed(self, x: Tensor, graph: Any) -> Tensor:
        normed = graph.gcn_norm()
        for _ in range(self.K):
            x = F.sparse_matmul(normed.csr, normed.csc, x, normed.weight)
        return x

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        if self.encoder == "direct":  # W first, as it leaves fewer features to sum
            current = steps(self.norm(self._summed(self.lin(self.drop_input(x)), graph)), self.T)
        else:
            seen = F.poisson_encode(F.clip(self._summed(x, graph), 0.0, 1.0), self.T)
            drive = self.lin(self.drop(seen)).reshape(-1, self.hidden)
            current = self.norm(drive).reshape(self.T, -1, self.hidden)
            F.reset_net(self.drop)  # the next mask is another
        return F.mean(self.out(self.drop(self.neuron(current))), 0)
