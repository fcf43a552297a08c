"""The calls that users of grilly make, in the order they make them, with the package's other name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
import grillyx.optim as optim
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device
from grillyx.nn import (
    ATan,
    FastSigmoid,
    IFNode,
    LIFNode,
    MultiStepContainer,
    ParametricLIFNode,
    SeqToANNContainer,
    Sigmoid,
)

WINDOW, SAMPLES, PIXELS, KINDS = 12, 24, 100, 10


def network() -> nn.Sequential:
    return nn.Sequential(
        SeqToANNContainer(nn.Linear(PIXELS, 48)),
        LIFNode(tau=2.0, step_mode="m"),
        SeqToANNContainer(nn.Linear(48, KINDS)),
        LIFNode(tau=2.0, step_mode="m"),
    )


class Training:
    """The explicit protocol, a step a call."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.net = network()
        F.set_step_mode(self.net, "m")
        self.optimizer = optim.AdamW(self.net.parameters(), lr=0.03)
        self.criterion = nn.CrossEntropyLoss()

    def step(self) -> tuple[Any, Any]:
        brightness = self.rng.random((SAMPLES, PIXELS)).astype(np.float32)
        spikes = (self.rng.random((WINDOW, SAMPLES, PIXELS)) < brightness).astype(np.float32)
        F.reset_net(self.net)
        out = self.net(spikes)
        rate = out.mean(axis=0)
        answers = self.rng.integers(0, KINDS, SAMPLES).astype(np.int64)
        loss = self.criterion(rate, answers)
        grad = self.criterion.backward(np.ones_like(loss), rate, answers)
        self.net.zero_grad()
        self.net.backward(grad)
        self.optimizer.step()
        assert out.shape == (WINDOW, SAMPLES, KINDS)
        assert rate.shape == (SAMPLES, KINDS)
        return loss, rate


def test_neurons_and_their_arguments() -> None:
    x = np.random.default_rng(0).normal(1.0, 1.0, (5, 3, 8)).astype(np.float32)
    single = IFNode(v_threshold=1.0, v_reset=0.0, step_mode="s")
    assert single(x[0]).shape == (3, 8)
    for node in (
        LIFNode(tau=2.0, decay_input=False, v_threshold=1.0, v_reset=0.0, step_mode="m"),
        LIFNode(tau=2.0, v_reset=None, step_mode="m", surrogate_function=ATan(alpha=2.0)),
        LIFNode(tau=2.0, surrogate_function=Sigmoid(alpha=4.0), step_mode="m"),
        LIFNode(tau=2.0, surrogate_function=FastSigmoid(alpha=2.0), step_mode="m"),
        ParametricLIFNode(init_tau=2.0, step_mode="m"),
    ):
        out = np.asarray(node(x))
        assert out.shape == x.shape
        assert set(np.unique(out)) == {0.0, 1.0}
    assert len(list(ParametricLIFNode(init_tau=2.0).parameters())) == 1
    assert LIFNode().tau == 2.0
    assert not LIFNode().decay_input


def test_pooling_each_step() -> None:
    frames = np.random.default_rng(0).normal(0, 1, (4, 2, 3, 8, 6)).astype(np.float32)
    pooled = MultiStepContainer(nn.MaxPool2d(2, 2))(frames)
    np.testing.assert_array_equal(np.asarray(pooled), frames.reshape(4, 2, 3, 4, 2, 3, 2).max((4, 6)))


def test_training(capsys: pytest.CaptureFixture[str]) -> None:
    run, losses = Training(), []
    for epoch in range(8):
        loss, rate = run.step()
        losses.append(float(np.mean(loss)))
        print(f"{epoch + 1:3d} {float(np.mean(loss)):.4f} {rate.mean():.3f}")
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [w[0] for w in words] == [str(k) for k in range(1, 9)]
    assert all(w[1] == f"{value:.4f}" for w, value in zip(words, losses, strict=True))
    assert all(len(w[2]) == 5 and 0.0 <= float(w[2]) <= 1.0 for w in words)
    assert losses[0] == pytest.approx(np.log(KINDS), abs=0.2)
    assert len(set(losses)) > 4
    assert all(p.grad is not None and np.abs(np.asarray(p.grad)).max() > 0 for p in run.net.parameters())


def test_what_the_loss_is_to_numpy() -> None:
    loss, rate = Training().step()
    for value in (np.mean(loss), loss.mean(), loss):
        assert np.ndim(value) == 0
        assert f"{float(value):.4f}" == f"{loss:.4f}"
    ones = np.ones_like(loss)
    assert float(ones) == 1.0
    assert np.shape(ones) == np.shape(loss) == ()
    assert isinstance(np.asarray(rate), np.ndarray)
    assert f"{rate.mean():.3f}" == f"{np.asarray(rate).mean():.3f}"
    assert f"{np.mean(rate):.3f}" == f"{rate.mean():.3f}"


@pytest.mark.usefixtures("no_garbage")
def test_what_a_step_costs() -> None:
    """At most 20 dispatches, one upload and one download; and nothing is made anew once the loop has settled."""
    device = current_device()
    if (device.memory, device.sync) != ("mapped", "none"):
        pytest.skip("the counts are those of a CPU device: no staging, no splits")
    run = Training()

    def measured() -> dict[str, int]:
        before = counters()
        loss, _ = run.step()
        float(np.mean(loss))
        return {k: v - before[k] for k, v in counters().items()}

    for _ in range(8):
        measured()
    for _ in range(6):
        cost = measured()
        assert cost["dispatches"] <= 20
        assert cost["uploads"] == 1
        assert cost["downloads"] == 1
        assert cost["submits"] == 1
        assert cost["created"] == 0
        assert cost["live_buffers"] == 0
        assert cost["bytes_downloaded"] == 4
        assert cost["bytes_uploaded"] == 4 * (WINDOW * SAMPLES * PIXELS + SAMPLES)


def test_state_between_batches() -> None:
    net = network()
    x = np.random.default_rng(0).normal(0.0, 3.0, (WINDOW, SAMPLES, PIXELS))
    first, second = np.asarray(net(x)), np.asarray(net(x))
    F.reset_net(net)
    np.testing.assert_array_equal(np.asarray(net(x)), first)
    assert (first != second).any()


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_one_step_at_a_time(dtype: type, capsys: pytest.CaptureFixture[str]) -> None:
    """The membrane starts as a NumPy array; each call takes the one that the last call gave."""
    rng, v, total = np.random.default_rng(0), np.zeros(64, dtype), 0
    check = np.zeros(64)
    for t in range(8):
        x = rng.normal(0.5, 1.5, 64).astype(np.float32).astype(dtype)
        spike, v = F.lif_step(x, v, tau=2.0, v_threshold=1.0, v_reset=0.0)
        print(f"{t}: {int(spike.sum())}")
        check = check + (x - check) / 2.0
        fired = check >= 1.0
        check[fired] = 0.0
        assert int(spike.sum()) == fired.sum()
        total += int(spike.sum())
    assert total > 0
    np.testing.assert_allclose(np.asarray(v), check, 1e-5, 1e-6)
    assert len(capsys.readouterr().out.splitlines()) == 8
