"""Graph convolutions: PyG's numbers, and gradients beside NumPy in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from grillyx import Tensor, graph, nn
from grillyx.graph import GATConv, GCNConv, GINConv, Graph, SAGEConv, SGConv, _base, aggregate
from grillyx.ops import sparse as sparse_ops
from tests.graph.references import EDGES, NODES, attended, check_layer, convolved, reduced, summed
from tests.helpers import check, exact

PYG = np.load(Path(__file__).parents[1] / "data" / "pyg_conventions.npz")
RNG = np.random.default_rng(3)
X, W = RNG.normal(size=(NODES, 3)), RNG.uniform(0.2, 1.5, EDGES.shape[1])
G = Graph(EDGES, num_nodes=NODES)
SHAPES = [(NODES, 3), (2, NODES, 3)]


def near(got: Any, name: str) -> None:
    want = PYG[name]
    np.testing.assert_allclose(np.asarray(got), want, 2e-5, 5e-6 * np.abs(want).max())


def shuffled(layer: nn.Module) -> Any:
    """Other parameters than 0, also for biases."""
    for p in layer.parameters():
        p.copy_(np.random.default_rng(p.size).normal(0.0, 0.7, p.shape).astype(np.float32))
    return layer


# --- PyG's numbers
LAYERS: dict[str, Any] = {
    "gcn": (GCNConv(12, 7), {"lin.weight": "gcn_W", "bias": "gcn_b"}, True),
    "gcn_noweight": (GCNConv(12, 7), {"lin.weight": "gcn_W", "bias": "gcn_b"}, False),
    "sage": (SAGEConv(12, 7), {"lin_l.weight": "sage_Wl", "lin_l.bias": "sage_bl", "lin_r.weight": "sage_Wr"}, False),
    "sg": (SGConv(12, 7, K=2), {"lin.weight": "sg_W", "lin.bias": "sg_b"}, False),
    "gat": (GATConv(12, 7, heads=2),
            {"lin.weight": "gat_W", "att_src": "gat_as", "att_dst": "gat_ad", "bias": "gat_b"}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_pyg(name: str, poisoned: None) -> None:
    layer, parameters, weighted = LAYERS[name]
    layer.load_state_dict({own: PYG[theirs] for own, theirs in parameters.items()})
    more = (PYG["edge_weight"],) if weighted else ()
    near(layer(PYG["x"], PYG["edge_index"], *more), name)
    near(layer(PYG["x"], Graph(PYG["edge_index"], *more, num_nodes=60)), name)
    sequence = layer(np.stack([PYG["x"], -PYG["x"]]), Tensor(PYG["edge_index"]), *more)
    near(sequence[0], name)
    np.testing.assert_array_equal(sequence[1].numpy(), layer(-PYG["x"], PYG["edge_index"], *more).numpy())


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min"])
def test_aggregation_of_pyg(reduce: str, poisoned: None) -> None:
    """The vectors of the sum have weights, those of the others not."""
    weight = PYG["edge_weight"] if reduce == "sum" else None
    near(aggregate(Graph(PYG["edge_index"], num_nodes=60), PYG["x"], reduce, weight), f"aggr_{reduce}")
    assert not np.asarray(aggregate(PYG["edge_index"], PYG["x"], reduce))[58:].any()


# --- gradients
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min"])
def test_aggregate(reduce: str, shape: tuple[int, ...], poisoned: None) -> None:
    x = RNG.normal(size=shape)
    check(lambda x: aggregate(G, x, reduce), lambda x: reduced(x, reduce), x)
    check(lambda x, w: aggregate(G, x, reduce, w), lambda x, w: reduced(x, reduce, w), x, W)
    weighted = G.with_weight(W)
    check(lambda x: aggregate(weighted, x, reduce), lambda x: reduced(x, reduce, exact(W)), x)


def test_softmax() -> None:
    def reference(s: np.ndarray) -> np.ndarray:
        e = np.exp(s)
        return e / np.stack([e[EDGES[1] == i].sum(0) for i in EDGES[1]])

    for shape in [(10,), (10, 3)]:
        check(lambda s: graph.softmax(G, s), reference, RNG.normal(size=shape))
    with pytest.raises(ValueError, match=r"softmax: scores is not finite, got nan at \[0\]"):
        graph.softmax(G, np.full(10, np.nan))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("out", [2, 5])
@pytest.mark.parametrize("improved", [False, True])
def test_gcn(out: int, shape: tuple[int, ...], improved: bool, poisoned: None) -> None:
    layer = shuffled(GCNConv(3, out, improved=improved))
    loop = 2.0 if improved else 1.0

    def reference(x: np.ndarray, w: Any, lin_weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return convolved(x, w, loop) @ lin_weight.T + bias

    check_layer(layer, lambda layer, x, w: layer(x, EDGES, w), reference, RNG.normal(size=shape), W)
    bare = lambda x, lin_weight, bias: reference(x, np.where(EDGES[0] == EDGES[1], loop, 1.0), lin_weight, bias)
    layer.zero_grad()
    check_layer(layer, lambda layer, x: layer(x, G), bare, RNG.normal(size=shape))


def test_gcn_without_normalisation() -> None:
    layer = shuffled(GCNConv(3, 2, normalize=False, bias=False))
    assert list(layer.state_dict()) == ["lin.weight"]
    reference = lambda x, w, lin_weight: summed(x, w) @ lin_weight.T
    check_layer(layer, lambda layer, x, w: layer(x, G, w), reference, X, W)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduce", ["mean", "max", "add", "min"])
def test_sage(reduce: str, shape: tuple[int, ...], poisoned: None) -> None:
    own = {"add": "sum"}.get(reduce, reduce)

    def reference(x: np.ndarray, lin_l_weight: Any, lin_l_bias: Any, lin_r_weight: Any) -> np.ndarray:
        return reduced(x, own) @ lin_l_weight.T + lin_l_bias + x @ lin_r_weight.T

    layer = SAGEConv(3, 4, aggr=reduce)
    check_layer(layer, lambda layer, x: layer(x, G.with_weight(W)), reference, RNG.normal(size=shape))


def test_sage_with_a_projection_and_rows_of_length_1() -> None:
    def reference(x: Any, lin_weight: Any, lin_bias: Any, lin_l_weight: Any) -> np.ndarray:
        y = reduced(np.maximum(x @ lin_weight.T + lin_bias, 0.0), "mean") @ lin_l_weight.T
        length = np.sqrt((y**2).sum(-1, keepdims=True))
        return y / np.where(length > 0.0, length, 1.0)

    layer = SAGEConv(3, 4, normalize=True, root_weight=False, project=True, bias=False)
    check_layer(layer, lambda layer, x: layer(x, G), reference, np.abs(X) + 1.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("out", [2, 5])
def test_sg(out: int, shape: tuple[int, ...], poisoned: None) -> None:
    def reference(x: np.ndarray, w: np.ndarray, lin_weight: np.ndarray, lin_bias: np.ndarray) -> np.ndarray:
        for _ in range(3):
            x = convolved(x, w)
        return x @ lin_weight.T + lin_bias

    check_layer(SGConv(3, out, K=3), lambda layer, x, w: layer(x, EDGES, w), reference, RNG.normal(size=shape), W)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("train", [False, True])
def test_gin(shape: tuple[int, ...], train: bool, poisoned: None) -> None:
    layer = GINConv(nn.Linear(3, 4), eps=0.25, train_eps=train)
    assert list(layer.state_dict()) == ["eps", "nn.weight", "nn.bias"]

    def reference(x: np.ndarray, nn_weight: Any, nn_bias: Any, eps: Any = 0.25) -> np.ndarray:
        return ((1.0 + eps) * x + summed(x)) @ nn_weight.T + nn_bias

    check_layer(layer, lambda layer, x: layer(x, G), reference, RNG.normal(size=shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("concat", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_gat(shape: tuple[int, ...], concat: bool, loops: bool, poisoned: None) -> None:
    layer = shuffled(GATConv(3, 4, heads=2, concat=concat, add_self_loops=loops, residual=True))
    edges = EDGES
    if loops:
        edges = np.concatenate([EDGES[:, EDGES[0] != EDGES[1]], np.stack([np.arange(NODES)] * 2)], 1)

    def reference(x: Any, lin_weight: Any, att_src: Any, att_dst: Any, res_weight: Any, bias: Any) -> np.ndarray:
        y = attended(x, lin_weight, att_src, att_dst, edges)
        y = y.reshape(*y.shape[:-2], 8) if concat else y.mean(-2)
        return y + x @ res_weight.T + bias

    check_layer(layer, lambda layer, x: layer(x, G), reference, RNG.normal(size=shape), rtol=5e-5)


def test_attention_weights() -> None:
    layer = GATConv(3, 4, heads=2)
    y, (edges, alpha) = layer(X, G, return_attention_weights=True)
    assert edges.shape == (2, 16)  # nine edges that are no loops, and seven loops
    assert alpha.shape == (16, 2)
    sums = np.stack([alpha.numpy()[edges[1] == i].sum(0) for i in range(NODES)])
    np.testing.assert_allclose(sums, 1.0, 1e-5)
    np.testing.assert_array_equal(y.numpy(), layer(X, G).numpy())


def test_attention_is_dropped_in_training_only() -> None:
    layer = GATConv(3, 4, dropout=0.5)
    assert np.abs(layer(X, G).numpy() - layer(X, G).numpy()).max() > 0.0
    layer.eval()
    np.testing.assert_array_equal(layer(X, G).numpy(), layer(X, G).numpy())


@pytest.mark.parametrize("features", [3, 40])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_spikes_as_bits(features: int, reduce: str, poisoned: None) -> None:
    """The same numbers and gradients, with and without weights, whether features are enough for words or not."""
    spikes = (np.random.default_rng(0).random((4, NODES, features)) < 0.3).astype(np.float32)
    for weight in (None, W):
        got, want = (
            aggregate(G, spikes, reduce, weight, packed=True).numpy(),
            reduced(spikes.astype(float), reduce, None if weight is None else exact(weight)),
        )
        np.testing.assert_allclose(got, want, 1e-5, 1e-6)
    for make in (GCNConv, SAGEConv):
        pair = [make(features, 2, packed=packed) for packed in (False, True)]
        pair[1].load_state_dict(pair[0].state_dict())
        inputs = [Tensor(spikes, requires_grad=True) for _ in pair]
        outs = [layer(x, G) for layer, x in zip(pair, inputs, strict=True)]
        np.testing.assert_allclose(outs[1].numpy(), outs[0].numpy(), 1e-5, 1e-6)
        for out in outs:
            (out * out).sum().backward()
        np.testing.assert_allclose(inputs[1].grad.numpy(), inputs[0].grad.numpy(), 1e-4, 1e-5)
        for a, b in zip(*(layer.parameters() for layer in pair), strict=True):
            np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), 1e-4, 1e-5)


# --- call forms
def test_every_form_of_a_graph() -> None:
    layer = GCNConv(3, 2)
    dense = np.zeros((NODES, NODES))
    np.add.at(dense, (EDGES[1], EDGES[0]), 1.0)
    data = type("Data", (), {"edge_index": EDGES, "num_nodes": NODES})()
    want = layer(X, G.with_weight(np.ones(10))).numpy()
    forms = [G, EDGES.tolist(), Tensor(EDGES), data]
    for form in forms:
        np.testing.assert_allclose(layer(X, form, np.ones(10)).numpy(), want, 1e-6)
        np.testing.assert_allclose(layer.forward(X.tolist(), form, np.ones(10)).numpy(), want, 1e-6)
    np.testing.assert_allclose(layer(x=X, edge_index=EDGES, edge_weight=np.ones(10)).numpy(), want, 1e-6)
    for form in (dense, dense.tolist(), sparse.coo_array(dense)):  # equal edges are one of weight 2, also as loops
        np.testing.assert_allclose(layer(X, form).numpy(), want, 1e-5)


class Foreign:
    """What a tensor of another library looks like."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


