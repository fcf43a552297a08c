"""What GCN and the first four spiking models do."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn
from grillyx.graph import Graph
from grillyx.graph.models import GASNN, GCN, GCSNN, SpikeNet, SpikingGCN, STFNorm
from grillyx.graph.models._spikenet import _draw
from tests.graph.models.graphs import CLASSES, COUNT, WIDTH, logits, made, model_of


@pytest.mark.parametrize("kind", [GCSNN, GASNN, SpikingGCN, SpikeNet])
def test_firing_rates_are_seen(kind):
    model, graph = model_of(kind).eval(), made()
    with nn.Monitor(model) as monitor:
        logits(model, graph)
    rates = monitor.firing_rates().values()
    assert all(0.0 <= rate <= 1.0 for rate in rates)
    assert sum(rates) > 0.0
    trains = [train for trains in monitor.spikes.values() for train in trains]
    assert all(train.shape[:2] == (model.T, COUNT) for train in trains)


@pytest.mark.parametrize("kind", [GCN, GCSNN, GASNN, SpikingGCN])
def test_features_that_change_are_refused(kind):
    graph = made()
    with pytest.raises(ValueError, match=r"wrong shape, got \(8, 12, 5\); expected \(N, 5\)"):
        model_of(kind)(np.stack([graph.x] * 8), graph)


# --- the yardstick
def test_gcn_against_numpy():
    model, graph = model_of(GCN).eval(), made()
    a = np.zeros((COUNT, COUNT))
    np.add.at(a, (graph.edge_index[1], graph.edge_index[0]), 1.0)
    a[np.diag_indices(COUNT)] = np.where(np.diag(a) > 0, 1.0, 1.0)  # one loop each
    d = a.sum(1) ** -0.5
    s, w = d[:, None] * a * d, [c.lin.weight.numpy().astype(np.float64) for c in (model.conv1, model.conv2)]
    expected = s @ np.maximum(s @ graph.x @ w[0].T, 0.0) @ w[1].T
    np.testing.assert_allclose(logits(model, graph), expected, rtol=1e-4, atol=1e-5)


# --- STFNorm
@pytest.mark.parametrize("shape", [(4, 6, 3), (6, 3)])
def test_stfnorm_against_numpy(shape):
    x = np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)
    norm = STFNorm(3, v_threshold=0.7)
    norm.weight.copy_(np.array([1.0, 2.0, -1.0], np.float32))
    norm.bias.copy_(np.array([0.0, 0.5, 1.0], np.float32))
    axes = (0, 2) if len(shape) == 3 else (1,)
    wide = x.astype(np.float64)
    still = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(norm(x).numpy(), 0.7 * still * [1, 2, -1] + [0, 0.5, 1], rtol=1e-4, atol=1e-5)


def test_stfnorm_of_a_repeated_current_is_that_of_one_step():
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    norm = STFNorm(3)
    np.testing.assert_allclose(norm(np.stack([x] * 4)).numpy()[2], norm(x).numpy(), rtol=1e-4, atol=1e-5)


# --- GC-SNN, GA-SNN
@pytest.mark.parametrize("kind", [GCSNN, GASNN])
def test_voters_are_counted(kind):
    model, graph = model_of(kind, voters=3, T=5).eval(), made()
    with nn.Monitor(model) as monitor:
        out = logits(model, graph)
    votes = monitor.spikes["neuron2"][0].numpy().reshape(5, COUNT, CLASSES, 3)
    np.testing.assert_allclose(out, votes.sum((0, 3)) / 5, rtol=1e-5)


def test_heads_share_the_hidden_neurons():
    assert model_of(GASNN, heads=2).conv1.heads == 2
    with pytest.raises(ValueError, match="got 8 for 3 heads"):
        model_of(GASNN, heads=3)


# --- SpikingGCN
def test_neighbours_are_summed_k_times():
    graph = Graph([[0, 1], [1, 2]], num_nodes=4, x=np.eye(4, WIDTH, dtype=np.float32))
    reach = []
    for hops in (1, 2):
        model = model_of(SpikingGCN, K=hops)
        reach.append(model._summed(grillyx.Tensor(graph.x), graph).numpy()[2, 0] > 0)
    assert reach == [False, True]


def test_poisson_spikes_are_drawn_anew():
    model, graph = model_of(SpikingGCN, encoder="poisson", T=3).eval(), made()
    a, b = logits(model, graph), logits(model, graph)
    assert np.abs(a - b).max() > 0.0
    grillyx.manual_seed(5)
    a = logits(model, graph)
    grillyx.manual_seed(5)
    np.testing.assert_array_equal(logits(model, graph), a)
    loss = F.sum(model.train()(graph.x, graph))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ValueError, match="encoder"):
        model_of(SpikingGCN, encoder="morse")


# --- SpikeNet
def test_drawn_neighbours_are_neighbours():
    graph = made().add_remaining_self_loops()
    pairs = set(zip(*graph.edge_index.tolist(), strict=True))
    for chances in (
        np.zeros((COUNT, 2)),
        np.full((COUNT, 2), 1.0 - 2.0**-24),
        np.random.default_rng(0).random((COUNT, 9)),
    ):
        source = _draw(graph, chances)
        assert source.shape == chances.shape
        assert all((int(s), i) in pairs for i, row in enumerate(source) for s in row)
    every = np.linspace(0.0, 1.0, 200, endpoint=False)[None].repeat(COUNT, 0)
    assert {(int(s), i) for i, row in enumerate(_draw(graph, every)) for s in row} == pairs


def test_each_step_draws_others():
    graph, model = made(), model_of(SpikeNet, dropout=0.0, sizes=(2,))
    seen = model._means(
        grillyx.Tensor(np.eye(COUNT, 8, dtype=np.float32)), [graph.add_remaining_self_loops()], 2
    ).numpy()
    assert seen.shape == (8, COUNT, 8)
    assert all(np.abs(seen[0] - seen[t]).max() > 0.0 for t in range(1, 8))
    np.testing.assert_array_equal(seen[:, -1], 0.0)  # the last node has itself alone, and its row of the input is 0


def test_many_draws_are_the_mean_over_all():
    graph = made().add_remaining_self_loops()
    x = grillyx.Tensor(np.random.default_rng(0).random((COUNT, 8)).astype(np.float32))
    model = model_of(SpikeNet, T=4)
    whole = model._means(x, [graph], None).numpy()
    drawn = model._means(x, [graph], 4000).numpy()
    assert np.abs(drawn - whole).max() < 0.03
    moving = model._means(F.stack([x * float(t) for t in range(4)]), [graph], 4000).numpy()
    assert np.abs(moving[2] - 2.0 * whole).max() < 0.06


@pytest.mark.parametrize("training", [False, True])
def test_equal_graphs_in_a_sequence_are_one(training):
    graph, model = made(), model_of(SpikeNet, T=4, dropout=0.0).train(training)
    found = []
    for given, x in [
        (graph, graph.x),
        ([graph] * 4, graph.x),
        ([graph] * 4, np.stack([graph.x] * 4)),
        (graph, np.stack([graph.x] * 4)),
    ]:
        grillyx.manual_seed(3)
        with grillyx.no_grad():
            found.append(model(x, given).numpy())
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-5)


def test_a_graph_that_changes():
    model, graphs = model_of(SpikeNet, T=3).eval(), [made(seed=s) for s in range(3)]
    x = np.stack([g.x for g in graphs])
    with grillyx.no_grad():
        out, back = model(x, graphs).numpy(), model(x, graphs[::-1]).numpy()
    assert out.shape == (COUNT, CLASSES)
    assert np.abs(out - back).max() > 0.0


def test_steps_that_do_not_fit_are_refused():
    model, graph = model_of(SpikeNet, T=3), made()
    with pytest.raises(ValueError, match="got 2 graphs"):
        model(graph.x, [graph] * 2)
    with pytest.raises(ValueError, match=r"an input \(2, 12, 5\)"):
        model(np.stack([graph.x] * 2), graph)
    for sizes in ((), 3):
        with pytest.raises(ValueError, match="sizes are numbers of neighbours, one for each layer"):
            SpikeNet(WIDTH, 8, CLASSES, sizes=sizes)
    with pytest.raises(ValueError, match="sizes"):
        SpikeNet(WIDTH, 8, CLASSES, sizes=(0, 2))
