"""Graphs joined as blocks of a diagonal matrix, taken apart again, and pieces of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from grillyx.graph._inputs import host, whole
from grillyx.graph._norm import joined, ones, picked

if TYPE_CHECKING:
    from grillyx.graph._graph import Graph

Parts = dict[str, Any]  # arguments of Graph


def _joined_rows(graphs: Sequence[Graph], name: str) -> Any:
    values: list[Any] = [getattr(g, name, None) for g in graphs]
    if all(v is None for v in values):
        return None
    if any(v is None for v in values):
        at = next(k for k, v in enumerate(values) if v is None)
        raise ValueError(f"Graph.batch_of: graph {at} has no {name}, and others have; expected all or none.")
    if len({v.shape[1:] for v in values}) > 1:
        raise ValueError(
            f"Graph.batch_of: {name} differs in shape, got {', '.join(str(v.shape) for v in values[:8])}; expected equal "
            "shapes but for the first axis."
        )
    return joined(values)


def listed(graphs: Any) -> list[Graph]:
    """Return a list of one graph or of several."""
    if hasattr(graphs, "node_arrays"):
        return [graphs]
    if not hasattr(graphs, "__iter__"):
        raise TypeError(f"Graph.batch_of: graphs must be a list of graphs, got {type(graphs).__name__}.")
    out = list(graphs)
    if not out:
        raise ValueError("Graph.batch_of: no graphs, got an empty list; expected at least one.")
    for k, g in enumerate(out):
        if not hasattr(g, "edge_index") or not hasattr(g, "node_arrays"):
            raise TypeError(f"Graph.batch_of: item {k} is no Graph, got {type(g).__name__}. Use as_graph.")
    return out


def batch(graphs: Sequence[Graph]) -> Parts:
    """Return the arguments of the graph that has all of these side by side."""
    first = np.concatenate([[0], np.cumsum([g.num_nodes for g in graphs])])
    sizes = np.concatenate([np.diff(g.ptr) if g.ptr is not None else [g.num_nodes] for g in graphs])
    weighted = any(g.edge_weight is not None for g in graphs)
    names = dict.fromkeys(name for g in graphs for name in g.node_arrays)
    return {
        "edge_index": np.concatenate([g.edge_index + n for g, n in zip(graphs, first, strict=False)], 1),
        "edge_weight": joined([ones(g.edge_weight, g.num_edges) for g in graphs]) if weighted else None,
        "num_nodes": int(first[-1]),
        "ptr": np.concatenate([[0], np.cumsum(sizes)]),
        **{name: _joined_rows(graphs, name) for name in ("x", "y", *names)},
    }


def apart(graph: Graph) -> list[Parts]:
    """Return the arguments of each graph of a batch."""
    if graph.batch is None or graph.ptr is None:
        return [piece(graph, np.arange(graph.num_nodes), np.arange(graph.num_edges), graph.y)]
    source, target = graph.edge_index
    owner = graph.batch[target]
    crossing = np.flatnonzero(graph.batch[source] != owner)
    if len(crossing):
        k = crossing[0]
        raise ValueError(
            f"Graph.graphs: edge {k} joins two graphs of the batch, got {source[k]} -> {target[k]} in graphs "
            f"{graph.batch[source[k]]} and {owner[k]}; expected edges within a graph. Correct batch or the edge."
        )
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(graph.ptr)))
    out = []
    for k, (a, b) in enumerate(zip(graph.ptr[:-1], graph.ptr[1:], strict=True)):
        nodes, edges = np.arange(a, b), order[ends[k] : ends[k + 1]]
        y = picked(graph.y, nodes if graph.y_of_nodes else np.array([k]))
        out.append(piece(graph, nodes, edges, y))
    return out


def piece(graph: Graph, nodes: np.ndarray, edges: np.ndarray, y: Any, index: np.ndarray | None = None) -> Parts:
    """Return the arguments of a graph of some nodes and edges; `index`: those edges, numbered anew already."""
    if index is None:
        index = graph.edge_index[:, edges] - (nodes[0] if len(nodes) else 0)
    named = {name: picked(value, nodes) for name, value in graph.node_arrays.items()}
    weight = picked(graph.edge_weight, edges)
    return {
        "edge_index": index, "edge_weight": weight, "num_nodes": len(nodes), "x": picked(graph.x, nodes), "y": y, **named,
    }  # fmt: skip


def chosen(nodes: Any, num_nodes: int, owner: str, what: str = "nodes") -> np.ndarray:
    """Return node numbers, each once, from numbers or a mask."""
    mask = host(nodes, what, owner)
    if mask.dtype.kind == "b":
        if mask.shape != (num_nodes,):
            raise ValueError(
                f"{owner}: {what} as a mask has one value for each node, got shape {mask.shape}; expected ({num_nodes},)."
            )
        return np.flatnonzero(mask)
    out = whole(mask, what, owner)
    if out.ndim != 1:
        raise ValueError(f"{owner}: {what} has a wrong shape, got {out.shape}; expected one axis.")
    if len(out) and not (out.min() >= 0 and out.max() < num_nodes):
        at = int(np.argmax((out < 0) | (out >= num_nodes)))
        raise ValueError(f"{owner}: {what} out of range, got {out[at]} at {what}[{at}]; expected 0 to {num_nodes - 1}.")
    if len(np.unique(out)) != len(out):
        twice = out[np.flatnonzero(np.bincount(out, minlength=num_nodes)[out] > 1)[0]]
        raise ValueError(f"{owner}: node {twice} is named twice; expected each once. Use np.unique({what}).")
    return out


def induced(graph: Graph, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges among some nodes: their places, and their ends numbered by the place in `nodes`."""
    place = np.full(graph.num_nodes, -1)
    place[nodes] = np.arange(len(nodes))
    ends = place[graph.edge_index]
    edges = np.flatnonzero((ends >= 0).all(0))
    return edges, ends[:, edges]
