"""Graphs for tests, and the matrix of one."""

from __future__ import annotations

import numpy as np

from grillyx.graph import Graph


def dense(graph: Graph) -> np.ndarray:
    """A, of which A[i, j] is the sum of the weights from j to i."""
    out = np.zeros((graph.num_nodes, graph.num_nodes))
    weight = np.ones(graph.num_edges) if graph.edge_weight is None else np.asarray(graph.edge_weight)
    np.add.at(out, (graph.edge_index[1], graph.edge_index[0]), weight)
    return out


def random_graph(nodes: int, edges: int, seed: int = 0, weighted: bool = True) -> Graph:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, edges) if weighted else None
    return Graph(rng.integers(0, nodes, (2, edges)), weight, nodes)
