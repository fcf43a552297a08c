"""Self-loops, the normalisation of GCN, and edges joined: pure functions on edges, differentiable in the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.ops import sparse


def picked(values: Any, index: np.ndarray) -> Any:
    """Return rows of an array, or of a tensor with its gradient; None stays None."""
    if values is None:
        return None
    return F.take(values, index, axis=0) if isinstance(values, Tensor) else values[index]


def joined(parts: list[Any]) -> Any:
    """Return arrays or tensors one after another; a tensor where one of them is."""
    if any(isinstance(p, Tensor) for p in parts):
        return F.concatenate(parts)
    return np.concatenate(parts)


def ones(weight: Any, num_edges: int) -> Any:
    """Return the weights, or ones where there are none."""
    return np.ones(num_edges, np.float32) if weight is None else weight


def with_loops(index: np.ndarray, weight: Any, num_nodes: int, value: float) -> tuple[np.ndarray, Any]:
    """Append a loop for every node."""
    loops = np.broadcast_to(np.arange(num_nodes), (2, num_nodes))
    if weight is not None or value != 1.0:
        fill = np.full(num_nodes, value, np.float32)
        weight = joined([ones(weight, index.shape[1]), fill])
    return np.concatenate([index, loops], 1), weight


def remaining_loops(index: np.ndarray, weight: Any, num_nodes: int, value: float) -> tuple[np.ndarray, Any]:
    """Move the loops to the end, one for each node: nodes that have none get one of weight `value`."""
    source, target = index
    count = len(source)
    kept, own = np.flatnonzero(source != target), np.flatnonzero(source == target)
    loops = np.broadcast_to(np.arange(num_nodes), (2, num_nodes))
    index = np.concatenate([index[:, kept], loops], 1)
    if weight is None and value == 1.0:
        return index, None
    at = np.full(num_nodes, count)
    if weight is not None:  # a loop without a weight counts as none, as in PyG
        at[source[own]] = own  # of several loops the last, as in PyG
    table = joined([ones(weight, count), np.full(1, value, np.float32)])
    return index, picked(table, np.concatenate([kept, at]))


def summed(weight: Any, group: np.ndarray, groups: int) -> Any:
    """Return the sums of the weights of each group (groups,): float64, or a tensor with its gradient."""
    if not isinstance(weight, Tensor):
        return np.bincount(group, weight, minlength=groups)
    csr, csc = sparse.build(group, np.zeros_like(group), groups, 1)
    return F.sparse_matmul(csr, csc, np.ones((1, 1), np.float32), weight)[:, 0]


def gcn_weights(index: np.ndarray, weight: Any, num_nodes: int) -> Any:
    """Return ``d[source]^-1/2 · weight · d[target]^-1/2``, d the sum of the weights that come into a node."""
    source, target = index
    weight = ones(weight, len(source))
    degree = summed(weight, target, num_nodes)
    if not isinstance(weight, Tensor):
        if (degree < 0.0).any():
            node = int(np.argmin(degree))
            raise ValueError(
                f"gcn_norm: the weights into a node must not sum to less than 0, got {degree[node]:.6g} for node {node}; "
                "their square root is taken. Use weights of 0 or more."
            )
        scale = np.divide(1.0, np.sqrt(degree), out=np.zeros(num_nodes), where=degree > 0.0)
        return (scale[source] * weight * scale[target]).astype(np.float32)
    some = F.not_equal(degree, 0.0)
    scale = F.rsqrt(F.where(some, degree, 1.0)) * F.astype(some, np.float32)
    return F.take(scale, source) * weight * F.take(scale, target)


def undirected(index: np.ndarray, weight: Any, num_nodes: int) -> tuple[np.ndarray, Any]:
    """Add every edge turned round, and join edges between the same nodes: their weights add."""
    both = np.concatenate([index, index[::-1]], 1)
    weight = None if weight is None else joined([weight, weight])
    return joined_edges(both, weight, num_nodes)


def joined_edges(index: np.ndarray, weight: Any, num_nodes: int) -> tuple[np.ndarray, Any]:
    """Return each edge once, sorted by source, then target; weights of equal edges add."""
    key = index[0] * num_nodes + index[1]
    unique, group = np.unique(key, return_inverse=True)
    if weight is not None:
        weight = as_float(summed(weight, group, len(unique)))
    return np.stack([unique // max(num_nodes, 1), unique % max(num_nodes, 1)]), weight


def as_float(weight: Any) -> Any:
    """Return float32; tensors are that already."""
    return as_tensor(weight) if isinstance(weight, Tensor) else weight.astype(np.float32)
