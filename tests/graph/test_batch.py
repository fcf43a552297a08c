"""Graphs side by side, and taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from grillyx import Tensor, nn
from grillyx.graph import Graph
from tests.graph.graphs import dense, random_graph


def some(weighted: bool = True) -> list[Graph]:
    sizes = [(4, 9), (1, 0), (6, 20)]
    graphs = [random_graph(n, e, seed=n, weighted=weighted) for n, e in sizes]
    return [
        g.replace(x=np.full((g.num_nodes, 2), k), y=k + 10, mask=np.arange(g.num_nodes) == 0)
        for k, g in enumerate(graphs)
    ]


@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_of_a_diagonal(weighted: bool) -> None:
    graphs = some(weighted)
    batch = Graph.batch_of(graphs)
    assert np.array_equal(dense(batch), linalg.block_diag(*[dense(g) for g in graphs]))
    assert batch.batch.tolist() == [0] * 4 + [1] + [2] * 6
    assert batch.ptr.tolist() == [0, 4, 5, 11]
    assert batch.num_graphs == 3
    assert batch.y.tolist() == [10, 11, 12]
    assert batch.x[:, 0].tolist() == batch.batch.tolist()
    assert np.flatnonzero(batch.mask).tolist() == [0, 4, 5]
    for part, g in zip(batch.graphs, graphs, strict=True):
        assert repr(part) == repr(g)
        assert np.array_equal(part.edge_index, g.edge_index)
        assert np.array_equal(part.x, g.x)
        assert np.array_equal(part.y, g.y)
        assert np.array_equal(part.mask, g.mask)
        if weighted:
            assert np.array_equal(part.edge_weight, g.edge_weight)


def test_batches_of_batches() -> None:
    a, b, c = some()
    assert Graph.batch_of([Graph.batch_of([a, b]), c]).ptr.tolist() == [0, 4, 5, 11]
    empty = Graph([[], []])
    assert Graph.batch_of([empty, empty, Graph([[0], [1]])]).ptr.tolist() == [0, 0, 0, 2]
    assert [g.num_nodes for g in Graph.batch_of([empty, a.replace(x=None, y=None, mask=None), empty]).graphs] == [
        0,
        4,
        0,
    ]


def test_labels_of_nodes() -> None:
    graphs = [g.replace(y=np.arange(g.num_nodes), x=Tensor(g.x)) for g in some()]
    batch = Graph.batch_of(graphs)
    assert batch.y.tolist() == [0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 5]
    assert isinstance(batch.x, Tensor)
    assert [g.y.tolist() for g in batch.graphs] == [[0, 1, 2, 3], [0], [0, 1, 2, 3, 4, 5]]
    assert batch.graphs[2].x.shape == (6, 2)


def test_as_many_graphs_as_nodes() -> None:
    empty, pair = (Graph(np.empty((2, 0)), num_nodes=n, y=7 + n) for n in (0, 2))
    assert [g.y.tolist() for g in Graph.batch_of([empty, pair]).graphs] == [[7], [9]]  # labels of graphs, not of nodes


def test_edges_need_not_be_in_the_order_of_graphs() -> None:
    g = Graph([[2, 0, 3, 1], [3, 1, 2, 0]], [1.0, 2.0, 3.0, 4.0], batch=[0, 0, 1, 1])
    first, second = g.graphs
    assert (first.edge_index.tolist(), first.edge_weight.tolist()) == ([[0, 1], [1, 0]], [2.0, 4.0])
    assert (second.edge_index.tolist(), second.edge_weight.tolist()) == ([[0, 1], [1, 0]], [1.0, 3.0])


def test_weights_where_only_some_have_them_and_their_gradient() -> None:
    p = nn.Parameter([2.0, 3.0])
    batch = Graph.batch_of([Graph([[0], [1]]), Graph([[0, 1], [1, 0]], p)])
    assert batch.edge_weight.numpy().tolist() == [1.0, 2.0, 3.0]
    part = batch.graphs[1]
    (part.edge_weight * np.array([1.0, 10.0])).sum().backward()
    assert p.grad.numpy().tolist() == [1.0, 10.0]


def test_subgraph_of_a_batch() -> None:
    batch = Graph.batch_of(some())
    part = batch.subgraph([0, 2, 7])
    assert part.ptr.tolist() == [0, 2, 2, 3]  # of the second graph no node stays
    assert part.y.tolist() == [10, 11, 12]
    with pytest.raises(ValueError, match="batch must be sorted"):
        batch.subgraph([7, 0])


def test_what_does_not_fit_together() -> None:
    a, b, _ = some()
    with pytest.raises(ValueError, match="no graphs, got an empty list"):
        Graph.batch_of([])
    with pytest.raises(TypeError, match="graphs must be a list of graphs, got NoneType"):
        Graph.batch_of(None)
    with pytest.raises(TypeError, match=r"item 1 is no Graph, got ndarray. Use as_graph"):
        Graph.batch_of([a, np.eye(3)])
    with pytest.raises(ValueError, match="graph 1 has no x, and others have"):
        Graph.batch_of([a, b.replace(x=None)])
    with pytest.raises(ValueError, match=r"x differs in shape, got \(4, 2\), \(1, 3\)"):
        Graph.batch_of([a, b.replace(x=np.ones((1, 3)))])
    with pytest.raises(ValueError, match=r"edge 1 joins two graphs of the batch, got 1 -> 2 in graphs 0 and 1"):
        Graph([[0, 1], [1, 2]], batch=[0, 0, 1]).graphs  # noqa: B018
