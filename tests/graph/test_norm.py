"""Self-loops, the normalisation of GCN and joined edges: PyG's numbers, and gradients for weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grillyx import Tensor, nn
from grillyx.graph import Graph
from tests.graph.graphs import dense, random_graph
from tests.helpers import check

PYG = np.load(Path(__file__).parent.parent / "data" / "pyg_conventions.npz")
LOOPED = np.array([[0, 1, 1, 2, 1, 3], [1, 1, 2, 0, 1, 2]])  # two loops at node 1


def test_gcn_norm_is_pygs() -> None:
    g = Graph(PYG["edge_index"], PYG["edge_weight"], 60)
    for graph in (g, g.with_weight(Tensor(PYG["edge_weight"]))):
        out = graph.gcn_norm()
        assert np.array_equal(out.edge_index, PYG["norm_edge_index"])
        np.testing.assert_allclose(np.asarray(out.edge_weight), PYG["norm_weight"], rtol=2e-6)
        assert out.csr.rows == 60


def by_hand(graph: Graph, self_loops: bool, fill: float) -> np.ndarray:
    a = dense(graph)
    if self_loops:
        np.fill_diagonal(a, np.where(a.diagonal() == 0.0, fill, a.diagonal()))
    degree = a.sum(1)
    scale = np.where(degree > 0.0, 1.0 / np.sqrt(np.where(degree > 0.0, degree, 1.0)), 0.0)
    return scale[:, None] * a * scale


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("self_loops", "improved"), [(True, False), (True, True), (False, False)])
def test_gcn_norm_is_that_of_the_matrix(weighted: bool, self_loops: bool, improved: bool) -> None:
    g = random_graph(12, 40, weighted=weighted).remove_self_loops()
    out = g.gcn_norm(self_loops=self_loops, improved=improved)
    np.testing.assert_allclose(dense(out), by_hand(g, self_loops, 2.0 if improved else 1.0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("self_loops", [True, False])
def test_gcn_norm_has_a_gradient(self_loops: bool) -> None:
    index = np.array([[0, 1, 2, 2, 3, 0, 4], [1, 2, 0, 3, 3, 1, 4]])  # a repeated edge, two loops, a node without edges

    def reference(w: np.ndarray) -> np.ndarray:
        source, target, weight = *index, w
        if self_loops:
            kept = [0, 1, 2, 3, 5]
            source, target = np.r_[source[kept], :6], np.r_[target[kept], :6]
            weight = np.r_[w[kept], 1.0, 1.0, 1.0, w[4], w[6], 1.0]
        degree = np.bincount(target, weight, 6)
        scale = np.where(degree > 0.0, np.where(degree > 0.0, degree, 1.0) ** -0.5, 0.0)
        return scale[source] * weight * scale[target]

    weights = np.array([0.5, 1.25, 2.0, 0.75, 1.5, 3.0, 0.25])
    check(lambda w: Graph(index, w, 6).gcn_norm(self_loops=self_loops).edge_weight, reference, weights)


def test_gcn_norm_is_kept() -> None:
    g = random_graph(6, 12)
    first, again = g.gcn_norm(), g.replace(x=np.ones((6, 1)))
    assert g.gcn_norm().weight is first.weight
    assert g.gcn_norm().structure is first.structure
    assert again.gcn_norm().structure is first.structure
    assert again.gcn_norm().x is not None
    assert not np.array_equal(g.gcn_norm(improved=True).edge_weight, first.edge_weight)
    assert np.array_equal(g.gcn_norm().edge_weight, first.edge_weight)
    other = g.with_weight(2.0 * np.asarray(g.edge_weight))
    assert not np.array_equal(other.gcn_norm().edge_weight, first.edge_weight)
    p = nn.Parameter(g.edge_weight)
    trained = g.with_weight(p)
    before = trained.gcn_norm().edge_weight.numpy()
    p.copy_(3.0 * before[:12])
    assert not np.array_equal(trained.gcn_norm().edge_weight.numpy(), before)


def test_negative_sums_have_no_root() -> None:
    g = Graph([[0, 1], [1, 0]], [1.0, -3.0])
    with pytest.raises(ValueError, match="must not sum to less than 0, got -2 for node 0"):
        g.gcn_norm()
    assert np.isnan(g.with_weight(Tensor([1.0, -3.0])).gcn_norm().edge_weight.numpy()).any()


def test_self_loops_are_added() -> None:
    g = Graph(LOOPED, np.arange(1.0, 7.0), 5)
    out = g.add_self_loops(0.5)
    assert np.array_equal(dense(out), dense(g) + 0.5 * np.eye(5))
    assert Graph(LOOPED).add_self_loops().edge_weight is None
    assert Graph(LOOPED).add_self_loops(2.0).edge_weight.tolist() == [1.0] * 6 + [2.0] * 4
    with pytest.raises(ValueError, match="weight is not finite"):
        g.add_self_loops(np.nan)


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_remaining_self_loops(kind) -> None:
    g = Graph(LOOPED, kind(np.arange(1.0, 7.0)), 5)
    out = g.add_remaining_self_loops(0.5)
    assert out.edge_index.tolist() == [[0, 1, 2, 3, 0, 1, 2, 3, 4], [1, 2, 0, 2, 0, 1, 2, 3, 4]]
    assert np.asarray(out.edge_weight).tolist() == [
        1.0,
        3.0,
        4.0,
        6.0,
        0.5,
        5.0,
        0.5,
        0.5,
        0.5,
    ]  # the last loop of node 1
    assert Graph(LOOPED).add_remaining_self_loops().edge_weight is None
    assert np.asarray(out.remove_self_loops().edge_weight).tolist() == [1.0, 3.0, 4.0, 6.0]


def test_undirected() -> None:
    g = random_graph(9, 30)
    a = dense(g)
    out = g.to_undirected()
    np.testing.assert_allclose(dense(out), a + a.T, rtol=1e-6)
    assert len(np.unique(out.edge_index, axis=1).T) == out.num_edges
    assert np.array_equal(out.edge_index, out.edge_index[:, np.lexsort(out.edge_index[::-1])])
    plain = g.replace(edge_weight=None).to_undirected()
    assert plain.edge_weight is None
    assert np.array_equal(dense(plain), (a + a.T > 0).astype(float))


def test_undirected_has_a_gradient() -> None:
    index = np.array([[0, 1, 0, 2, 2], [1, 0, 1, 2, 0]])

    def reference(w: np.ndarray) -> np.ndarray:
        a = np.zeros((3, 3))
        np.add.at(a, (index[0], index[1]), w)
        both = a + a.T
        return both[[0, 0, 1, 2, 2], [1, 2, 0, 0, 2]]

    check(lambda w: Graph(index, w).to_undirected().edge_weight, reference, np.array([0.5, 1.0, 2.0, 3.0, 4.0]))
