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


class _Sums(Module):
    """What drives temporal activations: ``W x + V mean of neighbours``."""

    def __init__(self, in_features: int, out_features: int) -> None:
        self.own = Linear(in_features, out_features)
        self.neighbours = Linear(in_features, out_features, bias=False)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        return self.own(x) + F.sparse_reduce(graph.csr, graph.csc, self.neighbours(x), None, "mean")


class _TemporalActivation(Module):
    """``sigmoid(a) * neuron(norm(b))``: neurons let values through or not, and give the sign."""

    def __init__(self, width: int, v_threshold: float) -> None:
        self.width, self.norm = width, BatchNorm1d(width)
        self.neuron = BLIFNode(tau=2.0, v_threshold=v_threshold, step_mode="m")

    def forward(self, sums: Tensor) -> Tensor:
        """(T, N, 2 * width), a beside b → (T, N, width)."""
        gate, drive = sums[..., : self.width], sums[..., self.width :]
        drive = self.norm(drive.reshape(-1, self.width)).reshape(drive.shape)
        return F.sigmoid(gate) * self.neuron(drive)


class SiGNN(Model):
    """Spikes decide when, and with which sign, real-valued sums of neighbours pass on; at several scales of time.

    For each granularity g, two layers of temporal activation see every g-th step: with W and V linear maps,

        out = sigmoid(W [x, mean of neighbours]) * neuron(norm(V [x, mean of neighbours]))

    The neurons fire both ways (`graph.BLIFNode`). Learned weights of each unit sum the steps; the mean over granularities
    goes into a linear map to the classes.

    Args:
        in_features: features of a node.
        hidden: width of both layers.
        classes: classes.
        T: number of steps for features without time, which stay the same at each.
        dropout: chance of a feature, and of a hidden unit, to be 0 while training.
        granularities: from how many steps one is seen, each from 1 to T.
        v_threshold: threshold of the neurons.

    Shape: x (N, in_features), or for features that change (T, N, in_features).

    Source: Chen et al., "SiGNN: a spike-induced graph neural network for dynamic graph representation learning", Pattern
    Recognition 2025. Here all neighbours are read, not some that are drawn in every step; what drives
    the neurons goes through a batch norm, as neurons with a threshold of 1 are silent for small features; their time constant and
    threshold are fixed; granularity g sees the steps 0, g, 2 g, ….
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 6, dropout: float = 0.7, *,
        granularities: Sequence[int] = (1, 2, 3), v_threshold: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        self.granularities = [size(g, "SiGNN", "each of granularities") for g in granularities]
        if not self.granularities or max(self.granularities) > self.T:
            raise ValueError(
                f"SiGNN: granularities are out of range, got {granularities}; expected some from 1 to T = {self.T}."
            )
        count = len(self.granularities)
        self.enter = _Sums(self.in_features, count * 2 * self.hidden)  # of all granularities, beside each other
        self.inner = ModuleList(_Sums(self.hidden, 2 * self.hidden) for _ in range(count))
        self.first, self.second = (
            ModuleList(_TemporalActivation(self.hidden, v_threshold) for _ in range(count)) for _ in range(2)
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
        sums, width = self.enter(self._drop(x), graph), 2 * self.hidden
        out = []
        for k, g in enumerate(self.granularities):
            part = sums[..., k * width : (k + 1) * width]
            part = part[::g] if part.ndim == 3 else steps(part, self.pools[k].shape[0])
            h = self._drop(self.first[k](part))
            out.append(F.sum(self.pools[k] * self.second[k](self.inner[k](h, graph)), 0))
        return self.head(self._drop(F.mean(F.stack(out), 0)))
