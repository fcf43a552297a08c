"""The graphs to try things on: shapes, splits, and what their docstrings promise."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from grillyx.graph import Graph, datasets

KARATE = np.load(Path(__file__).parent.parent / "data" / "karate.npz")
KINDS = ("train_mask", "val_mask", "test_mask")


def same_class(g: Graph) -> float:
    return float((g.y[g.edge_index[0]] == g.y[g.edge_index[1]]).mean())


def is_undirected(g: Graph) -> bool:
    return np.array_equal(g.edge_index, g.to_undirected().edge_index)


def check_split(g: Graph, train: int, val: int, test: int) -> None:
    masks = [getattr(g, name) for name in KINDS]
    assert [int(m.sum()) for m in masks] == [train, val, test]
    assert sum(masks).max() <= 1
    assert g.x.dtype == np.float32
    assert g.y.dtype == np.int64


def test_karate() -> None:
    g = datasets.karate()
    assert np.array_equal(g.edge_index, KARATE["pyg_edge_index"])
    assert np.array_equal(g.y, KARATE["club"])
    check_split(g, 2, 0, 32)
    four = datasets.karate(classes=4)
    assert np.array_equal(four.y, KARATE["pyg_y"])
    assert np.array_equal(four.train_mask, KARATE["pyg_train_mask"])
    assert np.array_equal(four.x, np.eye(34))
    with pytest.raises(ValueError, match="classes out of range, got 3"):
        datasets.karate(classes=3)


def test_digits_knn() -> None:
    g = datasets.digits_knn()
    assert (g.num_nodes, g.x.shape) == (1797, (1797, 64))
    assert is_undirected(g)
    assert g.in_degree().min() >= 8
    assert (g.edge_index[0] != g.edge_index[1]).all()
    assert same_class(g) > 0.95
    check_split(g, 200, 500, 1000)
    near = np.argsort(((g.x - g.x[17]) ** 2).sum(1), kind="stable")[1:4]
    assert set(near) <= set(g.edge_index[0][g.edge_index[1] == 17])
    with pytest.raises(ValueError, match="k out of range, got 0"):
        datasets.digits_knn(k=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_contextual_sbm_has_the_shape_of_cora(seed: int) -> None:
    g = datasets.contextual_sbm(seed=seed)
    assert (g.num_nodes, g.num_edges, g.x.shape) == (2708, 10556, (2708, 1433))
    assert np.bincount(g.y).tolist() == [351, 217, 418, 818, 426, 298, 180]
    assert is_undirected(g)
    assert abs(same_class(g) - 0.81) < 1e-3
    assert set(np.unique(g.x)) == {0.0, 1.0}
    assert abs(g.x.sum(1).mean() - 18.0) < 0.3
    check_split(g, 140, 500, 1000)
    own = np.arange(1433) % 7 == g.y[:, None]
    assert abs((g.x * own).sum() / g.x.sum() - (0.4 + 0.6 / 7)) < 0.01  # the signal, and chance
    crossing = g.y[g.edge_index[0]] != g.y[g.edge_index[1]]
    strangers = np.bincount(g.edge_index[1], ~crossing, g.num_nodes) == 0
    assert strangers[g.edge_index[:, crossing]].any(0).all()
    assert abs(strangers.mean() - 0.22) < 0.06  # and a few that have no edge by chance


def test_contextual_sbm_by_seed_and_by_size() -> None:
    a, b = datasets.contextual_sbm(seed=3), datasets.contextual_sbm(seed=3)
    assert np.array_equal(a.edge_index, b.edge_index)
    assert np.array_equal(a.x, b.x)
    assert np.array_equal(a.test_mask, b.test_mask)
    assert not np.array_equal(a.x, datasets.contextual_sbm(seed=4).x)
    small = {"num_features": 30, "words": 3.0, "per_class": 2, "val": 5, "test": 10}
    full = datasets.contextual_sbm((5, 5), 25 + 10, 10 / 35, strangers=0.0, **(small | {"val": 2, "test": 4}))
    between = full.y[full.edge_index[0]] != full.y[full.edge_index[1]]
    assert between.sum() == 2 * 25  # every pair that there is
    blocks = datasets.contextual_sbm((20, 30), 100, 1.0, strangers=0.0, **small)
    assert same_class(blocks) == 1.0
    counts = np.bincount(blocks.y[blocks.edge_index[0]])
    assert counts.tolist() == [80, 120]  # in proportion to the sizes


@pytest.mark.parametrize(
    ("options", "words"),
    [({"class_sizes": (5,)}, "class_sizes must be two or more positive integers"),
     ({"homophily": 1.5}, "homophily out of range, got 1.5"), ({"signal": -0.1}, "signal out of range"),
     ({"strangers": 2.0}, "strangers out of range"), ({"words": 2000.0}, "words out of range, got 2000.0"),
     ({"num_edges": 10**6}, "num_edges is too large"),
     ({"class_sizes": (10, 10), "num_edges": 101, "homophily": 0.0, "strangers": 0.0, "words": 3.0}, "got 101 edges for 100 pairs"),
     ({"class_sizes": (10, 10), "num_edges": 52, "homophily": 0.0, "strangers": 0.25, "words": 3.0}, "edges for 4[0-9] pairs")],
)  # fmt: skip
def test_contextual_sbm_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        datasets.contextual_sbm(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"per_class": 4}, "class 1 has 3 nodes, got per_class=4"), ({"val": 9, "test": 3}, r"val and test.*got 9 \+ 3; .*most 9"),
     ({"val": -1}, "val must be 0 or more, got -1")],
)  # fmt: skip
def test_splits_that_are_too_large(options: dict, words: str) -> None:
    y = np.repeat([0, 1, 2], [4, 3, 8])
    with pytest.raises(ValueError, match=f"split_nodes: {words}"):
        datasets.split_nodes(y, **({"per_class": 2, "val": 2, "test": 2} | options))


def test_labelled_nodes_of_each_class() -> None:
    y = np.repeat([0, 1, 2], [40, 30, 80])
    masks = datasets.split_nodes(y, per_class=5, val=20, test=50, seed=1)
    assert np.bincount(y[masks["train_mask"]]).tolist() == [5, 5, 5]
    assert [int(masks[name].sum()) for name in KINDS] == [15, 20, 50]
    with pytest.raises(ValueError, match=r"y must be classes \(N,\), got float64"):
        datasets.split_nodes(np.ones(3))


@pytest.fixture
def graspologic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name that cannot be imported, with tables of the same form as its own."""
    folder = tmp_path / "graspologic" / "datasets" / "drosophila"
    folder.mkdir(parents=True)
    (tmp_path / "graspologic" / "__init__.py").write_text("raise ImportError('an older NumPy')\n")
    kinds = ["P", "P", "K", "K", "K", "K", "O", "O", "I", "I"]
    rng = np.random.default_rng(0)
    synapses = rng.integers(1, 9, (10, 10)) * (rng.random((10, 10)) < 0.6)
    np.savetxt(folder / "left_adjacency.csv", synapses, fmt="%d")
    np.savetxt(folder / "left_cell_labels.csv", kinds, fmt="%s")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "graspologic", raising=False)
    importlib.invalidate_caches()
    return folder


