"""SiGNN: several scales of time, features that change, and spikes of both signs."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
from grillyx import nn
from grillyx.graph.models import SiGNN
from tests.graph.models.graphs import CLASSES, COUNT, WIDTH, logits, made


def model_of(**options: object) -> SiGNN:
    grillyx.manual_seed(0)
    return SiGNN(WIDTH, 8, CLASSES, **options).eval()


def test_features_that_do_not_change_are_the_same_as_copies():
    graph, model = made(), model_of(T=5)
    still = logits(model, graph)
    with grillyx.no_grad():
        moving = model(np.stack([graph.x] * 5), graph).numpy()
    np.testing.assert_allclose(moving, still, rtol=1e-5, atol=1e-6)


def test_a_granularity_sees_its_steps_only():
    graph, model = made(), model_of(T=5, granularities=(2,), v_threshold=0.02)
    x = np.random.default_rng(1).normal(size=(5, COUNT, WIDTH)).astype(np.float32)
    with grillyx.no_grad():
        first = model(x, graph).numpy()
        x[[1, 3]] = 7.0
        np.testing.assert_array_equal(model(x, graph).numpy(), first)
        x[2] = 7.0
        assert (model(x, graph).numpy() != first).any()
    assert [p.shape for p in model_of(T=5).pools] == [(5, 1, 8), (3, 1, 8), (2, 1, 8)]


def test_neurons_fire_both_ways():
    graph, model = made(), model_of(v_threshold=0.05)
    with nn.Monitor(model) as monitor:
        logits(model, graph)
    values = {float(v) for trains in monitor.spikes.values() for v in np.unique(np.asarray(trains[0]))}
    assert values == {-1.0, 0.0, 1.0}


def test_granularities_and_steps_are_checked():
    for wrong in ((), (1, 7), (0,)):
        with pytest.raises(ValueError, match="granularities"):
            model_of(granularities=wrong)
    with pytest.raises(ValueError, match="SiGNN: made for T = 6 steps, got 4"):
        model_of()(np.zeros((4, COUNT, WIDTH), np.float32), made())
