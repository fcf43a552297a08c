"""SpikeGCL and SpikeGT: what is theirs alone; what all models have in common is tested beside the others."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn, optim
from grillyx.graph import BLIFNode, Graph, datasets
from grillyx.graph.models import SpikeGCL, SpikeGT
from tests.graph.models.graphs import CLASSES, COUNT, WIDTH, logits, made


def gcl(**options: object) -> SpikeGCL:
    grillyx.manual_seed(0)
    return SpikeGCL(WIDTH, 8, CLASSES, **{"T": 3, **options})


def test_embeddings_are_bits():
    bits = gcl().eval().embed(made().x, made()).numpy()
    assert bits.shape == (COUNT, 3 * 8)
    assert set(np.unique(bits)) == {0.0, 1.0}


def test_a_step_sees_its_group_of_features_and_those_before():
    model, graph = gcl().eval(), made()
    other = graph.x.copy()
    other[:, 2:4] += 1.0  # the second group of 5 features in 3 steps: 2, 2, 1
    a, b = (model.embed(x, graph).numpy().reshape(COUNT, 3, 8) for x in (graph.x, other))
    np.testing.assert_array_equal(a[:, 0], b[:, 0])
    assert (a[:, 1] != b[:, 1]).any()


def test_currents_against_numpy():
    model, graph = gcl().eval(), made()
    normed = graph.gcn_norm()
    s = np.zeros((COUNT, COUNT))
    np.add.at(s, (normed.edge_index[1], normed.edge_index[0]), np.asarray(normed.edge_weight))
    weight, conv = model.weight.numpy(), model.conv.lin.weight.numpy()
    expected = []
    for t, group in enumerate(np.array_split(np.arange(WIDTH), 3)):
        h = s @ graph.x[:, group] @ weight[t, : len(group)]
        h = np.where(h > 0.0, h, np.expm1(h)) / np.sqrt(1.0 + 1e-5)  # the norm has seen nothing yet
        expected.append(s @ h @ conv.T)
    with grillyx.no_grad():
        found = model._currents(grillyx.Tensor(graph.x), graph).numpy()
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-4, atol=1e-5)


def test_both_losses_together_reach_every_parameter():
    model, graph = gcl(margin=1.0), made()
    model.contrastive_loss(graph.x, graph).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    assert without == {"head.weight", "head.bias"}
    assert all(
        np.abs(p.grad.numpy()).max() > 0.0 for n, p in model.named_parameters() if n not in without | {"neuron.w"}
    )
    model.zero_grad()
    F.sum(model(graph.x, graph) ** 2).backward()
    assert {name for name, p in model.named_parameters() if p.grad is None} == {"score.weight"}


def test_no_gradient_goes_back_a_step():
    model, graph = gcl().eval(), made()
    current = grillyx.Tensor(np.full((3, COUNT, 8), 0.004, np.float32), requires_grad=True)
    F.sum(model._scores(current)[2]).backward()
    grad = current.grad.numpy()
    assert np.abs(grad[2]).max() > 0.0
    assert not grad[:2].any()
    assert graph.num_nodes == COUNT


def test_contrastive_learning_lowers_its_loss_and_separates_the_club():
    graph = datasets.karate(4)
    grillyx.manual_seed(1)
    model = SpikeGCL(34, 16, 4, T=2, dropout=0.1, margin=1.0)
    optimizer, losses = optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(60):
        loss = model.contrastive_loss(graph.x, graph)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_a_neuron_that_fires_both_ways_can_be_given():
    values = np.unique(gcl(neuron=BLIFNode(v_threshold=0.05)).eval().embed(made().x, made()).numpy())
    assert set(values) <= {-1.0, 0.0, 1.0}
    assert -1.0 in values


def test_more_steps_than_features_are_refused():
    with pytest.raises(ValueError, match="SpikeGCL: T is too large, got 6 for 5 features"):
        gcl(T=6)
    with pytest.raises(ValueError, match="SpikeGCL: drop_edge is out of range, got 2"):
        gcl(drop_edge=2)
    with pytest.raises(TypeError, match="SpikeGCL: neuron must be a spiking neuron"):
        gcl(neuron=3)


def test_as_many_steps_as_there_are_features_to_see():
    assert [SpikeGCL(width, 8, CLASSES).T for width in (1, 5, 8, 20)] == [1, 5, 8, 8]
    assert SpikeGCL(20, 8, CLASSES, T=20).T == 20
    assert logits(SpikeGCL(WIDTH, 8, CLASSES).eval(), made()).shape == (COUNT, CLASSES)


def gt(**options: object) -> SpikeGT:
    grillyx.manual_seed(0)
    return SpikeGT(WIDTH, 8, CLASSES, **options)


def test_attention_sees_all_nodes_of_a_graph():
    """q * neuron(sum of k v), from the spikes that the model itself sends."""
    model, graph = gt(heads=2).eval(), made()
    layer = model.attention[0]
    with nn.Monitor(model) as monitor:
        logits(model, graph)
    spikes = {name: train[0] for name, train in monitor.spikes.items()}
    k, v, talk = (np.asarray(spikes[f"attention.0.{name}"]) for name in ("k", "v", "talk"))
    total, membrane = (k * v).sum(1, keepdims=True), 0.0
    for t in range(model.T):
        charged = membrane + (total[t] - membrane) / 2.0
        fired = charged >= 0.5
        np.testing.assert_array_equal(talk[t], fired)
        membrane = np.where(fired, 0.0, charged)
    assert layer.q.step_mode == "m"


def test_only_the_transformer_sees_beyond_the_neighbours():
    graph = Graph(
        np.zeros((2, 0), int), num_nodes=6, x=np.random.default_rng(0).random((6, WIDTH)).astype(np.float32) * 4
    )
    other = graph.x.copy()
    other[5] = 0.0
    alone = gt(graph_weight=1.0).eval()
    np.testing.assert_array_equal(logits(alone, graph)[:5], logits(alone, graph.replace(x=other))[:5])


def test_the_share_of_the_graph_is_checked():
    with pytest.raises(ValueError, match=r"SpikeGT: graph_weight is out of range, got 1.5"):
        gt(graph_weight=1.5)