@pytest.mark.parametrize(
    "edges", [[[0, 1], [1, 2]], [[0, 4, 5], [1, 3, 3]]], ids=["2 × 2", "nodes after the last edge"]
)
def test_edges_of_another_library(edges: list) -> None:
    layer = GCNConv(3, 2)
    want = layer(X, np.array(edges)).numpy()
    np.testing.assert_array_equal(layer(Foreign(X), Foreign(edges)).numpy(), want)
    np.testing.assert_array_equal(layer.forward(X, Foreign(edges)).numpy(), want)
    got = graph.SpikeGraphConv(3, 2, compat=True)(X, Foreign(edges))
    np.testing.assert_array_equal(got, graph.SpikeGraphConv(3, 2, compat=True)(X, np.array(edges)))


def test_edges_are_sorted_again_only_where_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    original = sparse_ops.build
    monkeypatch.setattr(_base, "_latest", [])
    monkeypatch.setattr(sparse_ops, "build", lambda *args: built.append(args) or original(*args))
    layers, edges = (SAGEConv(3, 2), SAGEConv(3, 2)), EDGES.copy()
    for form in (edges, edges.copy(), edges.astype(np.int32), edges.tolist(), Tensor(edges)):
        for layer in layers:
            layer(X, form)
    assert len(built) == 1
    for change in range(2):
        edges[0, 3] = change + 4  # in place
        np.testing.assert_array_equal(layers[0](X, edges).numpy(), layers[0](X, Graph(edges, num_nodes=NODES)).numpy())
        assert len(built) == 3 + 2 * change  # that of the array, and that of the graph
    layers[0](np.concatenate([X, X]), edges)  # more nodes
    assert len(built) == 6
    with pytest.raises(TypeError, match="edge_index must be integers, got float64"):
        layers[0](np.concatenate([X, X]), edges.astype(float))


