"""Neurons that a user defines in Python, each beside the built-in one that it imitates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.reference import Neuron


class OwnIF(nn.BaseNode):
    def neuronal_charge(self, x: Tensor) -> None:
        self.v = self.v + x


class OwnLIF(nn.BaseNode):
    def __init__(self, tau: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.tau = tau

    def neuronal_charge(self, x: Tensor) -> None:
        rest = 0.0 if self.v_reset is None else self.v_reset
        self.v = self.v - (self.v - rest) / self.tau + x


class OwnPLIF(nn.BaseNode):
    """With a parameter of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.w = nn.Parameter(-np.log(2.0))

    def neuronal_charge(self, x: Tensor) -> None:
        rest = 0.0 if self.v_reset is None else self.v_reset
        self.v = self.v + (x - (self.v - rest)) * F.sigmoid(self.w)


PAIRS = [
    (OwnIF, nn.IFNode),
    (OwnLIF, nn.LIFNode),
    (OwnPLIF, lambda **o: nn.ParametricLIFNode(3.0, decay_input=True, **o)),
]


@pytest.mark.parametrize(("own", "known"), PAIRS)
@pytest.mark.parametrize(
    ("mode", "v_reset", "detach"), [("s", -0.25, False), ("m", None, False), ("s", 0, True), ("m", None, True)]
)
def test_only_a_charge(own: Any, known: Any, detach: bool, v_reset: float | None, mode: str) -> None:
    options = {"v_reset": v_reset, "detach_reset": detach, "step_mode": mode, "surrogate_function": nn.Erf()}
    rng = np.random.default_rng(5)
    x, g, gv = (rng.normal(0.3, 1.0, (3, 3, 5)).astype(np.float32) for _ in range(3))
    got = []
    for make in (own, known):
        node = make(store_v_seq=True, **options)
        inputs = Tensor(x, requires_grad=True)
        out = node(inputs) if mode == "m" else F.stack([node(inputs[t]) for t in range(3)])
        ((out * g).sum() + (node.v * gv[0]).sum() + (0.0 if mode == "s" else (node.v_seq * gv).sum())).backward()
        assert (node.v_seq is None) == (mode == "s")
        grads = [inputs.grad.numpy(), *[p.grad.numpy() for p in node.parameters()]]
        got.append((out.numpy(), node.v.numpy(), grads))
    np.testing.assert_array_equal(got[0][0], got[1][0])
    np.testing.assert_allclose(got[0][1], got[1][1], 1e-5, 1e-6)
    assert len(got[0][2]) == len(got[1][2])
    for a, b in zip(got[0][2], got[1][2], strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 2e-5)


class HalfReset(nn.LIFNode):
    """Goes half of the way back."""

    def neuronal_reset(self, spike: Tensor) -> None:
        self.v = self.v - spike.detach() * self.v * 0.5


class Refractory(nn.IFNode):
    def neuronal_fire(self) -> Tensor:
        return super().neuronal_fire() * 0.0


class Doubled(nn.ParametricLIFNode):
    def neuronal_charge(self, x: Tensor) -> None:
        super().neuronal_charge(x * 2.0)


class SameRules(nn.LIFNode):
    """Changes nothing about the steps."""

    def __init__(self) -> None:
        super().__init__(tau=4.0, step_mode="m")

    def extra_repr(self) -> str:
        return "mine"


def test_an_overridden_rule_is_used() -> None:
    x = np.random.default_rng(0).normal(0.8, 1.0, (5, 4)).astype(np.float32)
    node, v, spikes = HalfReset(tau=4.0, step_mode="m"), np.zeros(4), []
    for current in x.astype(np.float64):
        h = v - v / 4.0 + current
        spikes.append(h >= 1.0)
        v = np.where(h >= 1.0, 0.5 * h, h)
    np.testing.assert_array_equal(node(x).numpy(), spikes)
    np.testing.assert_allclose(node.v.numpy(), v, 1e-5)
    assert np.any(spikes)
    np.testing.assert_array_equal(Refractory(step_mode="m")(x).numpy(), 0.0)
    doubled, plain = Doubled(step_mode="m"), nn.ParametricLIFNode(step_mode="m")
    np.testing.assert_array_equal(doubled(x).numpy(), plain(2 * x).numpy())
    np.testing.assert_allclose(doubled.v.numpy(), plain.v.numpy(), 1e-5, 1e-6)


