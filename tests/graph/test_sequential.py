"""Containers that pass a graph along, and a convolution with a neuron behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import nn
from grillyx.graph import BLIFNode, GATConv, GCNConv, Graph, SAGEConv, Sequential, SpikingGraphConv, global_mean_pool
from tests.graph.references import EDGES, NODES

G = Graph(EDGES, num_nodes=NODES, batch=[0, 0, 0, 1, 1, 1, 1])
X = np.random.default_rng(2).normal(0.5, 1.0, (5, NODES, 3)).astype(np.float32)


def test_values_go_by_name() -> None:
    conv, other = GCNConv(3, 4), SAGEConv(4, 4)
    net = Sequential("x, graph, batch", [
        (conv, "x, graph -> x1"),
        nn.ReLU(),
        (other, "x1, graph -> x2"),
        (lambda a, b: F.concatenate([a, b], 1), "x1, x2 -> x"),
        (global_mean_pool, "x, batch -> x"),
    ])  # fmt: skip
    one = F.relu(conv(X[0], G))
    want = global_mean_pool(F.concatenate([one, other(one, G)], 1), G.batch)
    np.testing.assert_array_equal(net(X[0], G, G.batch).numpy(), want.numpy())
    assert sorted(net.state_dict()) == sorted(
        ["0.bias", "0.lin.weight", "2.lin_l.weight", "2.lin_l.bias", "2.lin_r.weight"]
    )


def test_several_results() -> None:
    net = Sequential("x", [(lambda x: (x, x * 2.0), "x -> a, b"), lambda a, b: a + b])
    with pytest.raises(
        ValueError, match="module 1 gives a, b, but returned one"
    ):  # a module alone returns what it was given: two
        net(np.ones(3))
    net = Sequential("x", [(lambda x: (x, x * 2.0), "x -> a, b"), (lambda a, b: a + b, "a, b -> x")])
    np.testing.assert_array_equal(net(np.ones(2)).numpy(), [3.0, 3.0])


def test_neurons_between_convolutions_learn() -> None:
    net = Sequential("x, graph", [
        nn.Identity(), (GCNConv(3, 8), "x, graph -> x"), nn.LIFNode(v_threshold=0.3, step_mode="m"),
        (GATConv(8, 2), "x, graph -> x"), nn.ParametricLIFNode(v_threshold=0.1, step_mode="m"),
    ])  # fmt: skip
    out = net(X, G)
    assert set(np.unique(out.numpy())) == {0.0, 1.0}
    out.sum().backward()
    assert all(np.abs(p.grad.numpy()).max() > 0.0 for p in net.parameters())


@pytest.mark.parametrize(
    ("args", "modules", "match"),
    [
        ("x graph", [], "cannot read 'x graph'"),
        ("x, graph", [(nn.ReLU(), "x")], "cannot read 'x'; expected 'x, graph -> x'"),
        (
            "x, graph",
            [(nn.ReLU(), "x -> y"), (nn.ReLU(), "z -> y")],
            r"module 1 takes 'z'.*known: \['graph', 'x', 'y'\]",
        ),
    ],
)
def test_errors(args: str, modules: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Sequential(args, modules)


@pytest.mark.parametrize("entry", [(GCNConv(3, 4),), (GCNConv(3, 4), "x, g -> x", 1)], ids=len)
def test_an_entry_is_a_module_or_a_pair(entry: tuple) -> None:
    with pytest.raises(ValueError, match=f"module 0 is a tuple of {len(entry)}; expected a module, or"):
        Sequential("x, g", [entry])


def test_as_many_results_as_names() -> None:
    with pytest.raises(ValueError, match="module 0 gives x, y, but returned one; correct the text"):
        Sequential("x, g", [(GCNConv(3, 4), "x, g -> x, y")])(X[0], G)
    with pytest.raises(ValueError, match="module 0 gives x, y, but returned 3 values"):
        Sequential("x", [(lambda x: (x, x, x), "x -> x, y")])(X[0])


def test_errors_of_type() -> None:
    with pytest.raises(TypeError, match="holds modules and functions, got int"):
        Sequential("x", [3])
    with pytest.raises(TypeError, match="got 1 values; expected x, graph"):
        Sequential("x, graph", [])(X)


@pytest.mark.parametrize("neuron", [nn.LIFNode(), nn.ParametricLIFNode(), BLIFNode(v_threshold=0.3), nn.ALIFNode()])
@pytest.mark.parametrize("conv", [GCNConv(3, 4), SAGEConv(3, 4), GATConv(3, 2, heads=2)])
def test_any_convolution_and_neuron(conv: Any, neuron: Any) -> None:
    F.reset_net(neuron)
    layer = SpikingGraphConv(conv, neuron)
    out = layer(X, G)
    F.reset_net(neuron)
    want = neuron(F.stack([conv(x, G) for x in X]))
    np.testing.assert_array_equal(out.numpy(), want.numpy())
    assert out.numpy().any()
    assert out.shape == (5, NODES, 4)


def test_a_current_for_all_steps_and_a_norm() -> None:
    conv, norm = GCNConv(3, 4), nn.BatchNorm1d(4)
    layer = SpikingGraphConv(conv, nn.IFNode(), T=6, norm=norm)
    out = layer(X[0], EDGES, np.ones(10)).numpy()
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * conv(X[0], G, np.ones(10)).numpy().mean(0), 1e-4, 1e-6)
    current = nn.BatchNorm1d(4)(conv(X[0], G, np.ones(10)))
    want = nn.IFNode(step_mode="m")(np.broadcast_to(current.numpy(), (6, NODES, 4))).numpy()
    np.testing.assert_array_equal(out, want)
    F.reset_net(layer)
    norm.running_mean.copy_(np.zeros(4))
    layer(X, G)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * conv(X, G).numpy().mean((0, 1)), 1e-4, 1e-6)


def test_errors_of_a_spiking_convolution() -> None:
    with pytest.raises(ValueError, match=r"needs a sequence \(T, N, F\), got a result \(7, 4\).*Give T="):
        SpikingGraphConv(GCNConv(3, 4), nn.LIFNode())(X[0], G)
    with pytest.raises(ValueError, match="T is a positive integer, got 0"):
        SpikingGraphConv(GCNConv(3, 4), nn.LIFNode(), T=0)
    with pytest.raises(TypeError, match="neuron must be a spiking neuron"):
        SpikingGraphConv(GCNConv(3, 4), nn.ReLU())
    with pytest.raises(TypeError, match="conv must be a graph convolution"):
        SpikingGraphConv(3, nn.LIFNode())
    with pytest.raises(TypeError, match="norm must be a module such as nn.BatchNorm1d, or None, got 3"):
        SpikingGraphConv(GCNConv(3, 4), nn.LIFNode(), norm=3)