def test_mushroom_body(graspologic: Path) -> None:
    g = datasets.mushroom_body(per_class=1, val=2, test=4)
    synapses = np.loadtxt(graspologic / "left_adjacency.csv")
    assert g.y.tolist() == [3, 3, 0, 0, 0, 0, 2, 2, 1, 1]
    assert np.array_equal(g.edge_index, np.stack(np.nonzero(synapses.T)[::-1]))  # from the neuron of the row
    assert np.array_equal(g.edge_weight, synapses[tuple(g.edge_index)])
    np.testing.assert_allclose(g.x.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(g.x.std(0), 1.0, rtol=1e-5)
    assert np.corrcoef(g.x[:, 0], g.in_degree())[0, 1] > 0.9
    assert np.corrcoef(g.x[:, 3], synapses.sum(1))[0, 1] > 0.9
    check_split(g, 4, 2, 4)
    with pytest.raises(ValueError, match="unknown side, got 'up'"):
        datasets.mushroom_body("up")


def test_mushroom_body_where_it_is_installed() -> None:
    if importlib.util.find_spec("graspologic") is None:
        pytest.skip("graspologic is not installed")
    g = datasets.mushroom_body()
    assert np.bincount(g.y).tolist() == [101, 21, 29, 58]
    assert (g.y[g.edge_index[1]] != 3).all()  # nothing here projects to projection neurons


@pytest.mark.parametrize(("load", "module", "package"), [
    (datasets.karate, "networkx", "networkx"), (datasets.digits_knn, "sklearn.datasets", "scikit-learn"),
])  # fmt: skip
def test_a_missing_package_is_named(load, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{package} is missing.*Install the extra"):
        load()


def test_missing_graspologic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps graspologic"):
        datasets.mushroom_body()