def test_a_rule_replaced_on_one_neuron_is_used() -> None:
    x = np.full((4, 3), 0.75, np.float32)
    node = nn.IFNode(step_mode="m")
    node.neuronal_reset = lambda spike: None
    np.testing.assert_array_equal(node(x).numpy()[:, 0], [0, 1, 1, 1])
    np.testing.assert_array_equal(node.v.numpy(), 3.0)


@pytest.mark.parametrize("method", ["single_step_forward", "multi_step_forward"])
def test_an_overridden_forward_is_used(method: str) -> None:
    kind = type("Noted", (nn.LIFNode,), {method: lambda self, x: F.zeros_like(x) + 7.0})
    node = kind(step_mode=method[0])
    np.testing.assert_array_equal(node(np.ones((2, 3))).numpy(), np.full((2, 3), 7.0))


def test_the_rules_of_a_fused_neuron_can_be_called() -> None:
    """neuronal_charge, _fire and _reset of a built-in neuron are the steps that the shader takes."""
    x = np.random.default_rng(0).normal(0.5, 1.0, (4, 3)).astype(np.float32)
    for make in (nn.IFNode, lambda: nn.LIFNode(3.0, v_reset=-0.25), lambda: nn.ParametricLIFNode(decay_input=True)):
        node, by_hand = make(), make()
        by_hand.v = Tensor(np.full(3, by_hand.v))
        for row in x:
            by_hand.neuronal_charge(Tensor(row))
            spike = by_hand.neuronal_fire()
            by_hand.neuronal_reset(spike)
            np.testing.assert_array_equal(spike.numpy(), node(row).numpy())
            np.testing.assert_allclose(by_hand.v.numpy(), node.v.numpy(), 1e-5, 1e-6)


def test_a_subclass_with_the_same_rules_stays_one_dispatch() -> None:
    x = Tensor(np.ones((6, 4)))
    for node, few in ((SameRules(), True), (HalfReset(step_mode="m"), False)):
        before = grillyx.counters()["dispatches"]
        node(x)
        used = grillyx.counters()["dispatches"] - before
        assert used == 1 if few else used > 6
    assert repr(SameRules()) == "SameRules(mine)"


def test_own_neurons_live_in_models() -> None:
    """They are reset, detached, watched, and hold their state like the others."""
    x = np.random.default_rng(0).normal(0.5, 1.0, (5, 2, 3)).astype(np.float32)
    model = nn.Sequential(nn.SeqToANNContainer(nn.Linear(3, 4)), OwnPLIF(step_mode="m"))
    assert [name for name, _ in model.named_parameters()] == ["0.0.weight", "0.0.bias", "1.w"]
    with nn.Monitor(model, voltages=True) as monitor:
        first = model(x).numpy()
    np.testing.assert_array_equal(monitor.spikes["1"][0].numpy(), first)
    assert monitor.voltages["1"][0].shape == (5, 2, 4)
    with pytest.raises(ValueError, match="OwnPLIF: the state has another shape"):
        model(x[:, :1])
    F.reset_net(model)
    np.testing.assert_array_equal(model(x).numpy(), first)


def test_a_neuron_without_a_charge() -> None:
    with pytest.raises(NotImplementedError, match=r"BaseNode: define neuronal_charge\(self, x\)"):
        nn.BaseNode()(np.ones(3))


def test_the_reference_agrees() -> None:
    """OwnLIF against the closed form, so that both are not wrong together."""
    x = np.random.default_rng(1).normal(0.5, 1.0, (6, 7)).astype(np.float32)
    s, v, _ = Neuron(1 / 3, v_reset=-0.25).forward(x.astype(np.float64))
    node = OwnLIF(tau=3.0, v_reset=-0.25, step_mode="m")
    np.testing.assert_array_equal(node(x).numpy(), s)
    np.testing.assert_allclose(node.v.numpy(), v[-1], 1e-5, 1e-6)
