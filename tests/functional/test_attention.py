"""Scaled dot-product attention."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import grillyx
import grillyx.functional as F
from tests.helpers import check


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


def reference(q, k, v, mask=None, scale=None, causal=False):
    s = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    return special.softmax(s, -1) @ v


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("q", "k", "v"),
    [
        ((3, 5), (4, 5), (4, 2)), ((1, 1), (1, 1), (1, 1)), ((2, 3, 4, 8), (2, 3, 8, 8), (2, 3, 8, 4)),
        ((2, 1, 3, 5), (3, 7, 5), (1, 3, 7, 3)), ((4, 33, 3), (4, 9, 3), (4, 9, 3)),
    ],
)  # fmt: skip
def test_value_and_gradient(q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], causal: bool) -> None:
    check(
        lambda *x: F.scaled_dot_product_attention(*x, is_causal=causal),
        lambda *x: reference(*x, causal=causal), normal(*q), normal(*k, seed=1), normal(*v, seed=2), rtol=3e-5, atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 7), (3, 1, 7), (2, 1, 5, 1), (2, 3, 5, 7), ()])
def test_a_mask_of_floats_learns(shape: tuple[int, ...]) -> None:
    check(
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
        lambda q, k, v, m: reference(q, k, v, m, 0.3),
        normal(2, 3, 5, 4), normal(2, 3, 7, 4, seed=1), normal(2, 3, 7, 4, seed=2), normal(*shape, seed=3),
        rtol=3e-5, atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 8), (2, 1, 1, 8)])
def test_a_mask_of_booleans(shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(4).random(shape) < 0.6
    mask[..., 0] = True
    check(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask),
        lambda q, k, v: reference(q, k, v, mask),
        normal(2, 3, 5, 4), normal(2, 3, 8, 4, seed=1), normal(2, 3, 8, 4, seed=2), rtol=3e-5, atol=1e-5,
    )  # fmt: skip


def test_nothing_takes_part() -> None:
    v = normal(4, 3)
    y = F.scaled_dot_product_attention(normal(2, 3), normal(4, 3), v, np.zeros((2, 4), bool))
    np.testing.assert_allclose(y.numpy(), np.broadcast_to(v.mean(0), (2, 3)), 1e-5, 1e-6)


def test_dropout() -> None:
    q, k, eye = normal(50, 4), normal(40, 4), np.eye(40, dtype=np.float32)
    weights = F.scaled_dot_product_attention(q, k, eye).numpy()
    grillyx.manual_seed(1)
    t = grillyx.Tensor(eye, requires_grad=True)
    y = F.scaled_dot_product_attention(q, k, t, dropout_p=0.25)
    kept = y.numpy() != 0
    assert kept.mean() == pytest.approx(0.75, abs=0.04)
    np.testing.assert_allclose(y.numpy(), weights * kept / 0.75, 1e-5, 1e-7)
    g = normal(50, 40)
    y.backward(g)
    np.testing.assert_allclose(t.grad.numpy(), (weights * kept / 0.75).T @ g, 1e-4, 1e-5)
    np.testing.assert_array_equal(F.scaled_dot_product_attention(q, k, eye, dropout_p=1.0).numpy(), 0.0)


def test_errors() -> None:
    x = np.ones((3, 4))
    for bad in ((x, np.ones((3, 5)), x), (x, x, np.ones((2, 4))), (np.ones(4), x, x)):
        with pytest.raises(ValueError, match="attention: the shapes do not fit"):
            F.scaled_dot_product_attention(*bad)
    with pytest.raises(ValueError, match="nothing to attend to"):
        F.scaled_dot_product_attention(x, x[:0], x[:0])
    with pytest.raises(ValueError, match="the mask has the wrong shape"):
        F.scaled_dot_product_attention(x, x, x, np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match="got both"):
        F.scaled_dot_product_attention(x, x, x, np.ones((3, 3)), is_causal=True)
    with pytest.raises(ValueError, match="dropout_p is a probability"):
        F.scaled_dot_product_attention(x, x, x, dropout_p=1.5)
