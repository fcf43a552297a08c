"""Five training steps of a small network, beside the same computed in NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from tests.nn.reference import Neuron

STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 7, 5, 6, 9, 3
Weights = dict[str, np.ndarray]


def network() -> nn.Sequential:
    grillyx.manual_seed(11)
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(INPUTS, HIDDEN)), nn.LIFNode(3.0, v_reset=None, step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(HIDDEN, CLASSES)),
        nn.ParametricLIFNode(2.0, decay_input=True, v_threshold=0.25, v_reset=-0.125, step_mode="m"),
    )  # fmt: skip


class InNumPy:
    """The same network: forward, backpropagation through time, and the update, each written out."""

    def __init__(self, weights: Weights) -> None:
        self.w = {k: v.astype(np.float64) for k, v in weights.items()}
        self.memory = {k: (np.zeros(v.shape), np.zeros(v.shape)) for k, v in self.w.items()}
        self.time, self.margin = 0, 1.0

    def gradients(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, Weights]:
        w = self.w
        first = Neuron(1 / 3, v_reset=None)
        second = Neuron(float(special.expit(w["3.w"])), True, 0.25, -0.125)
        a = x @ w["0.0.weight"].T + w["0.0.bias"]
        s1, _, h1 = first.forward(a)
        b = s1 @ w["2.0.weight"].T + w["2.0.bias"]
        s2, _, h2 = second.forward(b)
        self.margin = min(self.margin, first.margin(h1), second.margin(h2))
        rate = s2.mean(0)
        loss = -special.log_softmax(rate, 1)[np.arange(BATCH), labels].mean()
        g = (special.softmax(rate, 1) - np.eye(CLASSES)[labels]) / BATCH
        gb, _, gw = second.backward(b, np.broadcast_to(g / STEPS, s2.shape), np.zeros(s2.shape))
        ga, _, _ = first.backward(a, gb @ w["2.0.weight"], np.zeros(s1.shape))
        return float(loss), {
            "0.0.weight": np.einsum("tno,tni->oi", ga, x), "0.0.bias": ga.sum((0, 1)),
            "2.0.weight": np.einsum("tno,tni->oi", gb, s1), "2.0.bias": gb.sum((0, 1)), "3.w": np.asarray(gw),
        }  # fmt: skip

    def sgd(self, g: Weights, lr: float, momentum: float, weight_decay: float) -> None:
        for k, p in self.w.items():
            d = g[k] + weight_decay * p
            v = d if self.time == 0 else momentum * self.memory[k][0] + d
            self.memory[k] = (v, v)
            self.w[k] = p - lr * v
        self.time += 1

    def adamw(self, g: Weights, lr: float, weight_decay: float) -> None:
        self.time += 1
        for k, p in self.w.items():
            m, v = self.memory[k]
            m, v = 0.9 * m + 0.1 * g[k], 0.999 * v + 0.001 * g[k] ** 2
            self.memory[k] = (m, v)
            m_hat, v_hat = m / (1 - 0.9**self.time), v / (1 - 0.999**self.time)
            self.w[k] = p * (1 - lr * weight_decay) - lr * m_hat / (np.sqrt(v_hat) + 1e-8)


RULES: dict[str, tuple[Any, dict[str, float]]] = {
    "sgd": (grillyx.optim.SGD, {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01}),
    "adamw": (grillyx.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("protocol", ["tape", "explicit"])
def test_five_steps(rule: str, protocol: str) -> None:
    make, options = RULES[rule]
    model, loss_fn = network(), nn.CrossEntropyLoss()
    expected = InNumPy(model.state_dict())
    before = model.state_dict()
    optimizer = make(model.parameters(), **options)
    rng = np.random.default_rng(4)
    for _ in range(5):
        x = rng.normal(0.3, 1.0, (STEPS, BATCH, INPUTS)).astype(np.float32)
        labels = rng.integers(0, CLASSES, BATCH)
        want, grads = expected.gradients(x.astype(np.float64), labels)
        F.reset_net(model)
        rate = model(x).mean(axis=0)
        loss = loss_fn(rate, labels)
        model.zero_grad()
        if protocol == "tape":
            loss.backward()
        else:
            model.backward(loss_fn.backward(np.ones_like(loss), rate, labels))
        assert float(loss) == pytest.approx(want, abs=1e-5)
        for k, p in model.named_parameters():
            np.testing.assert_allclose(p.grad.numpy(), grads[k], 1e-4, 1e-6, err_msg=k)
        optimizer.step()
        getattr(expected, rule)(grads, **options)
    assert expected.margin > 1e-5  # no spike that rounding could have decided
    for k, value in model.state_dict().items():
        np.testing.assert_allclose(value, expected.w[k], 0, 1e-5, err_msg=k)
        assert np.abs(value - before[k]).max() > 1e-3


def test_the_same_seed_is_the_same_run() -> None:
    """Bit for bit: first weights, dropout, encoder, and everything computed from them."""
    runs = []
    for seed in (1, 1, 2):
        grillyx.manual_seed(seed)
        model = nn.Sequential(
            nn.PoissonEncoder(6), nn.SeqToANNContainer(nn.Linear(4, 16), nn.Dropout(0.3)), nn.LIFNode(step_mode="m"),
            nn.SeqToANNContainer(nn.Linear(16, 2)),
        )  # fmt: skip
        optimizer, loss_fn = grillyx.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
        rng = np.random.default_rng(0)
        for _ in range(4):
            F.reset_net(model)
            loss = loss_fn(model(rng.uniform(0, 1, (8, 4))).mean(axis=0), rng.integers(0, 2, 8))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        runs.append([float(loss), *[v.tobytes() for v in model.state_dict().values()]])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_it_learns() -> None:
    """Two patterns of rates, told apart after 30 steps."""
    grillyx.manual_seed(0)
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(8, 16)), nn.LIFNode(step_mode="m"), nn.SeqToANNContainer(nn.Linear(16, 2)),
        nn.LIFNode(step_mode="m"),
    )  # fmt: skip
    optimizer, loss_fn = grillyx.optim.Adam(model.parameters(), lr=0.02), nn.CrossEntropyLoss()
    rng = np.random.default_rng(1)
    patterns = np.array([[0.9] * 4 + [0.1] * 4, [0.1] * 4 + [0.9] * 4])
    for _ in range(30):
        labels = rng.integers(0, 2, 16)
        F.reset_net(model)
        rate = model((rng.random((8, 16, 8)) < patterns[labels]).astype(np.float32)).mean(axis=0)
        loss = loss_fn(rate, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (rate.argmax(axis=1).numpy() == labels).mean() >= 0.9
