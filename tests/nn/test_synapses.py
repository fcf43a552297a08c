"""SynapseFilter, VotingLayer, and the containers that feed outputs back, beside loops in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.dual import Dual, gradients, variables

STEPS = 5


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 0.8, shape).astype(np.float32)


def compare(layer: Any, reference: Callable[[dict[str, Dual]], list[Dual]], x: np.ndarray, exact: bool = False) -> None:
    """Sequences, single steps, and a sequence in two parts: outputs, and gradients for the input and all parameters."""
    arrays = {"x": x.astype(np.float64), **{k: p.numpy().astype(np.float64) for k, p in layer.named_parameters()}}
    want = reference(variables(**arrays))
    y = np.stack([dual.v for dual in want])
    g = normal(*y.shape, seed=1)
    grads = gradients(arrays, list(zip(want, g, strict=True)))
    for mode in ("m", "s", "parts"):
        F.reset_net(layer)
        F.set_step_mode(layer, "s" if mode == "s" else "m")
        layer.zero_grad()
        t = Tensor(x, requires_grad=True)
        if mode == "s":
            out = F.stack([layer(t[k]) for k in range(len(x))])
        else:
            out = layer(t) if mode == "m" else F.concatenate([layer(t[:2]), layer(t[2:])])
        np.testing.assert_allclose(out.numpy(), y, 0.0 if exact else 1e-5, 0.0 if exact else 1e-6)
        (out * g).sum().backward()
        np.testing.assert_allclose(t.grad.numpy(), grads["x"], 1e-4, 1e-5)
        for name, p in layer.named_parameters():
            np.testing.assert_allclose(p.grad.numpy(), grads[name], 1e-4, 1e-5 * max(1.0, np.abs(grads[name]).max()))


# --- synapses
@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("tau", [100.0, 1.5])
def test_synapse_filter(tau: float, learnable: bool, poisoned: None) -> None:
    layer = nn.SynapseFilter(tau, learnable)
    if learnable:
        np.testing.assert_allclose(layer.w.numpy(), -math.log(tau - 1.0), 1e-6)

    def reference(p: dict[str, Dual]) -> list[Dual]:
        current, out = 0.0 * p["x"][0], []
        for t in range(STEPS):
            x = p["x"][t]
            current = current - (1.0 - x) * current * (p["w"].sigmoid() if learnable else 1.0 / tau) + x
            out.append(current)
        return out

    compare(layer, reference, normal(STEPS, 3, 7))


def test_state_of_synapses() -> None:
    layer, first = nn.SynapseFilter(), Tensor(normal(2, 3), requires_grad=True)
    layer(first)
    with pytest.raises(ValueError, match="reset_net"):
        layer(normal(4, 3))
    F.detach_net(layer)
    layer(Tensor(normal(2, 3), requires_grad=True)).sum().backward()
    assert first.grad is None
    F.reset_net(layer)
    assert layer(normal(4, 3)).shape == (4, 3)


@pytest.mark.parametrize("shape", [(6,), (2, 6), (4, 2, 12)])
def test_voting(shape: tuple[int, ...], poisoned: None) -> None:
    x, t = normal(*shape), Tensor(normal(*shape), requires_grad=True)
    y = nn.VotingLayer(3)(t)
    np.testing.assert_allclose(y.numpy(), x.reshape(*shape[:-1], -1, 3).mean(-1), 1e-6, 1e-7)
    g = normal(*y.shape, seed=1)
    (y * g).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), np.repeat(g / 3.0, 3, -1), 1e-6)


# --- feedback
def test_element_wise_feedback(poisoned: None) -> None:
    layer = nn.ElementWiseRecurrentContainer(nn.Tanh(), lambda y, x: 0.5 * y + x)

    def reference(p: dict[str, Dual]) -> list[Dual]:
        y, out = 0.0 * p["x"][0], []
        for t in range(STEPS):
            h = (2.0 * (0.5 * y + p["x"][t])).sigmoid() * 2.0 - 1.0  # tanh
            y = h
            out.append(y)
        return out

    compare(layer, reference, normal(STEPS, 3, 5))


def test_a_neuron_with_feedback(poisoned: None) -> None:
    layer = nn.ElementWiseRecurrentContainer(nn.LIFNode(v_reset=None), lambda y, x: x - 0.5 * y)

    def reference(p: dict[str, Dual]) -> list[Dual]:
        v, y, out = 0.0 * p["x"][0], 0.0 * p["x"][0], []
        for t in range(STEPS):
            h = v * 0.5 + (p["x"][t] - 0.5 * y)
            y = (h - 1.0).fire("ATan", 2.0)
            v = h - y
            out.append(y)
        return out

    compare(layer, reference, 2.0 * normal(STEPS, 3, 5), exact=True)
    assert layer.sub_module.step_mode == "m"  # as it was set


@pytest.mark.parametrize("bias", [True, False])
def test_linear_feedback(bias: bool, poisoned: None) -> None:
    layer = nn.LinearRecurrentContainer(nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()), 3, 2, bias)
    assert layer.rc.weight.shape == (3, 5)
    assert (layer.rc.bias is not None) == bias

    def product(x: Dual, w: Dual, b: Dual | None) -> Dual:
        rows = x.v.shape[0]
        v = x.v @ w.v.T
        d = x.d @ w.v.T + np.einsum("ni,doi->dno", x.v, w.d)
        assert v.shape[0] == rows
        return Dual(v, d) if b is None else Dual(v, d) + b

    def reference(p: dict[str, Dual]) -> list[Dual]:
        zero = np.zeros((4, 2))
        y, out = Dual(zero, np.zeros((len(p["x"].d), 4, 2))), []
        for t in range(STEPS):
            x = p["x"][t]
            both = Dual(np.concatenate([x.v, y.v], -1), np.concatenate([x.d, y.d], -1))
            inner = product(both, p["rc.weight"], p.get("rc.bias"))
            y = product(inner, p["sub_module.0.weight"], p["sub_module.0.bias"]).sigmoid()
            out.append(y)
        return out

    compare(layer, reference, normal(STEPS, 4, 3))


def test_feedback_state() -> None:
    layer = nn.LinearRecurrentContainer(nn.Linear(3, 2), 3, 2)
    first = Tensor(normal(4, 3), requires_grad=True)
    y = layer(first)
    assert layer.y is y
    with pytest.raises(ValueError, match="reset_net"):
        layer(normal(5, 3))
    F.detach_net(layer)
    layer(Tensor(normal(4, 3), requires_grad=True)).sum().backward()
    assert first.grad is None
    F.reset_net(layer)
    assert layer.y is None


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: nn.SynapseFilter(1.0), ValueError, "tau is too small"),
        (lambda: nn.SynapseFilter(step_mode="x"), ValueError, "unknown step_mode"),
        (lambda: nn.SynapseFilter(step_mode="m")(np.zeros((0, 2))), ValueError, "T >= 1"),
        (lambda: nn.VotingLayer(0), ValueError, "positive integer"),
        (lambda: nn.VotingLayer(4)(np.zeros((2, 6))), ValueError, "whole number of groups"),
        (lambda: nn.ElementWiseRecurrentContainer(abs, max), TypeError, "must be a module"),
        (lambda: nn.ElementWiseRecurrentContainer(nn.Linear(3, 2), lambda y, x: x)(np.zeros((2, 3))), ValueError,
         "does not fit the next input"),
        (lambda: nn.LinearRecurrentContainer(nn.Linear(3, 4), 3, 2)(np.zeros((2, 3))), ValueError, "wrong shape"),
        (lambda: nn.LinearRecurrentContainer(nn.Linear(3, 2), 3, 2)(np.zeros((2, 4))), ValueError, "wrong shape"),
        (lambda: nn.LinearRecurrentContainer(nn.Linear(3, 2), 0, 2), ValueError, "positive integer"),
    ],
)  # fmt: skip
def test_errors(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
