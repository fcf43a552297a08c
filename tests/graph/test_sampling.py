"""Neighbours that are drawn, and loaders."""

from __future__ import annotations

import numpy as np
import pytest
from tqdm import tqdm

from grillyx import Tensor
from grillyx.graph import Graph, Loader, NeighborLoader, sample_neighbors
from tests.graph.graphs import dense, random_graph

BIG = random_graph(300, 3000).replace(x=np.arange(300.0)[:, None], y=np.arange(300))


def layers_of(part: Graph) -> np.ndarray:
    """How far each node is from the nodes asked for, along the edges that were drawn."""
    far = np.full(part.num_nodes, -1)
    far[: part.batch_size] = 0
    for step in range(1, 10):
        source, target = part.edge_index
        far[source[(far[target] == step - 1) & (far[source] < 0)]] = step
    return far


@pytest.mark.parametrize("replace", [False, True])
def test_a_sample_is_a_part_of_the_graph(replace: bool) -> None:
    seeds = np.array([250, 3, 77, 12])
    part = sample_neighbors(BIG, seeds, [5, 3], replace=replace, rng=0)
    assert part.batch_size == 4
    assert np.array_equal(part.n_id[:4], seeds)
    assert len(np.unique(part.n_id)) == part.num_nodes
    assert np.array_equal(part.n_id[part.edge_index], BIG.edge_index[:, part.e_id])
    assert np.array_equal(part.edge_weight, BIG.edge_weight[part.e_id])
    assert np.array_equal(part.x[:, 0], part.n_id)
    assert np.array_equal(part.y, part.n_id)
    far = layers_of(part)
    assert far.min() >= 0
    assert far.max() == 2
    assert (np.diff(far) >= 0).all()  # the nodes of each layer follow those of the one before
    drawn, there = part.in_degree(), BIG.in_degree()[part.n_id]
    for layer, most in ((0, 5), (1, 3), (2, 0)):
        of = far == layer
        wanted = np.where(there[of] > 0, most, 0) if replace else np.minimum(there[of], most)
        assert np.array_equal(drawn[of], wanted)
    if not replace:
        assert len(np.unique(part.e_id)) == part.num_edges


def test_all_neighbours() -> None:
    part = sample_neighbors(BIG, [5], [-1, -1])
    a = dense(BIG) > 0
    one = np.flatnonzero(a[5])
    assert set(part.n_id) == {5} | set(one) | set(np.flatnonzero(a[one].any(0)))
    full = sample_neighbors(BIG, np.arange(300), [-1])
    assert np.array_equal(dense(full), dense(BIG))
    assert sample_neighbors(BIG, [5], [0]).num_edges == 0
    assert sample_neighbors(BIG, [], [3]).num_nodes == 0


def test_every_subset_is_as_likely() -> None:
    g = Graph([[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]])
    rng, counts = np.random.default_rng(0), {}
    for _ in range(4000):
        key = tuple(sorted(sample_neighbors(g, [0], [2], rng=rng).n_id[1:]))
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 10
    assert min(counts.values()) > 320  # 400 expected, with a deviation of 19
    assert max(counts.values()) < 480


def test_seeds_repeat() -> None:
    a, b, c = (sample_neighbors(BIG, [1, 2], [4, 4], rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(a.e_id, b.e_id)
    assert not np.array_equal(a.e_id, c.e_id)


def test_neighbor_loader() -> None:
    g = BIG.replace(x=Tensor(BIG.x))
    loader = NeighborLoader(g, [3, 2], batch_size=64, shuffle=True, rng=0)
    assert len(loader) == 5
    seen = []
    for part in tqdm(loader, disable=True):
        assert isinstance(part.x, Tensor)
        assert np.array_equal(part.x.numpy()[:, 0], part.n_id)
        seen.append(part.n_id[: part.batch_size])
    assert [len(s) for s in seen] == [64, 64, 64, 64, 44]
    assert np.array_equal(np.sort(np.concatenate(seen)), np.arange(300))
    again = [part.n_id[: part.batch_size] for part in loader]
    assert not np.array_equal(np.concatenate(again), np.concatenate(seen))
    twin = NeighborLoader(g, [3, 2], batch_size=64, shuffle=True, rng=0)
    assert np.array_equal(next(iter(twin)).n_id[:64], seen[0])


def test_nodes_to_ask_for() -> None:
    mask = np.arange(300) % 7 == 0
    loader = NeighborLoader(BIG, [2], batch_size=10, input_nodes=mask, drop_last=True)
    assert len(loader) == 4
    assert np.concatenate([p.n_id[:10] for p in loader]).tolist() == np.flatnonzero(mask)[:40].tolist()
    assert len(NeighborLoader(BIG.edge_index, [2], batch_size=300)) == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [({"batch_size": 0}, ValueError, "NeighborLoader: batch_size out of range, got 0"),
     ({"num_neighbors": [3, -2]}, ValueError, "NeighborLoader: num_neighbors out of range, got -2"),
     ({"num_neighbors": None}, TypeError, "NeighborLoader: num_neighbors must be a list, got None"),
     ({"num_neighbors": []}, ValueError, "NeighborLoader: num_neighbors is empty"),
     ({"num_neighbors": [2.5]}, TypeError, "NeighborLoader: num_neighbors must be an integer, got 2.5"),
     ({"input_nodes": [300]}, ValueError, r"NeighborLoader: input_nodes out of range, got 300 at input_nodes\[0\]"),
     ({"rng": "a"}, TypeError, "NeighborLoader: rng makes no generator, got 'a'"),
     ({"rng": -1}, TypeError, "NeighborLoader: rng makes no generator, got -1")],
)  # fmt: skip
def test_bad_arguments(options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        NeighborLoader(BIG, **({"num_neighbors": [2]} | options))


def test_loader() -> None:
    graphs = [Graph([[0], [1]], y=k) for k in range(7)]
    assert [b.y.tolist() for b in Loader(graphs, batch_size=3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(Loader(graphs, batch_size=3)) == 3
    assert [b.y.tolist() for b in Loader(graphs, batch_size=3, drop_last=True)] == [[0, 1, 2], [3, 4, 5]]
    loader = Loader(graphs, batch_size=2, shuffle=True, rng=np.random.default_rng(3))
    first, second = ([int(y) for b in loader for y in b.y] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second
    assert first == [int(y) for b in Loader(graphs, 2, shuffle=True, rng=3) for y in b.y]
    assert list(Loader([], batch_size=2)) == []
    with pytest.raises(TypeError, match="batch_size must be an integer, got '2'"):
        Loader(graphs, batch_size="2")
    for thing in (graphs[0], None):
        with pytest.raises(TypeError, match=f"Loader: graphs must be a list of graphs, got {type(thing).__name__}"):
            Loader(thing)


def test_anything_that_is_a_graph() -> None:
    found = sample_neighbors(BIG.edge_index, [3, 4], [-1], rng=0)
    assert np.array_equal(found.n_id, sample_neighbors(BIG, [3, 4], [-1], rng=0).n_id)


def test_loops_within_loops() -> None:
    """Two epochs at the same time do not disturb each other, and a network sees all that it would see at once."""
    loader = NeighborLoader(BIG, [-1, -1], batch_size=64)
    for a, b in zip(loader, loader, strict=True):
        assert np.array_equal(a.n_id, b.n_id)
        assert np.array_equal(a.n_id[a.edge_index], BIG.edge_index[:, a.e_id])