@pytest.mark.parametrize(
    "layer", [GCNConv(3, 2), SGConv(3, 2), graph.SpikingGraphConv(GCNConv(3, 2), nn.LIFNode(), T=2)], ids=repr
)
def test_weights_of_edges_are_looked_into(layer: Any) -> None:
    weight = np.ones(10)
    weight[4] = np.nan
    with pytest.raises(ValueError, match=r"edge_weight is not finite, got nan at edge_weight\[4\]"):
        layer(X, EDGES, weight)
    with pytest.raises(ValueError, match="the weights into a node must not sum to less than 0"):
        layer(X, G, -2.0 * np.ones(10))


def test_two_edges_are_no_adjacency() -> None:
    x = np.eye(2)
    np.testing.assert_array_equal(aggregate([[0, 0], [1, 1]], x).numpy(), [[0, 0], [2, 0]])


def test_gradient_of_the_input_by_the_explicit_chain() -> None:
    layer = GCNConv(3, 2)
    t = Tensor(X, requires_grad=True)
    layer(t, G).sum().backward()
    layer(X, G)
    np.testing.assert_allclose(np.asarray(layer.backward(np.ones((NODES, 2)))), t.grad.numpy(), 1e-6)


@pytest.mark.parametrize("layer", [GCNConv(3, 2, cached=True), SGConv(3, 2, K=2, cached=True)])
def test_cached(layer: Any) -> None:
    first = layer(X, EDGES).numpy()
    np.testing.assert_allclose(layer(X, EDGES[:, :1]).numpy(), first, 1e-6)
    with pytest.raises(ValueError, match=r"got (shape )?\(3, 3\)"):
        layer(X[:3], np.array([[0], [1]]))


