"""What layers on graphs share: how they are called, and what they check before anything goes to the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._inputs import host
from grillyx.nn import Module


def read(x: Any, name: str, what: str = "the input") -> Any:
    """Return a tensor as it is, and all else as a float32 array that was looked into for NaN."""
    if isinstance(x, Tensor):
        return x
    given = host(x, what, name)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {what} must be real numbers, got {given.dtype}; expected float32.")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(given))[0])
        raise ValueError(
            f"{name}: {what} is not finite, got {given[at]} at {list(at)}; expected finite numbers. Replace it, as with "
            "np.nan_to_num."
        )
    return given.astype(np.float32)


def features(x: Any, name: str, width: int | None = None, what: str = "the input", sequences: bool = True) -> Tensor:
    """Return features (N, F), or with `sequences` also (T, N, F), as float32."""
    x = as_tensor(read(x, name, what))
    if x.ndim not in ((2, 3) if sequences else (2,)) or (width is not None and x.shape[-1] != width):
        size = "F" if width is None else width
        more = f", or (T, N, {size}) for a sequence" if sequences else ""
        raise ValueError(f"{name}: {what} has a wrong shape, got {x.shape}; expected (N, {size}){more}.")
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def graph_of(graph: Any, x: Any, name: str, edge_weight: Any = None, dense: bool = False) -> Graph:
    """Return a graph that has as many nodes as x has rows; `dense`: a 2 × 2 array is an adjacency, not two edges."""
    shape = tuple(x.shape if hasattr(x, "shape") else to_numpy(x).shape)
    nodes = shape[-2] if len(shape) > 1 else None
    array = array_of(graph, name)
    if array is not None and array.ndim == 2 and 2 != array.shape[0] != array.shape[1]:
        turned = " Pass edge_index.T, a pair a column." if array.shape[1] == 2 else ""
        raise ValueError(
            f"{name}: the graph is neither edges nor a matrix, got shape {array.shape}; expected edge_index (2, E), or an "
            f"adjacency matrix {'(N, N)' if nodes is None else (nodes, nodes)}.{turned}"
        )
    if array is None or array.ndim != 2 or array.shape[0] != 2:
        out = as_graph(graph)
    elif array.shape == (2, 2) and dense and nodes == 2:
        out = Graph.from_adjacency(array)
    else:
        out = _of_edges(array, nodes)
    if nodes is not None and out.num_nodes != nodes:
        raise ValueError(
            f"{name}: the graph has {out.num_nodes} nodes, but the input has {nodes} rows, got shape {shape}; "
            f"expected ({out.num_nodes}, F) or (T, {out.num_nodes}, F)."
        )
    return out if edge_weight is None else out.with_weight(edge_weight)


_latest: list[Graph] = []  # one at most


def _of_edges(edges: np.ndarray, nodes: int | None) -> Graph:
    """Return edges as a graph: the last one, which is sorted already, where all numbers are the same.

    They are compared, as who holds an array may write into it; that takes a hundredth of the sorting.
    """
    if not (
        _latest
        and _latest[0].num_nodes == nodes
        and edges.dtype.kind in "iu"
        and np.array_equal(_latest[0].edge_index, edges)
    ):
        _latest[:] = [Graph(edges, num_nodes=nodes)]
    return _latest[0]


def array_of(graph: Any, name: str) -> Any:
    """Return edges or a matrix as a NumPy array, also those of torch; None of what is a graph in another way."""
    known = ("edge_index", "tocoo", "is_directed")
    return None if any(hasattr(graph, what) for what in known) else host(graph, "the graph", name)


class FeatureModule(Module):
    """A layer whose first input is features: those from the host are looked into before they become a tensor."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if inputs:
            inputs = (read(inputs[0], type(self).__name__), *inputs[1:])
        return super().__call__(*inputs, **options)


class GraphModule(FeatureModule):
    """A layer that is called with features and a graph: ``layer(x, graph)``, or ``layer(x, edge_index, edge_weight)``."""

    _dense = False
    _weighted = False  # whether the third input is edge_weight

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if len(inputs) > 1:  # arrays of edges shall not become tensors, which graphs do not need
            name, more = type(self).__name__, inputs[2:]
            x = read(inputs[0], name)
            graph = graph_of(inputs[1], x, name, dense=self._dense)
            if self._weighted and more and not isinstance(more[0], Tensor):  # kept on the host, where it is looked into
                graph, more = graph if more[0] is None else graph.with_weight(more[0]), (None, *more[1:])
            return Module.__call__(self, x, graph, *more, **options)
        return super().__call__(*inputs, **options)


def size(value: Any, name: str, what: str) -> int:
    """Return a positive whole number."""
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{name}: {what} is a positive integer, got {value!r}.")
    return int(value)
