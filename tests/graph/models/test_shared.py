"""What all models have in common."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import optim
from grillyx.graph import Graph, datasets
from grillyx.graph.models import (
    DRSGNN,
    GASNN,
    GCN,
    GCSNN,
    MSG,
    SiGNN,
    SpikeGCL,
    SpikeGT,
    SpikeNet,
    SpikingGCN,
)  # fmt: skip
from tests.graph.models.graphs import CLASSES, COUNT, WIDTH, logits, made, model_of

FIRST = [GCN, GCSNN, GASNN, SpikingGCN, SpikeNet]
ALL = [*FIRST, SpikeGCL, SpikeGT, MSG, DRSGNN, SiGNN]
STILL = {DRSGNN: {"encode": "direct"}}  # what draws its input anew in each call, without that
BY_SPIKES = {SpikeGCL: {"score.weight"}}  # what only the loss without labels reaches


@pytest.mark.parametrize("kind", ALL)
def test_every_model_gives_logits_of_nodes(kind):
    out = logits(model_of(kind).eval(), made())
    assert out.shape == (COUNT, CLASSES)
    assert np.isfinite(out).all()
    assert np.ptp(out) > 0.0


@pytest.mark.parametrize("kind", ALL)
def test_gradients_reach_every_parameter(kind):
    model, graph = model_of(kind), made()
    F.cross_entropy(model(graph.x, graph), np.arange(COUNT) % CLASSES).backward()
    for name, parameter in model.named_parameters():
        if name in BY_SPIKES.get(kind, ()):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert np.abs(parameter.grad.numpy()).max() > 0.0, name


@pytest.mark.parametrize("kind", ALL)
def test_a_seed_gives_the_same_training(kind):
    found = []
    for seed in (1, 1, 2):
        model, graph = model_of(kind, seed), made()
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        for _ in range(2):
            loss = F.cross_entropy(model(graph.x, graph), np.arange(COUNT) % CLASSES)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(logits(model.eval(), graph))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 0.0


@pytest.mark.parametrize("kind", ALL)
def test_nothing_stays_from_the_call_before(kind):
    model, graph = model_of(kind, **STILL.get(kind, {})).eval(), made()
    first = logits(model, graph)
    for other in (made(seed=1), made(7, seed=1)):
        logits(model, other)
    np.testing.assert_array_equal(logits(model, graph), first)


@pytest.mark.parametrize("kind", ALL)
def test_a_batch_is_its_graphs_side_by_side(kind):
    model = model_of(kind, **STILL.get(kind, {})).eval()
    parts = [made(), made(7, seed=1)]
    together = logits(model, Graph.batch_of(parts))
    np.testing.assert_allclose(together, np.concatenate([logits(model, g) for g in parts]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_the_karate_club_is_learned(kind):
    graph = datasets.karate()
    grillyx.manual_seed(0)
    model = kind(34, 16, 2, **({} if kind in FIRST else {"dropout": 0.2}))
    optimizer, rows = optim.Adam(model.parameters(), lr=0.02), np.flatnonzero(graph.train_mask)
    for _ in range(60):
        loss = F.cross_entropy(F.take(model(graph.x, graph), rows, axis=0), graph.y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = logits(model.eval(), graph).argmax(1) == graph.y
    assert right[graph.test_mask].mean() > (0.8 if kind in FIRST else 0.75)  # the larger side has 0.5


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hidden": 0}, "hidden"),
        ({"classes": -1}, "classes"),
        ({"dropout": 1.0}, "dropout"),
        ({"in_features": 2.5}, "in_f"),
    ],
)
def test_wrong_arguments_are_refused(kind, change, text):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: .*{text}"):
        kind(**({"in_features": WIDTH, "hidden": 8, "classes": CLASSES} | change))


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not GCN])
def test_no_steps_are_refused(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: .*T is"):
        kind(WIDTH, 8, CLASSES, T=0)


@pytest.mark.parametrize("kind", ALL)
def test_wrong_features_are_refused(kind):
    model, graph = model_of(kind), made()
    with pytest.raises(ValueError, match="has a wrong shape"):
        model(graph.x[:, 1:], graph)
    with pytest.raises(ValueError, match="nodes"):
        model(graph.x[1:], graph)


@pytest.mark.parametrize("nodes", [0, 1])
@pytest.mark.parametrize("kind", ALL)
def test_graphs_of_no_and_of_one_node(kind, nodes):
    graph = Graph(np.empty((2, 0)), num_nodes=nodes, x=np.ones((nodes, WIDTH), np.float32))
    model = model_of(kind)
    assert logits(model.eval(), graph).shape == (nodes, CLASSES)
    model.train()
    if nodes == 1 and kind in (SpikingGCN, SpikeGT):  # a batch norm over nodes
        with pytest.raises(ValueError, match=r"more than one value a channel.*Give more samples \(nodes, of a graph\)"):
            model(graph.x, graph)
    else:
        assert model(graph.x, graph).shape == (nodes, CLASSES)


@pytest.mark.parametrize("kind", [GCN, GCSNN, SpikingGCN, SpikeGCL, SpikeGT, MSG, DRSGNN])
def test_what_takes_no_sequence_does_not_ask_for_one(kind):
    with pytest.raises(ValueError, match=rf"got \({COUNT}, 2\); expected \(N, {WIDTH}\)\.$"):
        model_of(kind)(np.ones((COUNT, 2)), made())
