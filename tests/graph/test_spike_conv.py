"""SpikeGraphConv and SpikeGNNLayer: SC-NeuroCore's numbers with compat, and what is right without."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim
from grillyx.graph import Graph, SpikeGNNLayer, SpikeGraphConv
from tests.graph.references import EDGES, NODES, reduced, summed

DATA = Path(__file__).parents[1] / "data"
RNG = np.random.default_rng(5)
X = RNG.uniform(0.0, 1.0, (NODES, 4))
G = Graph(EDGES, num_nodes=NODES)
W = RNG.uniform(0.2, 1.5, EDGES.shape[1])
RUNS = [("karate", 16, 4, {"threshold": 0.15, "seed": 6}), ("th03", 8, 8, {"threshold": 0.3, "seed": 2})]


# --- the original
@pytest.mark.parametrize(("name", "steps", "out", "options"), RUNS)
def test_the_originals_counts(name: str, steps: int, out: int, options: dict[str, Any]) -> None:
    z = np.load(DATA / f"gnn_conv_{name}.npz")
    conv = SpikeGraphConv(16, out, compat=True, **options)
    np.testing.assert_array_equal(conv.W, z["W"])
    assert z["counts"].any()
    got = conv.forward(z["x"], z["adjacency"], T=steps)
    assert type(got) is np.ndarray
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, z["counts"])
    np.testing.assert_allclose(conv._v, z["v_final"], 0, 1e-12)
    np.testing.assert_array_equal(conv(z["x"], z["adjacency"], steps, z["uniforms"]), z["counts"])
    edges = np.stack(np.nonzero(z["adjacency"])[::-1])
    for form in (
        sparse.coo_matrix(z["adjacency"]),
        Graph(edges, num_nodes=len(z["x"])),
        z["adjacency"].tolist(),
        edges,
    ):
        np.testing.assert_array_equal(conv.forward(z["x"].tolist(), form, T=steps), z["counts"])
    spikes, rates, v = conv.forward(z["x"], z["adjacency"], steps, returns=("spikes", "rates", "voltages"))
    np.testing.assert_array_equal(spikes.sum(0), z["counts"])
    np.testing.assert_array_equal(rates, z["counts"] / steps)
    np.testing.assert_array_equal(v[-1], conv._v)


def test_the_originals_layers() -> None:
    z = np.load(DATA / "gnn_layer_two.npz")
    net = SpikeGNNLayer([16, 12, 5], threshold=0.2, T=16, compat=True)
    np.testing.assert_array_equal(net.convs[0].W, z["W0"])
    np.testing.assert_array_equal(net.convs[1].W, z["W1"])
    for call in (net, net.forward):
        np.testing.assert_array_equal(call(z["x"], z["adjacency"]), z["out"])
    np.testing.assert_array_equal(net.readout(z["x"], z["adjacency"]), z["out"].sum(0, keepdims=True))
    label = net.graph_classify(z["x"], z["adjacency"])
    assert label == z["label"]
    assert type(label) is int


def test_weighted_edges_of_the_original() -> None:
    """Degrees below 1 count as 1; W may be assigned."""
    conv = SpikeGraphConv(2, 1, threshold=0.5, tau_mem=1.0, compat=True)
    conv.W = [[1.0, 0.0]]
    u = np.array([[[0.24], [0.9]], [[0.26], [0.9]]])
    spikes = conv.forward([[0.5, 0], [1, 1]], [[0.5, 0.0], [0.0, 4.0]], 2, u, "spikes")
    np.testing.assert_array_equal(spikes, [[[1], [1]], [[0], [1]]])  # chances 0.25 / 1 and 4 / 4


def test_default_threshold_of_the_original_never_fires() -> None:
    assert not SpikeGraphConv(4, 6, compat=True).forward(X, G, T=200).any()


# --- call forms of the original's page
def test_call_forms() -> None:
    conv = SpikeGraphConv(in_features=16, out_features=8)
    adj = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    features = np.random.default_rng(0).random((3, 16))
    output = conv.forward(features, adj, T=8)
    assert output.shape == (3, 8)
    assert np.asarray(output).max() > 0.0
    gnn = SpikeGNNLayer(layer_dims=[16, 8, 4], threshold=1.0, T=8)
    assert type(gnn.graph_classify(features, adj)) is int
    assert gnn.forward(features, adj).shape == (3, 4)
    assert gnn.n_layers == len(gnn.convs) == 2
    np.testing.assert_array_equal(conv(features.tolist(), adj.tolist()).numpy(), output.numpy())
    for call in (conv, conv.forward):
        np.testing.assert_array_equal(call(node_features=features, adjacency=adj, T=8).numpy(), output.numpy())


@pytest.mark.parametrize("compat", [False, True])
def test_two_nodes_have_an_adjacency_and_not_two_edges(compat: bool) -> None:
    """[[0, 1], [0, 0]]: what node 1 has goes to node 0."""
    conv = SpikeGraphConv(1, 1, threshold=0.2, compat=compat)
    conv.W = [[1.0]]
    for form in (np.array([[0, 1], [0, 0]]), [[0, 1], [0, 0]]):
        for call in (conv, conv.forward):
            counts = np.asarray(call([[0.0], [1.0]], form))
            assert counts[0, 0] > 0.0
            assert counts[1, 0] == 0.0


# --- the default
def lif(drive: np.ndarray, threshold: float, tau: float) -> tuple[np.ndarray, np.ndarray]:
    v, spikes, membranes = np.zeros(drive.shape[1:]), [], []
    for x in drive:
        h = np.exp(-1 / tau) * v + x
        assert np.abs(h - threshold).min() > 1e-5
        spikes.append(h >= threshold)
        v = h - threshold * spikes[-1]
        membranes.append(v)
    return np.array(spikes, float), np.array(membranes)


@pytest.mark.parametrize("out", [2, 6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("degree", ["weight", "clip1"])
def test_direct_current(out: int, weighted: bool, degree: str, poisoned: None) -> None:
    conv = SpikeGraphConv(4, out, threshold=0.6, tau_mem=4.0, degree=degree)
    w = W * np.where(np.arange(10) == 0, 0.2, 1.0)
    graph = G.with_weight(w) if weighted else G
    mean = reduced(X, "mean")
    if weighted:
        total = summed(np.ones((NODES, 1)), w)
        mean = summed(X, w) / (np.maximum(total, 1.0) if degree == "clip1" else np.where(total > 0, total, 1.0))
    current = mean @ conv.W.numpy().T.astype(float)
    s, v = lif(np.broadcast_to(current, (8, *current.shape)), 0.6, 4.0)
    assert 0.05 < s.mean() < 0.9
    spikes, voltages, counts, rates = conv(X, graph, 8, returns=("spikes", "voltages", "counts", "rates"))
    np.testing.assert_array_equal(spikes.numpy(), s)
    np.testing.assert_allclose(voltages.numpy(), v, 1e-4, 1e-5)
    np.testing.assert_array_equal(counts.numpy(), s.sum(0))
    np.testing.assert_allclose(rates.numpy(), s.mean(0), 1e-6)
    np.testing.assert_array_equal(conv(X, graph).numpy(), s.sum(0))


def test_a_sequence_of_features() -> None:
    conv = SpikeGraphConv(4, 3)
    x = RNG.uniform(0.0, 1.0, (5, NODES, 4))
    s, _ = lif(reduced(x, "mean") @ conv.W.numpy().T.astype(float), 1.0, 10.0)
    np.testing.assert_array_equal(conv(x, G, 5, returns="spikes").numpy(), s)
    with pytest.raises(ValueError, match=r"node_features are 5 steps, but T is 8. Pass T=5"):
        conv(x, G)


def test_rate_coding() -> None:
    """A spike of chance P at each step; with a threshold of 1 and nothing kept, each goes on."""
    conv = SpikeGraphConv(1, 2, tau_mem=1e-3, encoder="rate", seed=7)
    conv.W = [[0.25], [0.75]]
    ring = Graph([[0, 1], [1, 0]])
    first, second = (conv(np.ones((2, 1)), ring, 4000).numpy() for _ in range(2))
    np.testing.assert_allclose(first / 4000, [[0.25, 0.75]] * 2, atol=0.03)
    assert (first != second).any()
    conv.manual_seed(7)
    np.testing.assert_array_equal(conv(np.ones((2, 1)), ring, 4000).numpy(), first)
    u = np.array([[[0.2, 0.8], [0.3, 0.7]]])
    np.testing.assert_array_equal(conv(np.ones((2, 1)), ring, 1, u).numpy(), [[1, 0], [0, 1]])


def test_gradient_of_rate_coding_is_that_of_the_chance() -> None:
    conv = SpikeGraphConv(1, 1, tau_mem=1e-3, encoder="rate", surrogate_function=nn.Rect(0.125))
    conv.W = [[0.5]]
    ring = Graph([[0, 1], [1, 0]])
    conv(np.array([[0.5], [1.5]]), ring, 3).sum().backward()
    np.testing.assert_allclose(conv.W.grad.numpy(), [[3 * (0.5 + 1.5) * 0.125]])
    conv.zero_grad()
    conv(np.array([[0.5], [2.5]]), ring, 3).sum().backward()  # beyond 1 a chance does not grow
    np.testing.assert_allclose(conv.W.grad.numpy(), [[3 * 0.5 * 0.125]])


def test_layers_do_not_share_noise() -> None:
    net = SpikeGNNLayer([3, 3, 3], encoder="rate")
    for conv in net.convs:
        conv.W = 0.5 * np.eye(3)
    x, ring = np.ones((30, 3)), Graph(np.stack([np.arange(30), (np.arange(30) + 1) % 30]))
    a, b = (conv(x, ring, 16, returns="spikes").numpy() for conv in net.convs)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1
    first = net(x, ring).numpy()
    net.manual_seed(42)
    a2 = net.convs[0](x, ring, 16, returns="spikes").numpy()
    np.testing.assert_array_equal(a2, a)
    assert (net(x, ring).numpy() != first).any()


@pytest.mark.parametrize("normalize", ["graph", "rate", None])
def test_a_batch_gives_what_single_graphs_give(normalize: Any) -> None:
    net = SpikeGNNLayer([4, 8, 3], threshold=0.3, tau_mem=[10.0, 3.0], normalize=normalize)
    assert [conv.tau_mem for conv in net.convs] == [10.0, 3.0]
    graphs = [G, Graph([[0, 1, 2], [1, 2, 0]], num_nodes=4), Graph(np.zeros((2, 0)), num_nodes=1)]
    xs = [s * RNG.uniform(0.0, 1.0, (g.num_nodes, 4)) for s, g in zip((1.0, 0.5, 1.0), graphs, strict=True)]
    joined, x = Graph.batch_of(graphs), np.concatenate(xs)
    alone = [net(x, g).numpy() for x, g in zip(xs, graphs, strict=True)]
    assert alone[0].any()
    assert alone[1].any()
    np.testing.assert_allclose(net(x, joined).numpy(), np.concatenate(alone), 1e-6)
    bare = Graph(joined.edge_index, num_nodes=12)
    np.testing.assert_allclose(net(x, bare, joined.batch).numpy(), np.concatenate(alone), 1e-6)
    for reduce in ("sum", "mean", "max"):
        want = np.stack([getattr(a, reduce)(0) for a in alone])
        np.testing.assert_allclose(net.readout(x, joined, reduce=reduce).numpy(), want, 1e-5)
    labels = [net.graph_classify(x, g) for x, g in zip(xs, graphs, strict=True)]
    np.testing.assert_array_equal(net.graph_classify(x, joined), labels)


def test_the_largest_count_of_a_graph_is_1() -> None:
    net = SpikeGNNLayer([4, 8, 3], threshold=0.3)
    assert net(X, G).numpy().max() == 1.0
    assert not net(np.zeros((NODES, 4)), G).numpy().any()


def test_it_learns() -> None:
    """Which of two groups a node belongs to, from the features of the node before it in a ring."""
    grillyx.manual_seed(0)
    label = np.repeat([0, 1], 30)
    graph, rng = Graph(np.stack([np.arange(60), (np.arange(60) + 1) % 60])), np.random.default_rng(0)
    x = rng.uniform(0.0, 1.0, (60, 6))
    x[label == 1, :3] *= 0.3
    net = SpikeGNNLayer([6, 16, 2], normalize="rate")
    before = {k: v.copy() for k, v in net.state_dict().items()}
    assert list(before) == ["convs.0.W", "convs.1.W"]
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        loss = F.cross_entropy(net(x, graph) * 8.0, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    assert all((net.state_dict()[k] != v).any() for k, v in before.items())


# --- W, copies
@pytest.mark.parametrize("compat", [False, True])
def test_weights_may_be_assigned(compat: bool) -> None:
    conv = SpikeGraphConv(3, 2, compat=compat)
    conv.W = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(np.asarray(conv.W), [[0, 1, 2], [3, 4, 5]])
    assert len(list(conv.parameters())) == (0 if compat else 1)
    for wrong, match in ((np.ones((3, 2)), r"got float64 \(3, 2\)"), ([[np.nan] * 3] * 2, "with NaN")):
        with pytest.raises(
            ValueError, match=rf"W takes finite numbers of shape \(2, 3\), {match}" if "got" in match else match
        ):
            conv.W = wrong
    other = copy.deepcopy(conv)
    other.W = np.zeros((2, 3))
    assert np.asarray(conv.W).any()


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda o: SpikeGraphConv(0, 2, **o), "in_features is a positive integer, got 0"),
        (lambda o: SpikeGraphConv(3, 2.5, **o), "out_features is a positive integer, got 2.5"),
        (lambda o: SpikeGraphConv(3, 2, threshold=0.0, **o), "threshold is too small, got 0"),
        (lambda o: SpikeGraphConv(3, 2, tau_mem=-1.0, **o), "tau_mem is too small, got -1"),
        (lambda o: SpikeGraphConv(3, 2, tau_mem=np.nan, **o), "tau_mem must be finite"),
        (lambda o: SpikeGraphConv(3, 2, seed=-1, **o), "seed is an integer from 0"),
        (lambda o: SpikeGNNLayer([3, 2], seed=None, **o), "SpikeGNNLayer: seed is an integer from 0"),
        (lambda o: SpikeGraphConv(3, 2, encoder="latency", **o), "unknown encoder, got 'latency'"),
        (lambda o: SpikeGraphConv(3, 2, degree="one", **o), "unknown degree, got 'one'"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, G, T=-1), "T is a positive integer, got -1"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, G, T=0), "T is a positive integer, got 0"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, G, returns="trains"), "unknown output, got 'trains'"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, G, returns=None), "unknown output, got None"),
        (lambda o: SpikeGraphConv(4, 2, **o)([[1.0, 2.0], [3.0]], G), "rows have different lengths"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X / 0.0, G), r"is not finite, got inf at \[0, 0\]"),
        (
            lambda o: SpikeGraphConv(3, 2, **o)(X, G),
            r"node_features has a wrong shape, got \(7, 4\); expected \(N, 3\)",
        ),
        (lambda o: SpikeGraphConv(4, 2, **o)(X[:5], G), "5"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, np.eye(5)), "5"),
        (lambda o: SpikeGraphConv(4, 2, **o)(X, np.full((7, 7), np.nan)), "NaN|finite"),
        (lambda o: SpikeGNNLayer([4], **o), r"layer_dims are .* at least two numbers, got \[4\]"),
        (lambda o: SpikeGNNLayer([], **o), "at least two numbers"),
        (lambda o: SpikeGNNLayer([4, 0], **o), "each of layer_dims is a positive integer, got 0"),
        (lambda o: SpikeGNNLayer([4, 2], T=-3, **o), "T is a positive integer, got -3"),
        (
            lambda o: SpikeGNNLayer([4, 2, 2], tau_mem=[1.0], **o),
            "tau_mem is one number or one a layer, got 1; expected 2",
        ),
        (lambda o: SpikeGNNLayer([4, 2], normalize="node", **o), "unknown normalize, got 'node'"),
        (lambda o: SpikeGNNLayer([4, 2], **o).readout(X, G, reduce="median"), "unknown reduce, got 'median'"),
    ],
)
def test_errors(call: Any, match: str, compat: bool) -> None:
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(ValueError, match=match):
        call({"compat": compat})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: SpikeGraphConv(4, 2, compat=True, encoder="direct"), "compat=True is encoder='rate'"),
        (lambda: SpikeGNNLayer([4, 2], compat=True, normalize="rate"), "compat=True divides by the largest count"),
        (lambda: SpikeGNNLayer([4, 2], compat=True)(X, G, np.zeros(7, int)), "knows one graph only"),
        (
            lambda: SpikeGraphConv(4, 2, compat=True)(X[None], G),
            r"node_features has a wrong shape, got \(1, 7, 4\); expected \(N, 4\)",
        ),
        (lambda: SpikeGraphConv(4, 2, compat=True)(X, np.eye(5)), "the graph has 5 nodes, but the input has 7 rows"),
        (lambda: SpikeGraphConv(4, 2)(X, G, 8, np.zeros((8, 7, 2))), "uniforms are for encoder='rate'"),
        (
            lambda: SpikeGraphConv(4, 2, encoder="rate")(X, G, 8, np.zeros((7, 7, 2))),
            r"uniforms have a wrong shape or dtype, got float.. \(7, 7, 2\); expected .* = \(8, 7, 2\)",
        ),
        (lambda: SpikeGraphConv(4, 2, compat=True)(X, G, 1, np.zeros((1, 7, 2), complex)), "got complex128"),
        (lambda: SpikeGraphConv(4, 2, encoder="rate")(X, G, 1, np.full((1, 7, 2), 2.0)), "out of range, got 2.0"),
        (lambda: SpikeGraphConv(4, 2, compat=True)(X, G, 1, np.full((1, 7, 2), np.nan)), "out of range, got nan"),
        (lambda: SpikeGNNLayer([4, 2])(X, G, np.zeros(3, int)), "batch is wrong"),
    ],
)
def test_errors_of_a_mode(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_repr() -> None:
    assert "encoder='direct')" in repr(SpikeGraphConv(4, 2))
    assert "compat=True" in repr(SpikeGraphConv(4, 2, compat=True))
    assert isinstance(SpikeGraphConv(4, 2)(Tensor(X), G), Tensor)
