"""DRSGNN, its neuron and the encoding of places."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
from grillyx import Tensor
from grillyx.graph import Graph
from grillyx.graph.models import DRSGNN, ReactiveNode, _drsgnn, random_walk_encoding
from tests.graph.models.graphs import CLASSES, WIDTH, logits, made


@pytest.mark.parametrize("block", [5, 1024])
def test_random_walks_against_powers_of_a_matrix(block, monkeypatch):
    monkeypatch.setattr(_drsgnn, "_BLOCK", block)
    graph = made()
    step = np.zeros((12, 12))
    np.add.at(step, (graph.edge_index[0], graph.edge_index[1]), 1.0)
    step /= np.maximum(step.sum(1, keepdims=True), 1.0)
    expected = np.stack([np.diag(np.linalg.matrix_power(step, k)) for k in range(1, 5)], 1)
    np.testing.assert_allclose(random_walk_encoding(graph, 4), expected, rtol=1e-5, atol=1e-7)
    assert random_walk_encoding(graph, 4) is random_walk_encoding(graph, 4)


def test_random_walks_know_a_ring_from_a_triangle():
    ring = Graph(np.array([[0, 1, 2, 3], [1, 2, 3, 0]]))
    np.testing.assert_array_equal(random_walk_encoding(ring, 4), np.eye(4)[[3, 3, 3, 3]])


def test_reactive_neuron_against_its_equations():
    grillyx.manual_seed(0)
    node, x = ReactiveNode(7, step_mode="m"), np.random.default_rng(0).normal(size=(6, 5, 7)).astype(np.float32)
    found, v = node(Tensor(x)).numpy(), 0.0
    for t in range(6):
        h = 0.25 * v + x[t]
        fired = h >= np.tanh(node.w.numpy())
        np.testing.assert_array_equal(found[t], fired)
        v = np.where(fired, 0.0, h)
    assert 0.0 <= node.w.numpy().min() < node.w.numpy().max() < 1.0


def test_thresholds_learn():
    node = ReactiveNode(3, step_mode="m")
    node(Tensor(np.full((4, 2, 3), 0.5, np.float32))).sum().backward()
    assert (node.w.grad.numpy() < 0.0).all()  # a higher threshold, fewer spikes


def test_places_tell_nodes_of_equal_features_apart():
    graph = Graph(np.array([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])).to_undirected()
    graph = Graph(np.concatenate([graph.edge_index, [[5, 6], [6, 5]]], 1), x=np.ones((7, WIDTH), np.float32))
    out = []
    for walk in (0, 4):
        grillyx.manual_seed(0)
        out.append(logits(DRSGNN(WIDTH, 32, CLASSES, encode="direct", walk=walk, hops=1).eval(), graph))
    assert np.ptp(out[1][[0, 3]], 0).max() > 0.0  # of two triangles, one has a tail


def test_direct_input_is_the_same_each_time_and_poisson_is_not():
    graph = made()
    for encode, same in (("direct", True), ("poisson", False)):
        grillyx.manual_seed(0)
        model = DRSGNN(WIDTH, 32, CLASSES, encode=encode).eval()
        assert np.array_equal(logits(model, graph), logits(model, graph)) == same


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="encode"):
        DRSGNN(WIDTH, 8, CLASSES, encode="latency")
    with pytest.raises(ValueError, match="ReactiveNode: decay is out of range, got 1.5"):
        DRSGNN(WIDTH, 8, CLASSES, decay=1.5)
    with pytest.raises(ValueError, match="DRSGNN: hops"):
        DRSGNN(WIDTH, 8, CLASSES, hops=0)
