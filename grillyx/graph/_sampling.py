"""Neighbourhoods of some nodes, drawn on the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from grillyx.graph._batch import chosen, piece
from grillyx.graph._csr import Rows
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._inputs import count, generator
from grillyx.graph._norm import picked


def fan_outs(num_neighbors: Any, owner: str) -> list[int]:
    """Return how many neighbours are drawn in each layer."""
    if isinstance(num_neighbors, (int, np.integer)):
        num_neighbors = [num_neighbors]
    if not isinstance(num_neighbors, Iterable):
        raise TypeError(
            f"{owner}: num_neighbors must be a list, got {num_neighbors!r}; expected a number for each layer."
        )
    numbers = list(num_neighbors)
    out = [count(n, "num_neighbors", owner, least=-1) for n in numbers]
    if not out:
        raise ValueError(f"{owner}: num_neighbors is empty, got {num_neighbors!r}; expected a number for each layer.")
    return out


def sample_neighbors(
    graph: Any, nodes: Any, num_neighbors: Sequence[int], *, replace: bool = False, rng: Any = None
) -> Graph:
    """Return a graph of some nodes and of neighbours drawn for them, layer by layer (Hamilton and others, 2017).

    In layer l, each node that the layer before has found first gets up to ``num_neighbors[l]`` of the edges that come into it,
    uniformly; as PyG's ``NeighborLoader`` does it. The nodes asked for come first, in their order, then those that each layer
    found. Only edges that were drawn are there.

    Args:
        graph: a graph, or anything that `as_graph` takes; its x, y and other arrays of nodes, and weights of edges, are taken along.
        nodes: numbers, each once, or a mask (N,).
        num_neighbors: edges for each node, by layer; -1 takes all.
        replace: draw each edge anew, so that one may come twice.
        rng: a NumPy generator, or a seed for one; without it each call draws others.

    Returns:
        A `Graph` with ``n_id`` and ``e_id``, the nodes and edges of `graph`, and ``batch_size``, how many nodes were asked for.

    Raises:
        ValueError: nodes out of range or named twice; a number of neighbours below -1.
    """
    graph = as_graph(graph)
    seeds = chosen(nodes, graph.num_nodes, "sample_neighbors")
    layers = fan_outs(num_neighbors, "sample_neighbors")
    return drawn(graph, seeds, layers, replace, generator(rng, "sample_neighbors"), np.full(graph.num_nodes, -1))


def drawn(
    graph: Graph, seeds: np.ndarray, layers: list[int], replace: bool, rng: np.random.Generator, place: np.ndarray
) -> Graph:
    """Return what `sample_neighbors` does; `place` (N,) is -1 everywhere, before and after."""
    rows, found, edges, ends = graph.structure.rows, [seeds], [], []
    place[seeds] = np.arange(len(seeds))
    front, total = seeds, len(seeds)
    for layer in layers:
        owner, entries = _draw(rows, front, layer, replace, rng)
        sources = rows.source[entries]
        new = sources[place[sources] < 0]
        new = new[np.sort(np.unique(new, return_index=True)[1])]  # in the order in which they were drawn
        place[new] = np.arange(total, total + len(new))
        edges.append(rows.edge[entries])
        ends.append(np.stack([place[sources], place[front[owner]]]))
        found.append(new)
        front, total = new, total + len(new)
    nodes, chosen_edges = np.concatenate(found), np.concatenate(edges)
    place[nodes] = -1
    y = picked(graph.y, nodes) if graph.y_of_nodes else None
    parts = piece(graph, nodes, chosen_edges, y, np.concatenate(ends, 1))
    return Graph(**parts)._with(n_id=nodes, e_id=chosen_edges, batch_size=len(seeds))


def _draw(
    rows: Rows, front: np.ndarray, most: int, replace: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return entries of the rows of some nodes, and for each the place of its node in `front`; row by row."""
    first, degree = rows.start[front], rows.start[front + 1] - rows.start[front]
    if most < 0 or (not replace and most >= degree.max(initial=0)):
        return _ranges(first, degree)
    if replace:
        some = np.flatnonzero(degree)
        picks = rng.integers(0, degree[some, None], (len(some), most))
        return np.repeat(some, most), (first[some, None] + picks).ravel()
    few, many = np.flatnonzero(degree <= most), np.flatnonzero(degree > most)
    owner, entries = _ranges(first[few], degree[few])
    picks = first[many, None] + _distinct(degree[many], most, rng)
    owner = np.concatenate([few[owner], np.repeat(many, most)])
    order = np.argsort(owner, kind="stable")
    return owner[order], np.concatenate([entries, picks.ravel()])[order]


def _ranges(first: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    owner = np.repeat(np.arange(len(first)), length)
    inside = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    return owner, first[owner] + inside


def _distinct(size: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return `most` distinct numbers below each size, uniform over all subsets (Floyd, 1987): a hub costs no more than others."""
    out = np.empty((len(size), most), np.int64)
    for k in range(most):
        top = size - most + k
        pick = rng.integers(0, top + 1)
        taken = (out[:, :k] == pick[:, None]).any(1)
        out[:, k] = np.where(taken, top, pick)
    return out
