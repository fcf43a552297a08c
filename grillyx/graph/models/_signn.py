"""SiGNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.graph._base import features, graph_of, size
from grillyx.graph._graph import Graph
from grillyx.graph._neurons import BLIFNode
from grillyx.graph.models._model import Model, steps
from grillyx.nn import BatchNorm1d, Linear, Module, ModuleList, Parameter


class _TemporalActivation(Module):
    """Sums of neighbours, which neurons let through or not, with a sign: ``sigmoid(a) * neuron(b)``.

    a = W₁ x + W₂ mean of neighbours,   b = W₃ x + W₄ mean of neighbours
    """

    def __init__(self, in_features: int, out_features: int, v_threshold: float) -> None:
        self.own = Linear(in_features, 2 * out_features)
        self.neighbours = Linear(in_features, 2 * out_features, bias=False)
        self.norm = BatchNorm1d(out_features)
        self.neuron = BLIFNode(tau=2.0, v_threshold=v_threshold, step_mode="m")
        self.out_features = out_features

    def currents(self, x: Tensor, graph: Graph) -> Tensor:
        return self.own(x) + F.sparse_reduce(graph.csr, graph.csc, self.neighbours(x), None, "mean")

    def forward(self, currents: Tensor) -> Tensor:
        """(T, N, 2 * out_features) → (T, N, out_features)."""
        gate, drive = currents[..., : self.out_features], currents[..., self.out_features :]
        drive = self.norm(drive.reshape(-1, self.out_features)).reshape(drive.shape)
        return F.sigmoid(gate) * self.neuron(drive)


class SiGNN(Model):
    """Spikes decide when, and with which sign, real-valued sums of neighbours pass on; at several scales of time.

    For each granularity g, two layers of temporal activation see every g-th step: with W and V linear maps,

        out = sigmoid(W [x, mean of neighbours]) * neuron(V [x, mean of neighbours])

    The neurons fire both ways (`graph.BLIFNode`). Learned weights of each unit sum the steps; the mean over granularities
    goes into a linear map to the classes.

    Args:
        in_features: features of a node.
        hidden: width of both layers.
        classes: classes.
        T: number of steps for features without time, which stay the same at each.
        dropout: chance of a hidden unit to be 0 while training.
        granularities: from how many steps one is seen, each from 1 to T.
        v_threshold: threshold of the neurons.

    Shape: x (N, in_features), or for features that change (T, N, in_features).

    Source: Chen et al., "SiGNN: a spike-induced graph neural network for dynamic graph representation learning", Pattern
    Recognition 2025. Here all neighbours are read, not some that are drawn in every step; time constant and threshold of the
    neurons are fixed; granularity g sees the steps 0, g, 2 g, ….
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 6, dropout: float = 0.5, *,
        granularities: Sequence[int] = (1, 2, 3), v_threshold: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.granularities = [size(g, "SiGNN", "each of granularities") for g in granularities]
        if not self.granularities or max(self.granularities) > self.T:
            raise ValueError(
                f"SiGNN: granularities are out of range, got {granularities}; expected some from 1 to T = {self.T}."
            )
        pairs = [(self.in_features, self.hidden), (self.hidden, self.hidden)]
        self.first, self.second = (
            ModuleList(_TemporalActivation(*pair, v_threshold) for _ in self.granularities) for pair in pairs
        )
        seen = [len(range(0, self.T, g)) for g in self.granularities]
        self.pools = [Parameter(np.full((n, 1, self.hidden), 1.0 / n, np.float32)) for n in seen]
        self.head = Linear(self.hidden, self.classes)

    def _read(self, x: Any, graph: Any) -> tuple[Tensor, Graph]:
        x = features(x, "SiGNN", self.in_features)
        if x.ndim == 3 and x.shape[0] != self.T:
            raise ValueError(f"SiGNN: made for T = {self.T} steps, got {x.shape[0]}, shape {x.shape}.")
        F.reset_net(self)
        return x, graph_of(graph, x, "SiGNN")

    def logits(self, x: Tensor, graph: Graph) -> Tensor:
        out: Tensor | float = 0.0
        for g, first, second, pool in zip(self.granularities, self.first, self.second, self.pools, strict=True):
            currents = first.currents(x if x.ndim == 2 else x[::g], graph)
            h = self._drop(first(steps(currents, pool.shape[0]) if x.ndim == 2 else currents))
            out = out + F.sum(pool * second(second.currents(h, graph)), 0)
        return self.head(self._drop(out / float(len(self.granularities))))
