"""Graphs from what others have: matrices, networkx, objects with an edge_index. They are known by their attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy
from grillyx.graph._inputs import finite, host

MASKS = ("train_mask", "val_mask", "test_mask")
Parts = dict[str, Any]  # arguments of Graph


def from_adjacency(matrix: Any) -> Parts:
    """Return the edges of a dense or scipy matrix; A[i, j] is the weight of the edge from j to i."""
    sparse = hasattr(matrix, "tocoo")
    a: Any = matrix.tocoo() if sparse else to_numpy(matrix)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(
            f"Graph: an adjacency matrix must be square, got shape {a.shape}; expected (N, N), A[i, j] the weight of the "
            "edge from j to i. For a list of edges use Graph(edge_index)."
        )
    if a.dtype.kind not in "fiub":
        raise TypeError(f"Graph: an adjacency matrix must hold real numbers, got {a.dtype}.")
    if sparse:
        rows = matrix.tocsr(copy=True)
        rows.sum_duplicates()  # they are one entry of A, whatever the format
        a = rows.tocoo()
        some = np.flatnonzero(a.data)
        target, source, weight = a.row[some], a.col[some], a.data[some]
        finite(weight, "adjacency.data")
    else:
        finite(a, "adjacency")
        target, source = np.nonzero(a)
        weight = a[target, source]
    plain = bool((weight == 1).all())
    return {
        "edge_index": np.stack([source, target]).astype(np.int64),
        "edge_weight": None if plain else weight,
        "num_nodes": a.shape[0],
    }


def from_networkx(graph: Any) -> Parts:
    """Return the edges of a networkx graph; nodes are numbered in the order of ``graph.nodes``."""
    if not hasattr(graph, "nodes") or not hasattr(graph, "is_directed"):
        raise TypeError(
            f"Graph.from_networkx: no networkx graph, got {type(graph).__name__}. Use as_graph for what else there is."
        )
    number = {node: k for k, node in enumerate(graph.nodes)}
    found = [(number[a], number[b], data.get("weight")) for a, b, data in graph.edges(data=True)]
    if not graph.is_directed():
        found += [(b, a, w) for a, b, w in found if a != b]
    ends = np.array([edge[:2] for edge in found], np.int64).reshape(-1, 2).T
    weighted = any(w is not None for _, _, w in found)
    weight = host([1.0 if w is None else w for _, _, w in found], "edge_weight") if weighted else None
    return {"edge_index": ends, "edge_weight": weight, "num_nodes": len(number)}


def from_object(thing: Any, num_nodes: Any) -> Parts:
    """Return what an object such as PyG's Data has: edges, features, labels, masks, batch."""
    out = {name: _read(thing, name) for name in ("edge_index", "x", "y", "batch", "ptr", *MASKS)}
    if out["edge_index"] is None:
        raise TypeError(
            f"as_graph: no edges, got edge_index=None of a {type(thing).__name__}; expected integers (2, E). A graph without "
            "edges has np.empty((2, 0), np.int64)."
        )
    weight = _read(thing, "edge_weight")
    if weight is None:  # PyG also keeps weights here; several numbers an edge are features, which no layer here takes
        weight = _read(thing, "edge_attr")
        if weight is not None and weight.ndim == 2:
            weight = weight[:, 0] if weight.shape[1] == 1 else None
    out["edge_weight"] = weight
    out["num_nodes"] = getattr(thing, "num_nodes", None) if num_nodes is None else num_nodes
    return {name: value for name, value in out.items() if value is not None}


def _read(thing: Any, name: str) -> Any:
    value = getattr(thing, name, None)
    return value if value is None or isinstance(value, Tensor) else host(value, name)


def parts_of(thing: Any, num_nodes: Any) -> Parts:
    """Return arguments of Graph for anything that is a graph in some way."""
    if hasattr(thing, "edge_index"):
        return from_object(thing, num_nodes)
    if hasattr(thing, "nodes") and hasattr(thing, "is_directed"):
        return _with_count(from_networkx(thing), num_nodes)
    if hasattr(thing, "tocoo"):
        return _with_count(from_adjacency(thing), num_nodes)
    array = to_numpy(thing)
    if array.ndim == 2 and array.shape == (2, 2):
        raise ValueError(
            "as_graph: a 2 × 2 array is both an edge_index of 2 edges and an adjacency matrix of 2 nodes. Say which, with "
            "Graph(edge_index) or Graph.from_adjacency(matrix)."
        )
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        return _with_count(from_adjacency(array), num_nodes)
    if array.dtype.kind == "O" or array.ndim != 2:
        raise TypeError(
            f"as_graph: no graph, got {type(thing).__name__}; expected a Graph, an edge_index (2, E), a square adjacency "
            "matrix (NumPy or scipy.sparse), a networkx graph, or an object with .edge_index."
        )
    return {"edge_index": array, "num_nodes": num_nodes}


def _with_count(parts: Parts, num_nodes: Any) -> Parts:
    if num_nodes is not None and num_nodes != parts["num_nodes"]:
        raise ValueError(
            f"as_graph: num_nodes is not that of the graph, got {num_nodes}; expected {parts['num_nodes']}. Leave it out."
        )
    return parts
