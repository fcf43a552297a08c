"""SC-NeuroCore's SpikeGraphConv as it is, in float64 on the host: for its own counts, to the last spike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.graph._base import array_of, graph_of

STREAM = 42  # the seed that every layer and every call of the original starts again from


def adjacency_of(adjacency: Any, x: np.ndarray) -> Any:
    """Return the matrix A of ``A @ X`` in float64: dense as it was given, all else in compressed rows."""
    from scipy import sparse  # 0.1 s that only this needs

    if sparse.issparse(adjacency):
        return sparse.csr_array(adjacency, dtype=np.float64)
    name, num_nodes = "SpikeGraphConv", len(x)
    matrix = array_of(adjacency, name)
    if matrix is not None and matrix.shape == (num_nodes, num_nodes) and matrix.dtype.kind in "fiub":
        return matrix.astype(np.float64)
    graph = graph_of(adjacency, x, name)
    source, target = graph.edge_index
    weight = np.ones(len(source)) if graph.edge_weight is None else np.asarray(graph.edge_weight, np.float64)
    return sparse.csr_array((weight, (target, source)), shape=(num_nodes, num_nodes))


def run(
    x: np.ndarray,
    adjacency: Any,
    w: np.ndarray,
    threshold: float,
    tau_mem: float,
    steps: int,
    uniforms: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spikes and membranes (T, N, out), and the last membrane; `uniforms` (T, N, out) stand for the draws."""
    degree = np.maximum(np.asarray(adjacency.sum(axis=1), np.float64), 1.0)
    chance = np.clip(((adjacency @ x) / degree[:, None]) @ w.T, 0.0, 1.0)
    draws, keep = np.random.RandomState(STREAM), math.exp(-1.0 / tau_mem)
    v = np.zeros(chance.shape)
    spikes, membranes = np.empty((steps, *v.shape)), np.empty((steps, *v.shape))
    for t in range(steps):
        fired = (draws.random(v.shape) if uniforms is None else uniforms[t]) < chance
        v = keep * v + (1.0 - keep) * fired
        spikes[t] = v >= threshold
        v = v - spikes[t] * threshold
        membranes[t] = v
    return spikes, membranes, v
