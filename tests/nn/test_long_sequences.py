"""Sequences and products longer than what a thread may loop over in one dispatch on a CPU device."""

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor, nn
from grillyx.ops import LONGEST_LOOP
from tests.helpers import use_body


@pytest.mark.parametrize("width", [3, 4])
def test_a_neuron_over_70000_steps(width):
    steps = 4 * LONGEST_LOOP + 4000
    x = Tensor(np.full((steps, width), 0.3), requires_grad=True)
    node = nn.IFNode(step_mode="m", store_v_seq=True, detach_reset=True)
    spikes = node(x)  # charges 0.3, 0.6, 0.9, fires at 1.2
    expected = (np.arange(steps) % 4 == 3).astype(np.float32)[:, None].repeat(width, 1)
    np.testing.assert_array_equal(spikes.numpy(), expected)
    np.testing.assert_allclose(node.v_seq.numpy()[-5:, 0], [0, 0.3, 0.6, 0.9, 0], atol=1e-6)
    node.v.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[-5:, 0], [0, 0, 0, 0, 0])  # every input was reset away

    x.grad = None
    node.reset()
    node(x).sum().backward()
    g = 1.0 / (1.0 + (np.pi * (np.array([0.3, 0.6, 0.9, 1.2], np.float64) - 1.0)) ** 2)
    np.testing.assert_allclose(x.grad.numpy()[:4, 0], np.cumsum(g[::-1])[::-1], rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy()[-4:, 0], np.cumsum(g[::-1])[::-1], rtol=1e-5)


@pytest.mark.parametrize("body", ["subgroup", "tiled"])
@pytest.mark.parametrize("rows", [70_001, 131_072])
def test_products_over_a_long_axis(body, rows, monkeypatch):
    """The gradient of a layer's weight sums over all steps and samples."""
    use_body(monkeypatch, body)
    rng = np.random.default_rng(rows)
    x, g = rng.standard_normal((rows, 5), np.float32), rng.standard_normal((rows, 7), np.float32)
    weight, bias = Tensor(np.zeros((7, 5)), requires_grad=True), Tensor(np.zeros(7), requires_grad=True)
    F.linear(x, weight, bias).backward(g)
    truth = g.astype(np.float64).T @ x
    np.testing.assert_allclose(weight.grad.numpy(), truth, atol=1e-5 * np.abs(truth).max())
    np.testing.assert_allclose(bias.grad.numpy(), g.sum(0, dtype=np.float64), atol=1e-2)
    a, b = np.ascontiguousarray(x.T), g
    np.testing.assert_allclose((Tensor(a) @ b).numpy(), truth.T, atol=1e-5 * np.abs(truth).max())
    np.testing.assert_allclose(
        F.linear(a, b.T.copy(), np.ones(7)).numpy(), truth.T + 1, atol=1e-5 * np.abs(truth).max()
    )


def test_parts_that_are_longer_than_a_loop():
    steps = 3 * LONGEST_LOOP + 100
    x = Tensor(np.full((steps, 3), 0.3), requires_grad=True)
    node = nn.IFNode(step_mode="m", detach_reset=True)
    spikes = nn.CheckpointedSequence(node, 2 * LONGEST_LOOP)(x)
    np.testing.assert_array_equal(spikes.numpy()[:, 0], np.arange(steps) % 4 == 3)
    spikes.sum().backward()
    g = 1.0 / (1.0 + (np.pi * (np.array([0.3, 0.6, 0.9, 1.2], np.float64) - 1.0)) ** 2)
    expected = np.tile(np.cumsum(g[::-1])[::-1], steps // 4)
    np.testing.assert_allclose(x.grad.numpy()[:, 0], expected, rtol=1e-5)
