"""Graphs to try things on: small real ones from Python packages, made ones, and folders that a user has; no downloads.

Each has features x (float32), labels y (int64) and the masks train_mask, val_mask and test_mask (booleans), as NumPy arrays.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.graph._block_model import contextual_sbm
from grillyx.graph._elegans import c_elegans
from grillyx.graph._folders import ogb_node, planetoid
from grillyx.graph._graph import Graph
from grillyx.graph._split import split_nodes

__all__ = [
    "c_elegans",
    "contextual_sbm",
    "digits_knn",
    "karate",
    "mushroom_body",
    "ogb_node",
    "planetoid",
    "split_nodes",
]

# modularity communities, and one labelled node of each, as in Kipf and Welling (2017) and PyG's KarateClub
_COMMUNITIES = "1111333101311100310101002200200200"
_LABELLED = (0, 4, 8, 24)


def _need(module: str, package: str, extra: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"graph.datasets.{name}: the package {package} is missing ({error}). Install the extra `{extra}`, as with "
            f"`pip install '.[{extra}]'` in a checkout."
        ) from error


def karate(classes: int = 2) -> Graph:
    """Return Zachary's karate club (1977): 34 members, 78 friendships (156 edges), features the identity (34, 34).

    Args:
        classes: 2, the sides that members took when the club broke up, of which the two leaders, 0 and 33, are labelled; or 4,
            communities found by modularity, of which one member each is labelled, as in PyG's ``KarateClub``.

    All other members are for testing, none for validation.

    Raises:
        ImportError: networkx is not installed.
        ValueError: another number of classes.
    """
    if classes not in (2, 4):
        raise ValueError(f"graph.datasets.karate: classes out of range, got {classes!r}; expected 2 or 4.")
    club = _need("networkx", "networkx", "graph", "karate").karate_club_graph()
    if classes == 2:
        y, labelled = np.array([int(club.nodes[k]["club"] != "Mr. Hi") for k in range(34)]), [0, 33]
    else:
        y, labelled = np.array([int(c) for c in _COMMUNITIES]), list(_LABELLED)
    train = np.isin(np.arange(34), labelled)
    graph = Graph.from_networkx(club, x=np.eye(34, dtype=np.float32), y=y)
    graph = graph.replace(edge_weight=None, train_mask=train, val_mask=np.zeros(34, bool), test_mask=~train)
    return graph.to_undirected()


def digits_knn(k: int = 8, per_class: int = 20, val: int = 500, test: int = 1000, seed: int = 0) -> Graph:
    """Return scikit-learn's 1,797 handwritten digits, each joined with the k that are nearest to it.

    x has the 64 pixels in [0, 1], y the digit. An edge is there, in both directions, if one of its ends is among the k nearest
    of the other (Euclidean).

    Args:
        k: neighbours of each digit.
        per_class: labelled digits of each class; see `split_nodes`.
        val: digits for validation.
        test: digits for testing.
        seed: of the split.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: k is not between 1 and 1,796, or the split is too large.
    """
    if not isinstance(k, (int, np.integer)) or not 1 <= k <= 1796:
        raise ValueError(
            f"graph.datasets.digits_knn: k out of range, got {k!r}; expected a whole number from 1 to 1796."
        )
    x, y = _need("sklearn.datasets", "scikit-learn", "data", "digits_knn").load_digits(return_X_y=True)
    search = importlib.import_module("sklearn.neighbors").NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x)
    near = search.kneighbors(return_distance=False)  # of each digit, itself left out
    index = np.stack([near.ravel(), np.repeat(np.arange(len(x)), k)])
    masks = split_nodes(y, per_class, val, test, seed)
    return Graph(index, x=(x / 16.0).astype(np.float32), y=y.astype(np.int64), **masks).to_undirected()


def mushroom_body(side: str = "left", per_class: int = 4, val: int = 40, test: int = 100, seed: int = 0) -> Graph:
    """Return the mushroom body of a Drosophila larva, a centre of learning, neuron by neuron (Eichler and others, 2017).

    An edge is a synaptic connection, from the neuron before to the one after, and its weight the number of synapses. y is the type
    of the neuron: 0 Kenyon cell, 1 input neuron, 2 output neuron, 3 projection neuron. There is nothing measured at a neuron,
    so x (N, 4) is what its place in the network says: log(1 + n) of the edges in, the edges out, the synapses in and the synapses out,
    each standardised.

    The data are two tables in the package graspologic. It is not imported, so that it may be installed without what it depends on
    (it asks for an older NumPy): ``pip install --no-deps graspologic``.

    Args:
        side: "left" or "right" hemisphere.
        per_class: labelled neurons of each type; see `split_nodes`.
        val: neurons for validation.
        test: neurons for testing.
        seed: of the split.

    Raises:
        ImportError: graspologic is not installed.
        ValueError: another side, or the split is too large.
    """
    if side not in ("left", "right"):
        raise ValueError(f"graph.datasets.mushroom_body: unknown side, got {side!r}; expected 'left' or 'right'.")
    found = importlib.util.find_spec("graspologic")
    if found is None or not found.submodule_search_locations:
        raise ImportError(
            "graph.datasets.mushroom_body: the package graspologic, which holds the data, is missing. Install it without what it "
            "depends on: `pip install --no-deps graspologic`."
        )
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "drosophila"
    synapses = np.loadtxt(folder / f"{side}_adjacency.csv", dtype=np.int64)  # a row is the neuron before
    kinds = np.loadtxt(folder / f"{side}_cell_labels.csv", dtype=str)
    y = np.array(["KIOP".index(kind) for kind in kinds])
    counts = [(synapses > 0).sum(0), (synapses > 0).sum(1), synapses.sum(0), synapses.sum(1)]
    x = np.log1p(np.stack(counts, 1))
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    return Graph.from_adjacency(synapses.T, x=x, y=y, **split_nodes(y, per_class, val, test, seed))
