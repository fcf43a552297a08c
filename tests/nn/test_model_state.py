"""The memories of further neurons: calls in a row, reset, detach, checkpoints, and wrong calls."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor

MAKE: list[Callable[..., Any]] = [
    nn.KLIFNode, nn.QIFNode, nn.EIFNode, lambda **o: nn.IzhikevichNode(a=0.5, b=0.25, **o), nn.CUBALIFNode,
    lambda **o: nn.ALIFNode(tau_adaptation=3.0, **o), lambda **o: nn.Leaky(0.9, learn_beta=True, **o),
    lambda **o: nn.Synaptic(0.9, 0.8, **o), lambda **o: nn.Alpha(0.9, 0.8, reset_mechanism="subtract", **o),
]  # fmt: skip
EXTRA = {"IzhikevichNode": ["w"], "CUBALIFNode": ["c"], "ALIFNode": ["b"], "Synaptic": ["syn"],
         "Alpha": ["syn_exc", "syn_inh"]}  # fmt: skip


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.6, 1.0, shape).astype(np.float32)


def memories(node: Any) -> list[str]:
    return ["v", *EXTRA.get(type(node).__name__, [])]


@pytest.mark.parametrize("make", MAKE)
def test_the_state_continues_and_is_forgotten(make: Callable[..., Any], poisoned: None) -> None:
    x, g = normal(8, 2, 3), normal(8, 2, 3, seed=1)
    whole, parts = make(step_mode="m"), make(step_mode="m", store_v_seq=True)
    xw, xp = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    want = whole(xw)
    got = F.concatenate([parts(xp[:3]), parts(xp[3:])])
    np.testing.assert_array_equal(got.numpy(), want.numpy())
    assert parts.v_seq.shape == (5, 2, 3)
    for name in memories(whole):
        np.testing.assert_allclose(getattr(parts, name).numpy(), getattr(whole, name).numpy(), 1e-6)
        assert getattr(whole, name).shape == (2, 3)
    (want * g).sum().backward()
    (got * g).sum().backward()
    np.testing.assert_allclose(xp.grad.numpy(), xw.grad.numpy(), 1e-5, 1e-6)
    fresh = make(step_mode="m")
    F.reset_net(whole)
    assert [getattr(whole, k) for k in memories(whole)] == [getattr(fresh, k) for k in memories(fresh)]
    np.testing.assert_array_equal(whole(x).numpy(), want.numpy())
    F.reset_net(whole)
    np.testing.assert_array_equal(whole(normal(4, 7)).shape, (4, 7))


@pytest.mark.parametrize("make", MAKE)
def test_detach_cuts_the_past(make: Callable[..., Any]) -> None:
    node, kept = make(), make()
    for each in (node, kept):
        first, second = Tensor(normal(2, 3), requires_grad=True), Tensor(normal(2, 3, seed=1), requires_grad=True)
        each(first)
        if each is node:
            F.detach_net(each)
        each(second)
        (each(np.ones((2, 3))).sum() + each.v.sum()).backward()  # the membrane of Alpha follows its input a step later
        assert np.abs(second.grad.numpy()).sum() > 0.0
        assert (first.grad is None) == (each is node)
    for name in memories(node):
        np.testing.assert_array_equal(getattr(node, name).numpy(), getattr(kept, name).numpy())


@pytest.mark.parametrize("make", MAKE)
def test_a_copy_and_a_checkpoint(make: Callable[..., Any]) -> None:
    node = make(step_mode="m")
    node(normal(3, 2, 4))
    F.detach_net(node)
    twin = copy.deepcopy(node)
    x, g = normal(9, 2, 4, seed=2), normal(9, 2, 4, seed=3)
    a, b = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    want, got = node(a), nn.CheckpointedSequence(twin, 4)(b)
    np.testing.assert_array_equal(got.numpy(), want.numpy())
    (want * g).sum().backward()
    (got * g).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), 1e-5, 1e-6)
    for p, q in zip(node.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-4, 1e-5)
    for name in memories(node):
        np.testing.assert_allclose(getattr(twin, name).numpy(), getattr(node, name).numpy(), 1e-6)


@pytest.mark.parametrize("make", MAKE)
def test_wrong_shapes(make: Callable[..., Any]) -> None:
    node = make()
    node(normal(2, 3))
    before = {k: getattr(node, k).numpy() for k in memories(node)}
    with pytest.raises(ValueError, match="reset_net"):
        node(normal(4, 3))
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(node, name).numpy(), value)
    for name in before:
        F.reset_net(node)
        setattr(node, name, np.zeros((5, 5), np.float32))
        with pytest.raises(ValueError, match="reset_net"):
            node(normal(2, 3))
    F.reset_net(node)
    with pytest.raises(ValueError, match="T >= 1"):
        make(step_mode="m")(np.zeros((0, 3)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.KLIFNode(tau=1.0), "KLIFNode: tau is too small, got 1.0; expected more than 1"),
        (lambda: nn.QIFNode(tau=1), "tau is too small"),
        (lambda: nn.QIFNode(a0=0.0), "a0 is too small"),
        (lambda: nn.QIFNode(v_reset=0.5), "v_reset is too high"),
        (lambda: nn.QIFNode(v_threshold=-0.1, v_rest=-0.1), "v_reset is too high"),
        (lambda: nn.EIFNode(delta_T=0.0), "delta_T is too small"),
        (lambda: nn.EIFNode(v_rest=-1.0), "v_reset is too high"),
        (lambda: nn.EIFNode(theta_rh=float("nan")), "theta_rh must be finite"),
        (lambda: nn.IzhikevichNode(tau_w=0.0), "tau_w is too small"),
        (lambda: nn.IzhikevichNode(b=float("inf")), "b must be finite"),
        (lambda: nn.CUBALIFNode(c_decay=float("nan")), "c_decay must be finite"),
        (lambda: nn.ALIFNode(tau=0.5), "ALIFNode: tau is too small"),
        (lambda: nn.ALIFNode(tau_adaptation=0.0), "tau_adaptation is too small"),
        (lambda: nn.Leaky(float("nan")), "Leaky: beta must be finite"),
        (lambda: nn.Leaky(0.9, np.array([1.0, np.inf])), "threshold must be finite"),
        (lambda: nn.Leaky(0.9, reset_mechanism="hard"), "unknown reset_mechanism"),
        (lambda: nn.Leaky(0.9, init_hidden=False), "kept inside"),
        (lambda: nn.Alpha(0.5, 0.5), "0 < beta < alpha <= 1"),
        (lambda: nn.Alpha(0.5, 0.0), "0 < beta < alpha <= 1"),
        (lambda: nn.GatedLIFNode(0), "positive integer"),
        (lambda: nn.GatedLIFNode(4, init_tau=1.0), "init_tau out of range"),
        (lambda: nn.GatedLIFNode(4, step_mode="s"), "whole sequences"),
        (lambda: nn.GatedLIFNode(4)(np.zeros((3, 2))), "made for T=4"),
        (lambda: nn.GatedLIFNode(4, 3)(np.zeros((4, 2, 2))), "made for 3 channels"),
        (lambda: nn.GatedLIFNode(4).single_step_forward(np.zeros(2)), "whole sequences"),
    ],
)
def test_settings_are_checked(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_a_setting_may_change_and_is_checked_again() -> None:
    node = nn.EIFNode()
    node.tau = 0.5
    with pytest.raises(ValueError, match="tau is too small"):
        node(np.zeros((2, 3)))
