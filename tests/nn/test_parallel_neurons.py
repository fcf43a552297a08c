"""PSN, MaskedPSN and SlidingPSN: products over time in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.reference import surrogate

STEPS = 5


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.6, 1.0, shape).astype(np.float32)


def check(node: Any, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare spikes, H and the gradient of x; return the last, and those of H and of the matrix."""
    wide = x.astype(np.float64).reshape(len(x), -1)
    h = weight @ wide + bias
    assert np.abs(h).min(initial=1.0) > 1e-5
    g, gh = (normal(*x.shape, seed=k).astype(np.float64).reshape(len(x), -1) for k in (1, 2))
    grad_h = g * surrogate("ATan", h, 2.0) + gh
    t = Tensor(x, requires_grad=True)
    out = node(t)
    np.testing.assert_array_equal(out.numpy().reshape(h.shape), h >= 0.0)
    np.testing.assert_allclose(node.v_seq.numpy().reshape(h.shape), h, 1e-5, 1e-5)
    ((out * g.reshape(x.shape)).sum() + (node.v_seq * gh.reshape(x.shape)).sum()).backward()
    np.testing.assert_allclose(t.grad.numpy().reshape(h.shape), weight.T @ grad_h, 1e-4, 1e-5)
    return t.grad.numpy(), grad_h, grad_h @ wide.T


@pytest.mark.parametrize("sample", [(3, 7), (1,), (2, 3, 2, 2)])
def test_psn(sample: tuple[int, ...], poisoned: None) -> None:
    node = nn.PSN(STEPS, store_v_seq=True)
    assert np.abs(node.weight.numpy()).max() <= STEPS**-0.5
    np.testing.assert_array_equal(node.bias.numpy(), np.full((STEPS, 1), -1.0))
    weight = node.weight.numpy().astype(np.float64)
    _, grad_h, grad_w = check(node, normal(STEPS, *sample), weight, -np.ones((STEPS, 1)))
    np.testing.assert_allclose(node.weight.grad.numpy(), grad_w, 1e-4, 1e-4)
    np.testing.assert_allclose(node.bias.grad.numpy(), grad_h.sum(1, keepdims=True), 1e-4, 1e-4)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 2, 9])
def test_masked_psn(k: int, amount: float, poisoned: None) -> None:
    node = nn.MaskedPSN(k, STEPS, lambda_init=amount, step_mode="m", store_v_seq=True)
    back = np.arange(STEPS)[:, None] - np.arange(STEPS)
    mask = amount * ((back >= 0) & (back < k)) + (1.0 - amount)
    assert node.lambda_ == amount
    assert set(node.state_dict()) == {"weight", "bias", "_lambda_", "mask0", "mask1"}
    x = normal(STEPS, 3, 4)
    weight = node.weight.numpy().astype(np.float64) * mask
    _, grad_h, grad_w = check(node, x, weight, -np.ones((STEPS, 1)))
    np.testing.assert_allclose(node.weight.grad.numpy(), grad_w * mask, 1e-4, 1e-4)
    np.testing.assert_allclose(node.bias.grad.numpy(), grad_h.sum(1, keepdims=True), 1e-4, 1e-4)
    if amount == 1.0:
        steps_are_the_sequence(node, x)


def steps_are_the_sequence(node: Any, x: np.ndarray) -> None:
    t = Tensor(x, requires_grad=True)
    node.step_mode, g = "m", normal(*x.shape, seed=3)
    node.zero_grad()
    want = node(t)
    (want * g).sum().backward()
    grads = [t.grad.numpy(), *[p.grad.numpy() for p in node.parameters()]]
    node.step_mode = "s"
    for _ in range(2):  # and a reset forgets
        F.reset_net(node)
        node.zero_grad()
        t = Tensor(x, requires_grad=True)
        out = F.stack([node(row) for row in t])
        np.testing.assert_array_equal(out.numpy(), want.numpy())
        (out * g).sum().backward()
        for a, b in zip([t.grad, *[p.grad for p in node.parameters()]], grads, strict=True):
            np.testing.assert_allclose(a.numpy(), b, 1e-4, 1e-5)


@pytest.mark.parametrize("steps", [1, STEPS, 12])
@pytest.mark.parametrize(("k", "exp_init"), [(1, True), (3, True), (4, False)])
def test_sliding_psn(k: int, exp_init: bool, steps: int, poisoned: None) -> None:
    node = nn.SlidingPSN(k, exp_init, step_mode="m", store_v_seq=True)
    w = node.weight.numpy().astype(np.float64)
    if exp_init:
        np.testing.assert_array_equal(w, 0.5 ** np.arange(k)[::-1])
    weight = np.zeros((steps, steps))
    for t in range(steps):
        for j in range(min(k, t + 1)):
            weight[t, t - j] = w[k - 1 - j]
    np.testing.assert_allclose(node.gen_gemm_weight(steps).numpy(), weight)
    x = normal(steps, 3, 4)
    _, grad_h, grad_w = check(node, x, weight, np.array(-1.0))
    np.testing.assert_allclose(node.bias.grad.numpy(), grad_h.sum(), 1e-4, 1e-4)
    want = [sum(grad_w[t, t - j] for t in range(j, steps)) for j in range(k)][::-1]
    np.testing.assert_allclose(node.weight.grad.numpy(), want, 1e-4, 1e-4)
    steps_are_the_sequence(node, x)


def test_detach_cuts_the_queue() -> None:
    node = nn.SlidingPSN(2)
    first, second = (Tensor(normal(2, 3, seed=s), requires_grad=True) for s in (0, 1))
    node(first)
    F.detach_net(node)
    node(second).sum().backward()
    assert first.grad is None
    assert np.abs(second.grad.numpy()).min() > 0.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.PSN(0), "positive integer"),
        (lambda: nn.PSN(4)(np.zeros((3, 2, 2))), "made for T=4, got 3"),
        (lambda: nn.PSN(4, step_mode="s"), "whole sequences"),
        (lambda: nn.MultiStepContainer(nn.PSN(4))(np.zeros((4, 2, 2))), "whole sequences"),
        (lambda: nn.MaskedPSN(2, 4, 1.5), "out of range, got 1.5"),
        (lambda: nn.MaskedPSN(2, 4)(np.zeros((2, 2))), "sees later ones"),
        (lambda: nn.MaskedPSN(2, 4, step_mode="m")(np.zeros((5, 2))), "made for T=4"),
        (lambda: [m(np.zeros((2, 2))) for m in [nn.MaskedPSN(2, 2, 1.0)] for _ in range(3)], "reset_net"),
        (lambda: [m(np.zeros((n, 2))) for m in [nn.SlidingPSN(2)] for n in (2, 3)], "reset_net"),
        (lambda: nn.SlidingPSN(0), "positive integer"),
    ],
)
def test_errors(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_they_have_a_memory_for_containers() -> None:
    with pytest.raises(TypeError, match="memory"):
        nn.SeqToANNContainer(nn.PSN(3))
