"""Batch normalisation as a module."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.nn as nn
from tests.functional.test_batch_norm import reference


def test_training_and_evaluation() -> None:
    layer, rng = nn.BatchNorm2d(3), np.random.default_rng(0)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = rng.normal(1.0, 2.0, (4, 3, 5, 5))
        np.testing.assert_allclose(layer(x).numpy(), reference(x), 1e-4, 1e-5)
        mean = 0.9 * mean + 0.1 * x.mean((0, 2, 3))
        var = 0.9 * var + 0.1 * x.swapaxes(0, 1).reshape(3, -1).var(1, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), var, 1e-5)
    layer.eval()
    np.testing.assert_allclose(layer(x).numpy(), reference(x, mean=mean, var=var), 1e-4, 1e-5)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-5)
    state = layer.state_dict()
    assert set(state) == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert int(state["num_batches_tracked"]) == 3
    other = nn.BatchNorm2d(3)
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.eval()(x).numpy(), layer(x).numpy())


def test_options() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, (6, 4))
    layer = nn.BatchNorm1d(4, affine=False, track_running_stats=False)
    assert not layer.state_dict()
    np.testing.assert_allclose(layer.eval()(x).numpy(), reference(x), 1e-4, 1e-5)
    mean = nn.BatchNorm1d(4, momentum=None)
    mean(x)
    mean(x + 1)
    np.testing.assert_allclose(mean.running_mean.numpy(), x.mean(0) + 0.5, 1e-5)
    assert repr(layer) == "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)"


def test_all_steps_of_a_sequence_are_one_batch() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, (5, 2, 3, 4, 4))
    model = nn.SeqToANNContainer(nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3))
    out = model(x).numpy()
    assert out.shape == x.shape
    np.testing.assert_allclose(out.mean((0, 1, 3, 4)), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(out.std((0, 1, 3, 4)), np.ones(3), 1e-3)


def test_wrong_inputs() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm2d: expected an input \(N, C, H, W\).*SeqToANNContainer"):
        nn.BatchNorm2d(3)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="BatchNorm1d: the channels do not fit"):
        nn.BatchNorm1d(3)(np.ones((2, 4)))
    with pytest.raises(ValueError, match="BatchNorm1d: num_features is a positive integer"):
        nn.BatchNorm1d(0)
