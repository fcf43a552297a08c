"""From nodes to graphs and back: global pools with PyG's names and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, to_numpy
from grillyx.engine.device import current_device
from grillyx.functional import _check
from grillyx.graph._base import features
from grillyx.graph._graph import Graph
from grillyx.graph._inputs import count
from grillyx.ops import sparse

_Members = tuple[sparse.Csr, sparse.Csr]


def _built(batch: np.ndarray, graphs: int) -> _Members:
    return sparse.build(batch, np.arange(len(batch)), graphs, len(batch))


def members(batch: Any, nodes: int, name: str, size: Any = None) -> _Members:
    """Return which nodes belong to which graph: a matrix (graphs, N), and its transpose.

    Args:
        batch: a graph; (N,) integers, the graph of each node; or None, for one graph.
        nodes: how many rows the features have.
        name: who asks.
        size: number of graphs; else as many as `batch` names.
    """
    if isinstance(batch, Graph):
        if batch.num_nodes != nodes:
            raise ValueError(f"{name}: the graph has {batch.num_nodes} nodes; expected {nodes}, a node for each row.")
        if size is None:
            return _of_graph(batch)
        batch = batch.batch
    own = np.zeros(nodes, np.int64) if batch is None else to_numpy(batch)
    if own.shape != (nodes,) or (own.size and own.dtype.kind not in "iu"):
        raise ValueError(
            f"{name}: batch is wrong, got {own.dtype} {own.shape}; expected integers, one a node: ({nodes},)."
        )
    low, high = (int(own.min()), int(own.max())) if own.size else (0, -1 if batch is not None else 0)
    graphs = high + 1 if size is None else count(size, "size", name)
    if low < 0 or high >= graphs:
        wanted = "0 or more" if size is None else f"0 to {graphs - 1}, as size={size}"
        raise ValueError(f"{name}: batch out of range, got values from {low} to {high}; expected {wanted}.")
    return _built(own, graphs)


def _of_graph(graph: Graph) -> _Members:
    """Built once for a batch, also for its copies with other weights."""
    kept, device = graph.structure.kept.get("members"), current_device()
    if kept is None or kept[0] is not device or kept[1] is not graph.ptr:
        batch = np.zeros(graph.num_nodes, np.int64) if graph.batch is None else graph.batch
        kept = graph.structure.kept["members"] = device, graph.ptr, _built(batch, graph.num_graphs)
    out: _Members = kept[2]
    return out


def spread(pooled: Tensor, held: _Members) -> Tensor:
    """Give each node what its graph has: (*, graphs, F) → (*, N, F)."""
    return F.sparse_matmul(held[1], held[0], pooled)


def _pool(x: Any, batch: Any, size: Any, reduce: str, name: str) -> Tensor:
    x = features(x, name)
    return F.sparse_reduce(*members(batch, x.shape[-2], name, size), x, reduce=reduce)


def global_add_pool(x: Any, batch: Any = None, size: int | None = None) -> Tensor:
    """Return the sum over the nodes of each graph.

    Args:
        x: (N, F), or (T, N, F).
        batch: (N,) integers, the graph of each node; a `Graph`; or None, for one graph.
        size: number of graphs; one more than the largest in `batch` by default.

    Returns:
        (graphs, F), or (T, graphs, F); 0 for a graph without nodes.

    Raises:
        ValueError: `batch` does not fit.
    """
    return _pool(x, batch, size, "sum", "global_add_pool")


def global_mean_pool(x: Any, batch: Any = None, size: int | None = None) -> Tensor:
    """Return the mean over the nodes of each graph; see `global_add_pool`."""
    return _pool(x, batch, size, "mean", "global_mean_pool")


def global_max_pool(x: Any, batch: Any = None, size: int | None = None) -> Tensor:
    """Return the maximum over the nodes of each graph; see `global_add_pool`. Its gradient goes to the first of equal ones."""
    return _pool(x, batch, size, "max", "global_max_pool")


POOLS = {"sum": global_add_pool, "mean": global_mean_pool, "max": global_max_pool}


def pool_of(reduce: str, name: str) -> Any:
    """Return a pool by its name."""
    return POOLS[_check.one_of(reduce, tuple(POOLS), name, "reduce")]
