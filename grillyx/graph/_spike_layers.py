"""SpikeGNNLayer: several `SpikeGraphConv`, with SC-NeuroCore's names and call forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.graph._base import GraphModule, graph_of, size
from grillyx.graph._pool import members, pool_of, spread
from grillyx.graph._spike_conv import SpikeGraphConv
from grillyx.nn import SurrogateFunction


class SpikeGNNLayer(GraphModule):
    """Spiking graph convolutions one after another; counts are scaled after each, the last too.

    Args:
        layer_dims: features of the input, of the layers between, and of the output: at least two numbers.
        threshold: of all layers; see `SpikeGraphConv`.
        T: number of steps of each layer.
        tau_mem: time constant, one number or one a layer.
        seed: layer k has ``seed + k``, for its first weights and its own noise.
        encoder: see `SpikeGraphConv`.
        degree: see `SpikeGraphConv`.
        normalize: ``"graph"``: counts are divided by the largest of their graph, so that a graph gives the same alone and in
            a batch; ``"rate"``: by T, so that a node depends only on those within reach; None: not at all.
        surrogate_function: see `SpikeGraphConv`.
        detach_reset: see `SpikeGraphConv`.
        compat: SC-NeuroCore's numbers in float64: see `SpikeGraphConv`; counts are divided by the largest of all nodes.

    Attributes:
        convs: the layers.
        n_layers: how many there are.

    Raises:
        ValueError: fewer than two `layer_dims`, an argument out of range.

    Source: SC-NeuroCore 3.16, `spike_gnn`.
    """

    _dense = True

    def __init__(
        self, layer_dims: Sequence[int], threshold: float = 1.0, T: int = 8, *, tau_mem: float | Sequence[float] = 10.0,
        seed: int = 42, encoder: str | None = None, degree: str | None = None, normalize: str | None = "graph",
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, compat: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(layer_dims, (str, bytes)) or not hasattr(layer_dims, "__len__") or len(layer_dims) < 2:
            raise ValueError(f"SpikeGNNLayer: layer_dims are [in, ..., out], at least two numbers, got {layer_dims!r}.")
        if normalize is not None:
            _check.one_of(normalize, ("graph", "rate"), "SpikeGNNLayer", "normalize")
        if compat and normalize != "graph":
            raise ValueError(f"SpikeGNNLayer: compat=True divides by the largest count, got normalize={normalize!r}.")
        self.layer_dims, self.threshold = (
            [size(n, "SpikeGNNLayer", "each of layer_dims") for n in layer_dims],
            threshold,
        )
        self.T, self.normalize, self.compat = size(T, "SpikeGNNLayer", "T"), normalize, bool(compat)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise ValueError(f"SpikeGNNLayer: seed is an integer from 0 to 2**32 - 1, got {seed!r}.")
        count = len(self.layer_dims) - 1
        taus = list(tau_mem) if isinstance(tau_mem, (Sequence, np.ndarray)) else [tau_mem] * count
        if len(taus) != count:
            raise ValueError(f"SpikeGNNLayer: tau_mem is one number or one a layer, got {len(taus)}; expected {count}.")
        self.convs = [
            SpikeGraphConv(
                a, b, threshold, tau, seed + k, encoder=encoder, degree=degree, surrogate_function=surrogate_function,
                detach_reset=detach_reset, compat=compat,
            )
            for k, (a, b, tau) in enumerate(zip(self.layer_dims[:-1], self.layer_dims[1:], taus, strict=True))
        ]  # fmt: skip

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return len(self.convs)

    def manual_seed(self, seed: int) -> None:
        """Start the noise of all layers again: layer k with ``seed + k``."""
        for k, conv in enumerate(self.convs):
            conv.manual_seed(seed + k)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        return self.forward(*inputs, **options) if self.compat else super().__call__(*inputs, **options)

    def forward(self, node_features: Any, adjacency: Any, batch: Any = None) -> Any:
        """Return scaled counts (N, out): a tensor, or with `compat` a NumPy array.

        Args:
            node_features: (N, in).
            adjacency: anything that `as_graph` takes.
            batch: (N,) integers, the graph of each node; by default that of the graph. Not with `compat`.

        Raises:
            ValueError: what does not fit.
        """
        return self._original(node_features, adjacency, batch) if self.compat else self._run(
            node_features, adjacency, self._members(node_features, adjacency, batch)
        )  # fmt: skip

    def readout(self, node_features: Any, adjacency: Any, batch: Any = None, reduce: str = "sum") -> Any:
        """Return what the nodes of each graph give together: (graphs, out).

        Args:
            node_features: see `forward`.
            adjacency: see `forward`.
            batch: see `forward`.
            reduce: ``"sum"``, ``"mean"`` or ``"max"`` over nodes.
        """
        pool = pool_of(reduce, "SpikeGNNLayer")
        if self.compat:
            out = self._original(node_features, adjacency, batch)
            return getattr(out, reduce)(axis=0, keepdims=True)
        graph = graph_of(adjacency, node_features, "SpikeGNNLayer", dense=True)
        owner = graph if batch is None else batch
        return pool(self._run(node_features, graph, members(owner, graph.num_nodes, "SpikeGNNLayer")), owner)

    def graph_classify(self, node_features: Any, adjacency: Any, batch: Any = None, reduce: str = "sum") -> Any:
        """Return the class of the graph, the largest of its `readout`: an int, or of a batch an int array (graphs,)."""
        found = np.asarray(self.readout(node_features, adjacency, batch, reduce))
        single = batch is None and getattr(adjacency, "batch", None) is None
        labels = found.argmax(axis=1)
        return int(labels[0]) if single else labels

    def _members(self, x: Any, adjacency: Any, batch: Any) -> Any:
        graph = graph_of(adjacency, x, "SpikeGNNLayer", dense=True)
        return members(graph if batch is None else batch, graph.num_nodes, "SpikeGNNLayer")

    def _run(self, x: Any, adjacency: Any, held: Any) -> Tensor:
        graph = graph_of(adjacency, x, "SpikeGNNLayer", dense=True)
        for conv in self.convs:
            x = self._scaled(conv(x, graph, self.T), held)
        return x

    def _scaled(self, counts: Tensor, held: Any) -> Tensor:
        if self.normalize == "rate":
            return counts / float(self.T)
        if self.normalize is None:
            return counts
        largest = F.amax(F.sparse_reduce(held[0], held[1], counts, reduce="max"), -1, keepdims=True)
        return counts / spread(F.where(largest > 0.0, largest, 1.0), held)

    def _original(self, x: Any, adjacency: Any, batch: Any) -> np.ndarray:
        if batch is not None or getattr(adjacency, "batch", None) is not None:
            raise ValueError(
                "SpikeGNNLayer: compat=True knows one graph only, got a batch. Call it once for each graph."
            )
        for conv in self.convs:
            x = conv.forward(x, adjacency, self.T)
            x = x / x.max() if x.max() > 0.0 else x
        return x

    def extra_repr(self) -> str:
        return f"layer_dims={self.layer_dims}, T={self.T}, normalize={self.normalize!r}"
