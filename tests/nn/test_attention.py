"""MultiheadAttention against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import grillyx.nn as nn
from grillyx import Tensor
from tests.helpers import exact, slope

pytestmark = pytest.mark.usefixtures("poisoned")
WIDTH, HEADS, BATCH, ROWS, COLUMNS = 8, 2, 3, 5, 7


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


def reference(q, k, v, w, b, w_out, b_out, heads=HEADS, forbidden=None, bias=None):
    """(N, L, E) throughout; returns the result and the weights of each head."""
    width, out, weights = q.shape[-1], [], []
    x, y, z = (a @ w[s].T + b[s] for a, s in zip((q, k, v), np.split(np.arange(3 * width), 3), strict=True))
    for part in np.split(np.arange(width), heads):
        score = x[..., part] @ np.swapaxes(y[..., part], 1, 2) / len(part) ** 0.5
        score = score + (0 if bias is None else bias)
        score = score if forbidden is None else np.where(forbidden, -np.inf, score)
        weights.append(special.softmax(score, -1))
        out.append(weights[-1] @ z[..., part])
    return np.concatenate(out, -1) @ w_out.T + b_out, np.stack(weights, 1)


def made(batch_first: bool = True, **options: Any) -> nn.MultiheadAttention:
    layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first, **options)
    for k, p in enumerate(layer.parameters()):
        p.copy_(normal(*p.shape, seed=10 + k) * 0.5)
    return layer


def values(layer: nn.Module) -> list[np.ndarray]:
    return [exact(p.numpy()) for p in layer.parameters()]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", ["self", "cross", "three"])
def test_value_and_gradient(batch_first: bool, kind: str) -> None:
    layer = made(batch_first)
    count = {"self": 1, "cross": 2, "three": 3}[kind]
    given = [normal(BATCH, n, WIDTH, seed=s) for s, n in enumerate((ROWS, COLUMNS, COLUMNS)[:count])]
    pick = {"self": (0, 0, 0), "cross": (0, 1, 1), "three": (0, 1, 2)}[kind]

    def turned(x):
        return x if batch_first else np.swapaxes(x, 0, 1)

    def result(*arrays):
        y, weights = reference(*(arrays[k] for k in pick), *arrays[count:])
        return np.concatenate([y.ravel(), weights.mean(1).ravel()])

    tensors = [Tensor(turned(x), requires_grad=True) for x in given]
    y, weights = layer(*(tensors[k] for k in pick))
    arrays = [exact(x) for x in given] + values(layer)
    want = result(*arrays)
    split = y.size
    np.testing.assert_allclose(turned(y.numpy()).ravel(), want[:split], 1e-4, 1e-5)
    np.testing.assert_allclose(weights.numpy().ravel(), want[split:], 1e-4, 1e-5)
    g = exact(normal(want.size, seed=5))
    gy, gw = Tensor(turned(g[:split].reshape(turned(y.numpy()).shape))), Tensor(g[split:].reshape(weights.shape))
    ((y * gy).sum() + (weights * gw).sum()).backward()
    for k, t in enumerate([*tensors, *layer.parameters()]):
        got = turned(t.grad.numpy()) if k < count else t.grad.numpy()
        np.testing.assert_allclose(got, slope(result, arrays, k, g), 1e-3, 2e-4)


@pytest.mark.parametrize("kind", ["bool", "float", "each head", "padding", "causal", "causal padding"])
def test_masks(kind: str) -> None:
    layer, q, k = made(), normal(BATCH, ROWS, WIDTH), normal(BATCH, COLUMNS, WIDTH, seed=1)
    rng = np.random.default_rng(2)
    mask, padding = rng.random((ROWS, COLUMNS)) < 0.4, rng.random((BATCH, COLUMNS)) < 0.4
    mask[:, 0] = padding[:, 0] = False
    later = ~np.tri(ROWS, COLUMNS, dtype=bool)
    options, want = {
        "bool": ({"attn_mask": mask}, {"forbidden": mask}),
        "float": ({"attn_mask": normal(ROWS, COLUMNS)}, {"bias": normal(ROWS, COLUMNS)}),
        "each head": (
            {"attn_mask": np.repeat(padding, HEADS, 0)[:, None].repeat(ROWS, 1)},
            {"forbidden": padding[:, None]},
        ),
        "padding": ({"key_padding_mask": padding}, {"forbidden": padding[:, None]}),
        "causal": ({"is_causal": True}, {"forbidden": later}),
        "causal padding": ({"is_causal": True, "key_padding_mask": padding}, {"forbidden": later | padding[:, None]}),
    }[kind]
    y, weights = layer(q, k, k, average_attn_weights=False, **options)
    want_y, want_weights = reference(*map(exact, (q, k, k)), *values(layer), **want)
    np.testing.assert_allclose(y.numpy(), want_y, 1e-4, 1e-5)
    np.testing.assert_allclose(weights.numpy(), want_weights, 1e-4, 1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
def test_without_a_batch(batch_first: bool) -> None:
    layer, x = made(batch_first), normal(ROWS, WIDTH)
    y, weights = layer(x, x, x)
    want, each = reference(*[exact(x[None])] * 3, *values(layer))
    np.testing.assert_allclose(y.numpy(), want[0], 1e-4, 1e-5)
    np.testing.assert_allclose(weights.numpy(), each[0].mean(0), 1e-4, 1e-5)
    assert layer(x, x, x, need_weights=False)[1] is None


def test_names_and_first_values() -> None:
    layer = nn.MultiheadAttention(64, 4)
    names = {"in_proj_weight": (192, 64), "in_proj_bias": (192,), "out_proj.weight": (64, 64), "out_proj.bias": (64,)}
    assert {k: v.shape for k, v in layer.state_dict().items()} == names
    bound = (6 / 256) ** 0.5
    assert 0.95 * bound < np.abs(layer.in_proj_weight.numpy()).max() <= bound
    assert not layer.in_proj_bias.numpy().any()
    assert not layer.out_proj.bias.numpy().any()
    bare = nn.MultiheadAttention(8, 2, bias=False)
    assert list(bare.state_dict()) == ["in_proj_weight", "out_proj.weight"]
    x = normal(5, 2, 8)
    assert bare(x, x, x)[0].shape == x.shape


def test_dropout_only_in_training() -> None:
    layer, x = made(dropout=0.5), normal(BATCH, ROWS, WIDTH)
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert 0.3 < (weights.numpy() == 0).mean() < 0.7
    assert (layer.eval()(x, x, x, average_attn_weights=False)[1].numpy() > 0).all()


def test_refused() -> None:
    for width, heads in ((8, 3), (0, 1), (8, 0)):
        with pytest.raises(ValueError, match="MultiheadAttention"):
            nn.MultiheadAttention(width, heads)
    with pytest.raises(ValueError, match="dropout is a probability"):
        nn.MultiheadAttention(8, 2, 1.5)
    layer, x = made(), normal(BATCH, ROWS, WIDTH)
    for bad in ((x, x[:1], x[:1]), (x, x, x[:, :1]), (x[..., :4],) * 3, (x, x[0], x[0]), (x[:0],) * 3):
        with pytest.raises(ValueError, match="MultiheadAttention: the shapes do not fit"):
            layer(*bad)
    with pytest.raises(ValueError, match="attn_mask has the wrong shape"):
        layer(x, x, x, attn_mask=np.ones((ROWS, 2)))
    with pytest.raises(ValueError, match="key_padding_mask has the wrong shape"):
        layer(x, x, x, key_padding_mask=np.ones((2, ROWS)))


def test_a_gradient_of_the_weights_only() -> None:
    layer, x = made(), Tensor(normal(BATCH, ROWS, WIDTH), requires_grad=True)
    weights = layer(x, x, x)[1]
    g = exact(normal(*weights.shape, seed=5))
    weights.backward(g)
    rest = values(layer)
    want = slope(lambda a: reference(a, a, a, *rest)[1].mean(1), [exact(x.numpy())], 0, g)
    np.testing.assert_allclose(x.grad.numpy(), want, 1e-3, 1e-4)
