"""`Filter`: weights of edges over time, as a weight for each edge and a kernel that all share."""

from __future__ import annotations

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.graph import Graph


class Filter:
    """``W[e, k] = weight[e] * coupling[k]`` for the edges, and ``own[k]`` for a loop at each neuron.

    Spikeometric keeps W, E × T numbers. Here the histories of neurons are filtered first, N × T, and then one sparse product is
    taken. The last column is the most recent step, as in its W.

    Attributes:
        graph: the edges.
        weight: (E,).
        coupling: (T,).
        own: (T,), or None.
        own_neurons: how many neurons, from the first, have such a loop.
    """

    def __init__(
        self, graph: Graph, weight: Tensor, coupling: Tensor, own: Tensor | None = None, own_neurons: int | None = None
    ) -> None:
        self.graph, self.weight, self.coupling, self.own = graph, weight, coupling, own
        self.own_neurons = graph.num_nodes if own_neurons is None else own_neurons

    @property
    def shape(self) -> tuple[int, int]:
        """(E + loops, T), of the array that this stands for."""
        return self.graph.num_edges + (0 if self.own is None else self.own_neurons), self.coupling.shape[0]

    def arriving(self, state: Tensor) -> Tensor:
        """Return what reaches each neuron, (N,), from its history (N, T): one product with the kernel, one with the edges.

        Gradients do not go through a neuron's own spikes to itself: refractoriness is a jump of an input far beyond the range in
        which its slope says anything, and would turn the sign of gradients.
        """
        out = self.through_edges(F.matmul(state, self.coupling.reshape(-1, 1))).reshape(-1)
        if self.own is None:
            return out
        mine = F.matmul(state.detach(), self.own.reshape(-1, 1)).reshape(-1)
        return out + (mine if self.own_neurons == mine.size else mine * self.owners)

    @property
    def owners(self) -> np.ndarray:
        """(N,), 1 for the neurons that have a loop, else 0."""
        return (np.arange(self.graph.num_nodes) < self.own_neurons).astype(np.float32)

    def through_edges(self, x: Tensor) -> Tensor:
        """Return the sums of weighted rows of x (N, F) over the edges into each neuron, (N, F)."""
        return F.sparse_matmul(self.graph.csr, self.graph.csc, x, self.weight)

    def dense(self) -> tuple[Tensor, np.ndarray]:
        """Return W (E + loops, T) and its edge_index (2, E + loops)."""
        w = self.weight.reshape(-1, 1) * self.coupling.reshape(1, -1)
        if self.own is None:
            return w, self.graph.edge_index
        n = self.own_neurons
        loops = np.tile(np.arange(n), (2, 1))
        return F.concatenate([w, self.own.reshape(1, -1).expand(n, self.own.shape[0])]), np.concatenate(
            [self.graph.edge_index, loops], 1
        )
