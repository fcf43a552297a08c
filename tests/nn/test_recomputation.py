"""The backward pass of a neuron computes its membranes again: from what it keeps, and as they were."""

import numpy as np
import pytest

import grillyx
from grillyx import Tensor, nn
from grillyx.ops.neuron import SEGMENT
from tests.nn.reference import Neuron

rng = np.random.default_rng(0)


@pytest.mark.parametrize("v_reset", [None, 0.0])
@pytest.mark.parametrize("steps", [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 4 * SEGMENT + 1, 5 * SEGMENT + 3])
@pytest.mark.parametrize("width", [8, 5])
def test_membranes_at_the_threshold(poisoned: None, width: int, steps: int, v_reset: float | None) -> None:
    """Multiples of 1/4: many membranes meet the threshold exactly, and no spike may be another the second time."""
    x = rng.integers(-2, 4, (steps, width)).astype(np.float32) / 4
    gs, gv = rng.normal(size=x.shape).astype(np.float32), rng.normal(size=x.shape).astype(np.float32)
    v0 = rng.integers(-2, 3, width).astype(np.float32) / 4
    rules = Neuron(None, v_reset=v_reset)
    s, v, h = rules.forward(x.astype(np.float64), v0)
    assert steps < SEGMENT or (h == 1.0).any()
    node = nn.IFNode(v_reset=v_reset, step_mode="m", store_v_seq=True)
    xt, node.v = Tensor(x, requires_grad=True), Tensor(v0, requires_grad=True)
    start = node.v
    out = node(xt)
    np.testing.assert_array_equal(out.numpy(), s)
    np.testing.assert_array_equal(node.v_seq.numpy(), v)
    ((out * gs).sum() + (node.v_seq * gv).sum()).backward()
    gx, gv0, _ = rules.backward(x.astype(np.float64), gs, gv, v0)
    scale = 1e-5 * max(1.0, np.abs(gx).max())
    np.testing.assert_allclose(xt.grad.numpy(), gx, 1e-5, scale)
    np.testing.assert_allclose(start.grad.numpy(), gv0, 1e-5, scale)


@pytest.mark.parametrize("steps", [SEGMENT, 40 * SEGMENT])
def test_what_is_kept(no_garbage: None, steps: int) -> None:
    """Beyond spikes and state, which the user holds: a membrane of every eighth step."""
    x = Tensor(np.ones((steps, 64)), requires_grad=True)
    node, pool = nn.LIFNode(step_mode="m"), grillyx.current_device().pool
    before, held = pool.bytes, grillyx.counters()["live_buffers"]
    out = node(x)
    assert grillyx.counters()["live_buffers"] - held == (2 if steps == SEGMENT else 3)
    kept = pool.bytes - before - out.nbytes - node.v.nbytes
    assert kept <= (0 if steps == SEGMENT else 4 * 64 * steps / SEGMENT * 1.25)
    out.sum().backward()


def test_an_input_that_was_changed_is_noticed() -> None:
    x = Tensor(np.ones((4, 3)), requires_grad=True)
    out = nn.LIFNode(step_mode="m")(x)
    x.copy_(np.zeros((4, 3)))
    with pytest.raises(RuntimeError, match="changed in place after the forward pass that used it"):
        out.sum().backward()
