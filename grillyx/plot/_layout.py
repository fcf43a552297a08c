"""Where the nodes of a graph go on paper."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg
from scipy.spatial import cKDTree


def spectral(index: np.ndarray, nodes: int) -> np.ndarray:
    """Return places from the two smoothest eigenvectors of the normalised Laplacian (Hall, 1970; Koren, 2005)."""
    if nodes < 3:  # too few to have such vectors
        return np.stack([np.arange(nodes), np.zeros(nodes)], 1).astype(float)
    a = _adjacency(index, nodes)
    scale = 1.0 / np.sqrt(np.maximum(np.asarray(a.sum(1)).ravel(), 1.0))
    s = sparse.csr_array(a.multiply(scale[:, None]).multiply(scale))
    if nodes < 64:
        vectors = np.linalg.eigh(s.toarray())[1]
    else:
        start = np.random.default_rng(0).standard_normal(nodes)
        vectors = linalg.eigsh(s + sparse.csr_array(sparse.eye(nodes)), 3, v0=start, which="LA")[1]
    out = vectors[:, [-2, -3]] * scale[:, None]
    spread = np.abs(out).max(0)
    return out / np.where(spread > 0.0, spread, 1.0)


def spring(index: np.ndarray, nodes: int, rounds: int = 150) -> np.ndarray:
    """Return places by forces (Fruchterman and Reingold, 1991), from the spectral ones on.

    Nodes that are joined attract each other by d²/k, all closer than 3 k repel each other by k²/d.
    """
    if nodes < 3:
        return spectral(index, nodes)
    a = _adjacency(index, nodes).tocoo()
    source, target = a.row[a.row < a.col], a.col[a.row < a.col]
    k = 1.0 / np.sqrt(nodes)
    rng = np.random.default_rng(0)
    places = spectral(index, nodes) if source.size else np.zeros((nodes, 2))
    places = _ranks(places) + 0.1 * k * rng.standard_normal((nodes, 2))
    for step in np.linspace(0.1, 0.002, rounds):
        near = cKDTree(places).query_pairs(3.0 * k, output_type="ndarray").T
        force = -0.3 * places  # parts that nothing joins stay in the picture
        for (first, second), strength in ((near, lambda d: -(k**2) / d), ((source, target), lambda d: d**2 / k)):
            apart = places[second] - places[first]
            d = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-4)
            pull = apart / d * strength(d)
            for axis in (0, 1):
                force[:, axis] += np.bincount(first, pull[:, axis], minlength=nodes)
                force[:, axis] -= np.bincount(second, pull[:, axis], minlength=nodes)
        size = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        places += force / size * np.minimum(size, step)
    return places


def _ranks(places: np.ndarray) -> np.ndarray:
    """Return places spread evenly in [-1, 1] on each axis, in the same order: eigenvectors crowd most nodes in a corner."""
    order = places.argsort(0, kind="stable").argsort(0, kind="stable")
    return 2.0 * order / max(len(places) - 1, 1) - 1.0


def _adjacency(index: np.ndarray, nodes: int) -> sparse.csr_array:
    a = sparse.csr_array((np.ones(index.shape[1]), (index[1], index[0])), (nodes, nodes))
    return ((a + a.T) > 0).astype(np.float64)
