"""Batches: of many graphs, and of the nodes of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grillyx.graph._batch import chosen
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._inputs import count, generator
from grillyx.graph._sampling import drawn, fan_outs


class _Batches:
    """Numbers from 0 to `total`, in pieces."""

    def __init__(self, total: int, batch_size: int, shuffle: bool, drop_last: bool, rng: Any) -> None:
        self.batch_size = count(batch_size, "batch_size", type(self).__name__, least=1)
        self.total, self.shuffle, self.drop_last = total, shuffle, drop_last
        self.rng = generator(rng, type(self).__name__)

    def __len__(self) -> int:
        whole, rest = divmod(self.total, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def _pieces(self) -> Iterator[np.ndarray]:
        order = self.rng.permutation(self.total) if self.shuffle else np.arange(self.total)
        for k in range(len(self)):
            yield order[k * self.batch_size : (k + 1) * self.batch_size]


class Loader(_Batches):
    """Batches of many graphs, each one `Graph.batch_of`, as PyG's ``DataLoader``. It has a length, for progress bars.

    Args:
        graphs: graphs, or anything that `as_graph` takes.
        batch_size: graphs in a batch; the last may have fewer.
        shuffle: draw the order anew in each epoch.
        rng: a NumPy generator, or a seed for one; without it the order is another in each run.
        drop_last: leave out the last batch if it is smaller.

    Examples:
        >>> triangle = grillyx.graph.Graph([[0, 1, 2], [1, 2, 0]])
        >>> [batch.num_graphs for batch in grillyx.graph.Loader([triangle] * 5, batch_size=2)]
        [2, 2, 1]
    """

    def __init__(
        self,
        graphs: Sequence[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        rng: Any = None,
        drop_last: bool = False,
    ) -> None:
        if isinstance(graphs, Graph) or not hasattr(graphs, "__iter__"):
            raise TypeError(
                f"Loader: graphs must be a list of graphs, got {type(graphs).__name__}. Those of a batch are batch.graphs; for "
                "the nodes of one graph use NeighborLoader."
            )
        self.graphs = [as_graph(g) for g in graphs]
        super().__init__(len(self.graphs), batch_size, shuffle, drop_last, rng)

    def __iter__(self) -> Iterator[Graph]:
        for piece in self._pieces():
            yield Graph.batch_of([self.graphs[k] for k in piece])


class NeighborLoader(_Batches):
    """Batches of the nodes of a large graph with neighbours drawn for them, as PyG's ``NeighborLoader``.

    Each item is what `sample_neighbors` returns: the first ``batch_size`` nodes are those of the batch, and a loss looks at the
    first ``batch_size`` rows alone. A network of L layers needs L numbers of neighbours.

    Args:
        graph: a graph, or anything that `as_graph` takes.
        num_neighbors: edges drawn for each node, by layer; -1 takes all.
        batch_size: nodes asked for in a batch; the last may have fewer.
        input_nodes: numbers or a mask (N,) of those to ask for; by default all.
        shuffle: draw the order anew in each epoch.
        replace: draw each edge anew, so that one may come twice.
        rng: a NumPy generator, or a seed for one; without it the draws are others in each run.
        drop_last: leave out the last batch if it is smaller.

    Raises:
        ValueError: nodes out of range or named twice; a number of neighbours below -1; a batch size below 1.
    """

    def __init__(
        self,
        graph: Any,
        num_neighbors: Sequence[int],
        batch_size: int = 1,
        input_nodes: Any = None,
        shuffle: bool = False,
        replace: bool = False,
        rng: Any = None,
        drop_last: bool = False,
    ) -> None:
        self.graph = as_graph(graph)
        self.num_neighbors, self.replace = fan_outs(num_neighbors, "NeighborLoader"), replace
        total = self.graph.num_nodes
        every = input_nodes is None
        self.nodes = np.arange(total) if every else chosen(input_nodes, total, "NeighborLoader", "input_nodes")
        super().__init__(len(self.nodes), batch_size, shuffle, drop_last, rng)

    def __iter__(self) -> Iterator[Graph]:
        place = np.full(self.graph.num_nodes, -1)
        for piece in self._pieces():
            yield drawn(self.graph, self.nodes[piece], self.num_neighbors, self.replace, self.rng, place)