def test_first_values() -> None:
    gcn, gat = GCNConv(40, 20), GATConv(40, 20, heads=3)
    for p, bound in (
        (gcn.lin.weight, np.sqrt(6 / 60)),
        (gat.lin.weight, np.sqrt(6 / 100)),
        (gat.att_src, np.sqrt(6 / 23)),
    ):
        assert 0.8 * bound < np.abs(p.numpy()).max() <= bound
    assert not gcn.bias.numpy().any()
    assert gat.bias.shape == (60,)
    assert repr(gat) == "GATConv(40, 20, heads=3)"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: GCNConv(3, 0), "GCNConv: out_channels is a positive integer, got 0"),
        (lambda: GCNConv(-1, 2), "GCNConv: in_channels is a positive integer, got -1"),
        (lambda: GCNConv(3, 2, add_self_loops=True, normalize=False), "needs normalize=True"),
        (lambda: SAGEConv(3, 2, aggr="lstm"), "SAGEConv: unknown aggr, got 'lstm'"),
        (lambda: SGConv(3, 2, K=0), "SGConv: K is a positive integer, got 0"),
        (lambda: GATConv(3, 2, edge_dim=4), "GATConv: edge attributes are not supported, got edge_dim=4"),
        (lambda: GATConv(3, 2)(X, G, np.ones((10, 4))), "GATConv: edge_attr is not supported"),
        (lambda: GATConv(3, 2, dropout=1.5), "GATConv: dropout is a probability, got 1.5"),
        (lambda: GCNConv(3, 2)(X[:, :2], G), r"GCNConv: the input has a wrong shape, got \(7, 2\); expected \(N, 3\)"),
        (lambda: GCNConv(3, 2)(X[:6], G), "GCNConv: the graph has 7 nodes, but the input has 6 rows"),
        (lambda: GCNConv(3, 2)(np.where(X > 1, np.nan, X), G), "GCNConv: the input is not finite, got nan at"),
        (lambda: GCNConv(3, 2)(X, EDGES, W[:3]), r"edge_weight has a wrong shape, got \(3,\)"),
        (lambda: GCNConv(3, 2)([[1.0, 2.0, 3.0], [1.0]], G), "GCNConv: the input is no array, its rows have different"),
        (
            lambda: GCNConv(3, 2)(X, EDGES.T),
            r"GCNConv: the graph is neither edges nor a matrix, got shape \(10, 2\); expected .*Pass edge_index.T",
        ),
        (
            lambda: graph.SpikeGraphConv(3, 2)(X, np.ones((6, 7))),
            r"SpikeGraphConv: the graph is neither .* got shape \(6, 7\); expected .* adjacency matrix \(7, 7\)\.$",
        ),
        (
            lambda: graph.SpikeGraphConv(3, 2, compat=True)(X, np.ones((6, 7))),
            r"SpikeGraphConv: the graph is neither .* got shape \(6, 7\)",
        ),
        (lambda: aggregate(G, X, "median"), "aggregate: unknown reduce, got 'median'"),
    ],
)
def test_errors(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_errors_of_type() -> None:
    with pytest.raises(TypeError, match="SAGEConv: bipartite graphs"):
        SAGEConv((3, 4), 2)
    with pytest.raises(TypeError, match="GINConv: nn must be a module"):
        GINConv(3)
    with pytest.raises(TypeError, match="the input must be real numbers"):
        GCNConv(3, 2)(X.astype(complex), G)
