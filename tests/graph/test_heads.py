"""Classes of nodes, edges and graphs, and pairs without an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grillyx.graph import EdgeHead, Graph, GraphHead, NodeHead, negative_sampling
from tests.graph.references import EDGES, NODES, check_layer

G = Graph(EDGES, num_nodes=NODES, batch=[0, 0, 0, 1, 1, 1, 1])
X = np.random.default_rng(4).normal(size=(4, NODES, 3))
STILL: dict[str, Any] = {
    "mean": lambda x: x.mean(0),
    "sum": lambda x: x.sum(0),
    "max": lambda x: x.max(0),
    "last": lambda x: x[-1],
}
PAIRS = np.array([[0, 3, 3, 6], [2, 1, 1, 6]])


@pytest.mark.parametrize("time", sorted(STILL))
def test_nodes(time: str, poisoned: None) -> None:
    reference = lambda x, lin_weight, lin_bias: STILL[time](x) @ lin_weight.T + lin_bias
    check_layer(NodeHead(3, 5, time), lambda layer, x: layer(x), reference, X)
    head = NodeHead(3, 5, time, bias=False)
    np.testing.assert_allclose(head(X[0]).numpy(), X[0] @ head.lin.weight.numpy().T, 1e-4, 1e-6)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_graphs(reduce: str, poisoned: None) -> None:
    def reference(x: np.ndarray, lin_weight: Any, lin_bias: Any) -> np.ndarray:
        pooled = np.stack([getattr(part, reduce)(0) for part in np.split(x.mean(0), [3])])
        return pooled @ lin_weight.T + lin_bias

    head = GraphHead(3, 2, reduce)
    for batch in (G, G.batch):
        head.zero_grad()
        check_layer(head, lambda layer, x, b=batch: layer(x, b), reference, X)
    assert head(X[0]).shape == (1, 2)
    assert head(X[0], G.batch, 4).shape == head(X[0], G.batch, size=4).shape == (4, 2)


@pytest.mark.parametrize("pairs", [PAIRS, PAIRS.tolist(), Graph(PAIRS)])
def test_products_of_edges(pairs: Any, poisoned: None) -> None:
    at = np.asarray(PAIRS)
    check_layer(
        EdgeHead(3, hidden=4), lambda layer, x: layer(x, pairs),
        lambda x, lin_weight: np.prod((x.mean(0) @ lin_weight.T)[at], 0).sum(-1), X,
    )  # fmt: skip
    assert not list(EdgeHead(3).parameters())
    np.testing.assert_allclose(EdgeHead(3)(X[0], pairs).numpy(), np.prod(X[0][at], 0).sum(-1), 1e-5)


def test_mlp_of_edges(poisoned: None) -> None:
    def reference(
        x: Any, lin_src_weight: Any, lin_src_bias: Any, lin_dst_weight: Any, out_weight: Any, out_bias: Any
    ) -> Any:
        a, b = x @ lin_src_weight.T + lin_src_bias, x @ lin_dst_weight.T
        return (np.maximum(a[PAIRS[0]] + b[PAIRS[1]], 0.0) @ out_weight.T + out_bias)[:, 0]

    check_layer(EdgeHead(3, "mlp", hidden=6), lambda layer, x: layer(x, PAIRS), reference, X[0])


@pytest.mark.parametrize(("nodes", "edges"), [(6, 12), (40, 300), (3000, 9000), (2, 1)])
def test_pairs_without_an_edge(nodes: int, edges: int) -> None:
    rng = np.random.default_rng(nodes)
    index = rng.integers(0, nodes, (2, edges))
    pairs = negative_sampling(index, nodes, seed=0)
    there = set(map(tuple, index.T.tolist()))
    free = nodes * (nodes - 1) - len({p for p in there if p[0] != p[1]})
    assert pairs.shape == (2, min(edges, free))
    got = set(map(tuple, pairs.T.tolist()))
    assert len(got) == pairs.shape[1], "a pair comes once"
    assert not got & there
    assert (pairs[0] != pairs[1]).all()
    assert pairs.size == 0 or (pairs.min() >= 0 and pairs.max() < nodes)
    np.testing.assert_array_equal(negative_sampling(Graph(index, num_nodes=nodes), seed=0), pairs)
    assert negative_sampling(index, nodes, 3, seed=1).shape == (2, min(3, free))


def test_every_free_pair_is_drawn() -> None:
    index = np.array([[0, 1], [1, 2]])
    found = negative_sampling(index, 3, 100)
    assert sorted(map(tuple, found.T.tolist())) == [(0, 2), (1, 0), (2, 0), (2, 1)]
    assert negative_sampling(np.zeros((2, 0), int), 1).shape == (2, 0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: NodeHead(3, 2, time="first"), "NodeHead: unknown time, got 'first'"),
        (lambda: GraphHead(3, 2, reduce="min"), "GraphHead: unknown reduce, got 'min'"),
        (lambda: EdgeHead(3, "cosine"), "EdgeHead: unknown method, got 'cosine'"),
        (lambda: EdgeHead(3, hidden=0), "EdgeHead: hidden is a positive integer, got 0"),
        (lambda: NodeHead(3, 2)(X[:0]), "a sequence without steps"),
        (lambda: NodeHead(3, 2)(X[..., :2]), "NodeHead: the input has a wrong shape"),
        (lambda: NodeHead(3, 2)(X * np.nan), "NodeHead: the input is not finite"),
        (
            lambda: EdgeHead(3)(X[0], PAIRS + 1),
            r"EdgeHead: pairs out of range, got 7 at pairs\[0, 3\]; expected 0 to 6",
        ),
        (lambda: EdgeHead(3)(X[0], PAIRS.T), r"EdgeHead: pairs has a wrong shape, got \(4, 2\)"),
        (lambda: negative_sampling(G, 9), "num_nodes is not that of the graph, got 9; expected 7"),
        (lambda: EdgeHead(3)(X[0, :5], G), "EdgeHead: the graph has 7 nodes, but the input has 5 rows"),
        (lambda: negative_sampling(EDGES, 7, -1), "num_neg_samples is a whole number from 0, got -1"),
    ],
)
def test_errors(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_errors_of_type() -> None:
    with pytest.raises(TypeError, match="EdgeHead: pairs must be integers, got float64"):
        EdgeHead(3)(X[0], PAIRS * 1.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'pairs'"):
        EdgeHead(3)(X[0])
    with pytest.raises(TypeError, match="negative_sampling: seed makes no generator, got 'a'"):
        negative_sampling(EDGES, 7, seed="a")
