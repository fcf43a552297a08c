"""SpikeNet: each step sees other neighbours, drawn at random, and neurons have thresholds that adapt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.graph._base import features, graph_of, size
from grillyx.graph._graph import Graph
from grillyx.graph._neurons import AdaptiveLIFNode
from grillyx.graph.models._model import Model, steps
from grillyx.nn import SurrogateFunction
from grillyx.ops import random, sparse


class SpikeNet(Model):
    """GraphSAGE layers with `AdaptiveLIFNode`, for graphs that change, and for T copies of one that does not.

    In layer l, a node adds a map of itself and a map of the mean of its neighbours. While training, the mean is over
    ``sizes[l]`` neighbours, drawn anew at each step from those that have an edge to it and itself, with replacement; else it
    is over all of them. The spikes of all steps, side by side, are mapped to the classes.

    Args:
        in_features: features of a node.
        hidden: neurons of a node in each layer.
        classes: number of classes.
        T: steps.
        dropout: chance of features, and of neurons between the layers, to be dropped while training.
        sizes: neighbours drawn in each layer, one number a layer; None for a layer that sees all.
        tau: time constant of the membranes in steps; 1 keeps nothing of the step before.
        gamma: see `AdaptiveLIFNode`.
        threshold_decay: see `AdaptiveLIFNode`.
        v_threshold: the first threshold of all neurons.
        surrogate_function: ``Triangle(1)`` by default.

    Shape: x (N, in_features) or, with features that change, (T, N, in_features); a graph with N nodes, or a sequence of T
    graphs → (N, classes).

    Source: Li et al., "Scaling up dynamic graph representation learning via spiking neural networks", AAAI 2023. There
    neighbours are drawn in tests too.
    """

    def __init__(
        self, in_features: int, hidden: int, classes: int, T: int = 8, dropout: float = 0.5, *, sizes: Sequence[int | None] = (5, 2),
        tau: float = 1.0, gamma: float = 0.2, threshold_decay: float = 0.7, v_threshold: float = 1.0,
        surrogate_function: SurrogateFunction | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_features, hidden, classes, T, dropout)
        if not hasattr(sizes, "__len__") or len(sizes) == 0:
            raise ValueError(
                f"SpikeNet: sizes are numbers of neighbours, one for each layer, got {sizes!r}; expected such as (5, 2)."
            )
        self.sizes = tuple(None if n is None else size(n, "SpikeNet", "each of sizes") for n in sizes)
        widths = [self.in_features] + [self.hidden] * (len(self.sizes) - 1)
        self.lin_l = [nn.Linear(width, self.hidden) for width in widths]
        self.lin_r = [nn.Linear(width, self.hidden, bias=False) for width in widths]
        self.neurons = [
            AdaptiveLIFNode(
                tau,
                gamma,
                threshold_decay,
                v_threshold=v_threshold,
                surrogate_function=surrogate_function,
                step_mode="m",
            )
            for _ in self.sizes
        ]
        self.out = nn.Linear(self.T * self.hidden, self.classes)
        self.drops = [nn.Dropout(self.dropout), *(nn.Dropout(self.dropout, step_mode="m") for _ in self.sizes)]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if len(inputs) > 1 and _is_sequence(inputs[1]):
            return nn.Module.__call__(self, *inputs, **options)
        return super().__call__(*inputs, **options)

    def forward(self, x: Any, graph: Any) -> Tensor:
        """Return logits (N, classes)."""
        x = features(x, "SpikeNet", self.in_features)
        graphs = [graph_of(g, x, "SpikeNet") for g in (graph if _is_sequence(graph) else [graph])]
        if len(graphs) not in (1, self.T) or (x.ndim == 3 and x.shape[0] != self.T):
            raise ValueError(
                f"SpikeNet: the steps do not fit T={self.T}, got {len(graphs)} graphs and an input {x.shape}; expected one "
                f"graph or {self.T}, and (N, {self.in_features}) or ({self.T}, N, {self.in_features})."
            )
        F.reset_net(self)
        looped = [_looped(g) for g in graphs]
        for k, drawn in enumerate(self.sizes):
            x = self.drops[k](x)
            own, sent = self.lin_l[k](x), self.lin_r[k](x)
            current = self._means(sent, looped, drawn if self.training else None) + own
            x = self.neurons[k](current if current.ndim == 3 else steps(current, self.T))
        spikes = self.drops[-1](x)
        return self.out(F.transpose(spikes, (1, 0, 2)).reshape(-1, self.T * self.hidden))

    def _means(self, x: Tensor, graphs: list[Graph], drawn: int | None) -> Tensor:
        """Return the means over neighbours: (N, F) where all steps see the same, else (T, N, F)."""
        if drawn is None and len(graphs) == 1:
            return F.sparse_reduce(graphs[0].csr, graphs[0].csc, x, None, "mean")
        if drawn is None:
            sequence = F.unstack(steps(x, self.T) if x.ndim == 2 else x)
            return F.stack(
                [F.sparse_reduce(g.csr, g.csc, h, None, "mean") for g, h in zip(graphs, sequence, strict=True)]
            )
        nodes, moving = graphs[0].num_nodes, x.ndim == 3
        chances = random.uniform((self.T, nodes, drawn), 0.0, 1.0).numpy()
        source = np.stack([_draw(graphs[t % len(graphs)], chances[t]) for t in range(self.T)])
        if moving:  # each step has features of its own
            source = source + nodes * np.arange(self.T)[:, None, None]
        rows = np.repeat(np.arange(self.T * nodes), drawn)
        csr, csc = sparse.build(rows, source.reshape(-1), self.T * nodes, self.T * nodes if moving else nodes)
        means = F.sparse_reduce(csr, csc, x.reshape(-1, self.hidden), None, "mean")
        return means.reshape(self.T, nodes, self.hidden)


def _is_sequence(graph: Any) -> bool:
    return isinstance(graph, (list, tuple)) and len(graph) > 0 and all(isinstance(g, Graph) for g in graph)


def _looped(graph: Graph) -> Graph:
    """Return the graph with one loop at each node, kept with it: a node is among its own neighbours."""
    kept = graph.structure.kept
    if "sage" not in kept:
        kept["sage"] = Graph(graph.edge_index, num_nodes=graph.num_nodes).add_remaining_self_loops()
    out: Graph = kept["sage"]
    return out


def _draw(graph: Graph, chances: np.ndarray) -> np.ndarray:
    """Return for each node, from chances (N, S) in [0, 1), S of the sources of its edges."""
    kept = graph.structure.kept
    if "sources" not in kept:
        order = np.argsort(graph.edge_index[1], kind="stable")
        ends = np.concatenate([[0], np.cumsum(graph.in_degree())])
        kept["sources"] = graph.edge_index[0][order], ends
    sources, ends = kept["sources"]
    degree = np.diff(ends)[:, None]
    at = np.minimum((chances * degree).astype(np.int64), degree - 1)  # rounding may reach the end
    out: np.ndarray = sources[ends[:-1, None] + at]
    return out
