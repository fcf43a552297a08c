"""`Graph`: edges with their weights, and what its nodes carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx.autograd import Tensor
from grillyx.engine.device import current_device
from grillyx.graph import _batch, _convert, _inputs, _norm
from grillyx.graph._csr import Structure
from grillyx.ops.sparse import Csr


class Graph:
    """A directed graph. An edge goes from its source to its target, and messages go along it.

    Equal edges add, and a node without edges receives 0. A graph does not change; its methods return others. In place of
    ``A @ X``, which needs N × N numbers, layers go through the edges by target (`csr`), which is made once.

    Args:
        edge_index: integers (2, E): row 0 the sources, row 1 the targets.
        edge_weight: (E,), a number for each edge. A tensor or `Parameter` stays itself, and gets its gradient.
        num_nodes: N; by default the rows of x, what batch or ptr say, or one more than the largest index.
        x: features (N, ...), an array or a tensor.
        y: labels (N, ...), or (graphs, ...) of a batch; a single number is the label of the graph.
        batch: (N,), for each node its graph, sorted.
        ptr: (graphs + 1,), where each graph begins; the same as `batch` in another form.
        node_arrays: further arrays (N, ...) by name, such as train_mask; they are attributes.

    Attributes:
        edge_index: int64 (2, E), read-only.
        edge_weight: None, a float32 array (E,), or the tensor.
        num_nodes: N.
        n_id: the nodes of the larger graph that this was cut from, or None.
        e_id: its edges there, or None.
        batch_size: how many of the first nodes were asked for, in what `NeighborLoader` yields, or None.

    Raises:
        ValueError: indices out of range, NaN or infinite numbers, wrong sizes, a batch that is not sorted.
        TypeError: indices that are no integers, numbers that are not real.
    """

    num_nodes: int
    edge_index: np.ndarray
    edge_weight: Any
    x: Any
    y: Any
    batch: np.ndarray | None
    ptr: np.ndarray | None
    node_arrays: dict[str, Any]
    y_of_nodes: bool
    n_id: np.ndarray | None
    e_id: np.ndarray | None
    batch_size: int | None
    structure: Structure
    _uploaded: dict[str, Any]  # the weights on a device; copies with the same weights share it
    _normed: dict[tuple[bool, bool], dict[str, Any]]

    def __init__(
        self,
        edge_index: Any,
        edge_weight: Any = None,
        num_nodes: int | None = None,
        *,
        x: Any = None,
        y: Any = None,
        batch: Any = None,
        ptr: Any = None,
        **node_arrays: Any,
    ) -> None:
        index = _inputs.edges(edge_index)
        known = ("x", _inputs.length(x)), ("batch", _inputs.length(batch)), ("ptr", _inputs.last(ptr))
        total = _inputs.nodes_of(index, num_nodes, *known)
        batch, ptr = _inputs.parts(batch, ptr, total)
        graphs = 1 if ptr is None else len(ptr) - 1
        if y is not None and not isinstance(y, Tensor) and np.ndim(y) == 0:
            y = np.asarray(y)[None]
        self.__dict__.update(
            edge_index=index, edge_weight=_inputs.weights(edge_weight, index.shape[1]), num_nodes=total, batch=batch, ptr=ptr,
            x=_inputs.rows(x, "x", (total,)), y=_inputs.rows(y, "y", (total, graphs)), n_id=None, e_id=None, batch_size=None,
            node_arrays=_inputs.named(node_arrays, Graph, total),
            structure=Structure(index, total), _uploaded={}, _normed={},
        )  # fmt: skip
        self.__dict__["y_of_nodes"] = self.y is not None and self.y.shape[0] == total

    @staticmethod
    def from_any(thing: Any, num_nodes: int | None = None) -> Graph:
        """Return a graph from anything that is one; what is a `Graph` already is returned as it is.

        Args:
            thing: a `Graph`, an edge_index (2, E), a square dense or scipy matrix (see `from_adjacency`), a networkx graph (see
                `from_networkx`), or an object with ``.edge_index``, such as PyG's ``Data``: x, y, edge_weight (or an edge_attr
                of one number an edge), batch, ptr, num_nodes and masks are taken over.
            num_nodes: where the thing does not say it.

        Raises:
            TypeError: it is none of these.
            ValueError: as for `Graph`; or a 2 × 2 array, which may be two of these.
        """
        if isinstance(thing, Graph):
            if num_nodes is not None and num_nodes != thing.num_nodes:
                raise ValueError(
                    f"as_graph: num_nodes is not that of the graph, got {num_nodes}; expected {thing.num_nodes}. Leave it out."
                )
            return thing
        return Graph(**_convert.parts_of(thing, num_nodes))

    @staticmethod
    def from_adjacency(matrix: Any, **more: Any) -> Graph:
        """Return the graph of a matrix (N, N), dense or of scipy: ``A[i, j] != 0`` is the edge from j to i, as in ``A @ X``.

        Entries are weights; if all of them are 1, there are no weights. `more` goes to `Graph`.
        """
        return Graph(**_convert.from_adjacency(matrix), **more)

    @staticmethod
    def from_networkx(graph: Any, **more: Any) -> Graph:
        """Return a networkx graph: nodes in the order of ``graph.nodes``, undirected edges both ways, "weight" as weights."""
        return Graph(**_convert.from_networkx(graph), **more)

    @staticmethod
    def batch_of(graphs: Sequence[Graph]) -> Graph:
        """Return several graphs as one, side by side, with `batch` and `ptr`; what nodes carry is joined.

        A batch of batches has all their graphs. Where some have weights, the edges of the others weigh 1.
        """
        parts = _batch.listed(graphs)
        out = Graph(**_batch.batch(parts))  # which may have as many graphs as nodes
        return out._with(y_of_nodes=out.y_of_nodes and all(g.y_of_nodes for g in parts))

    @property
    def graphs(self) -> list[Graph]:
        """The graphs of a batch, one by one; of a single graph a list of one."""
        return [Graph(**parts) for parts in _batch.apart(self)]

    @property
    def num_edges(self) -> int:
        """E, equal edges counted each."""
        return self.edge_index.shape[1]

    @property
    def num_graphs(self) -> int:
        """How many graphs a batch has; 1 where there is no `batch`."""
        return 1 if self.ptr is None else len(self.ptr) - 1

    @property
    def csr(self) -> Csr:
        """The edges by target, on the device: rows are targets, columns sources. Built once."""
        return self.structure.built()[0]

    @property
    def csc(self) -> Csr:
        """The transpose of `csr`: rows are sources."""
        return self.structure.built()[1]

    @property
    def weight(self) -> Tensor | None:
        """`edge_weight` as a tensor, uploaded once; None where there is none."""
        if self.edge_weight is None or isinstance(self.edge_weight, Tensor):
            return self.edge_weight
        device = current_device()
        if self._uploaded.get("device") is not device:
            self._uploaded.update(device=device, weight=Tensor(self.edge_weight))
        return self._uploaded["weight"]

    def in_degree(self) -> np.ndarray:
        """Return how many edges come into each node, int64 (N,); weights do not matter."""
        return np.bincount(self.edge_index[1], minlength=self.num_nodes)

    def out_degree(self) -> np.ndarray:
        """Return how many edges leave each node, int64 (N,)."""
        return np.bincount(self.edge_index[0], minlength=self.num_nodes)

    def replace(self, **changes: Any) -> Graph:
        """Return this graph with other arguments, as in ``graph.replace(x=features)``; rows are kept where edges stay."""
        now = {
            k: getattr(self, k) for k in ("edge_index", "edge_weight", "num_nodes", "x", "y", "ptr")
        } | self.node_arrays
        if "batch" in changes:
            now.pop("ptr")
        out = Graph(**(now | changes))
        if not changes.keys() & {"edge_index", "num_nodes"}:
            out.__dict__.update(structure=self.structure, n_id=self.n_id, e_id=self.e_id, batch_size=self.batch_size)
        return out

    def with_weight(self, edge_weight: Any) -> Graph:
        """Return the same edges with other weights (E,); tensors are not looked into, as that would wait for the device."""
        return self._with(edge_weight=_inputs.weights(edge_weight, self.num_edges, read=False))

    def _with(self, **changes: Any) -> Graph:
        """Return a copy with parts that were checked."""
        out = Graph.__new__(Graph)
        own: dict[str, Any] = {"_uploaded": {}, "_normed": {}} if "edge_weight" in changes else {}
        out.__dict__.update(self.__dict__ | own | changes)
        return out

    def _with_edges(self, index: np.ndarray, weight: Any, structure: Structure | None = None) -> Graph:
        index = _inputs.frozen(index)
        structure = structure or Structure(index, self.num_nodes)
        return self._with(edge_index=structure.edge_index, edge_weight=weight, structure=structure, e_id=None)

    def add_self_loops(self, weight: float = 1.0) -> Graph:
        """Return the graph with a loop more at every node, also where there is one, as PyG's ``add_self_loops``."""
        return self._with_edges(
            *_norm.with_loops(self.edge_index, self.edge_weight, self.num_nodes, _inputs.number(weight))
        )

    def add_remaining_self_loops(self, weight: float = 1.0) -> Graph:
        """Return the graph with one loop at every node, all at the end, as PyG's ``add_remaining_self_loops``.

        A node that had a loop keeps its weight (of several, that of the last); the others get `weight`.
        """
        return self._with_edges(
            *_norm.remaining_loops(self.edge_index, self.edge_weight, self.num_nodes, _inputs.number(weight))
        )

    def remove_self_loops(self) -> Graph:
        """Return the graph without edges from a node to itself."""
        kept = np.flatnonzero(self.edge_index[0] != self.edge_index[1])
        return self._with_edges(self.edge_index[:, kept], _norm.picked(self.edge_weight, kept))

    def gcn_norm(self, self_loops: bool = True, improved: bool = False) -> Graph:
        """Return the graph with the weights of a GCN (Kipf and Welling, 2017), equal to PyG's ``gcn_norm``.

            w'(j → i) = w(j → i) / √(d(j) d(i)),   d(i) = sum of w(k → i) over k

        It is differentiable where weights are tensors. What does not depend on such weights is computed once and kept.

        Args:
            self_loops: first `add_remaining_self_loops`.
            improved: those loops weigh 2 and not 1, also where edges have no weights (in PyG only where they have).

        Raises:
            ValueError: the weights into a node sum to less than 0; where weights are tensors, the result is NaN.
        """
        kept, fixed = self.structure.kept, not isinstance(self.edge_weight, Tensor)
        if fixed and (self_loops, improved) in self._normed:
            return self._with(**self._normed[self_loops, improved])
        looped = self.add_remaining_self_loops(2.0 if improved else 1.0) if self_loops else self
        structure = kept.setdefault("remaining", looped.structure) if self_loops else self.structure
        weight = _norm.gcn_weights(structure.edge_index, looped.edge_weight, self.num_nodes)
        out = self._with_edges(structure.edge_index, weight, structure)
        if fixed:
            names = ("edge_index", "edge_weight", "structure", "e_id", "_uploaded", "_normed")
            self._normed[self_loops, improved] = {name: out.__dict__[name] for name in names}
        return out

    def to_undirected(self) -> Graph:
        """Return the graph with every edge both ways and once, sorted by source, then target, as PyG's ``to_undirected``.

        Weights of equal edges add: also those of an edge that was there both ways before, and of a loop.
        """
        return self._with_edges(*_norm.undirected(self.edge_index, self.edge_weight, self.num_nodes))

    def subgraph(self, nodes: Any) -> Graph:
        """Return some nodes, in the order given, and the edges among them.

        Args:
            nodes: numbers of nodes, each once, or a mask (N,).
        """
        nodes = _batch.chosen(nodes, self.num_nodes, "Graph.subgraph")
        edges, index = _batch.induced(self, nodes)
        y = _norm.picked(self.y, nodes) if self.y_of_nodes else self.y
        parts = _batch.piece(self, nodes, edges, y, index)
        if self.batch is not None:
            ends = np.bincount(self.batch[nodes], minlength=self.num_graphs)  # graphs of which no node stays are empty
            parts |= {"batch": self.batch[nodes], "ptr": np.concatenate([[0], np.cumsum(ends)])}
        return Graph(**parts)._with(n_id=nodes, e_id=edges)

    def __getattr__(self, name: str) -> Any:
        arrays = self.__dict__.get("node_arrays", {})
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"Graph has no attribute {name!r}; its arrays are {', '.join(['x', 'y', *arrays])}.")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Graph: a graph does not change, so {name} cannot be set. Use graph.replace({name}=...).")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_uploaded": {}, "_normed": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        names = {"edge_weight": self.edge_weight, "x": self.x, "y": self.y} | self.node_arrays
        shapes = "".join(f", {name}={tuple(value.shape)}" for name, value in names.items() if value is not None)
        graphs = f", graphs={self.num_graphs}" if self.ptr is not None else ""
        return f"Graph(nodes={self.num_nodes}, edges={self.num_edges}{graphs}{shapes})"


def as_graph(thing: Any, num_nodes: int | None = None) -> Graph:
    """Return a graph from anything that is one: the same as `Graph.from_any`."""
    return Graph.from_any(thing, num_nodes)
