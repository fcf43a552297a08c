"""LSTM and GRU against NumPy, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import grillyx.nn as nn
from grillyx import Tensor
from tests.helpers import exact, slope

pytestmark = pytest.mark.usefixtures("poisoned")
KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


def direction(kind, x, state, weights, reverse):
    w_ih, w_hh = weights[:2]
    b_ih, b_hh = weights[2:] if len(weights) > 2 else (0, 0)
    (h, *rest), out = state, np.zeros((*x.shape[:2], w_hh.shape[1]))
    for t in range(len(x))[:: -1 if reverse else 1]:
        if kind == "LSTM":
            i, f, g, o = np.split(x[t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, -1)
            rest = [expit(f) * rest[0] + expit(i) * np.tanh(g)]
            h = expit(o) * np.tanh(rest[0])
        else:
            (a, b, c), (d, e, f) = (np.split(v, 3, -1) for v in (x[t] @ w_ih.T + b_ih, h @ w_hh.T + b_hh))
            z, n = expit(b + e), np.tanh(c + expit(a + d) * f)
            h = (1 - z) * n + z * h
        out[t] = h
    return out, [h, *rest]


def reference(kind, x, states, weights, layers, both, biased):
    """Outputs (T, N, *) and the last states, for weights in the order of the state dict."""
    each, last, at = 4 if biased else 2, [], 0
    for _ in range(layers):
        outs = []
        for way in range(1 + both):
            y, after = direction(kind, x, [s[at] for s in states], weights[each * at : each * (at + 1)], way == 1)
            outs.append(y)
            last.append(after)
            at += 1
        x = np.concatenate(outs, -1)
    return x, [np.stack(part) for part in zip(*last, strict=True)]


def flat(kind: str, y: Any, last: Any) -> list[Any]:
    return [y, *(last if kind == "LSTM" else [last])]


CASES: list[dict[str, Any]] = [
    {}, {"bias": False}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True},
    {"batch_first": True},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize(("steps", "batch", "size"), [(4, 3, 4), (3, 2, 5), (1, 1, 1)])
def test_value_and_gradient(kind: str, options: dict[str, Any], steps: int, batch: int, size: int) -> None:
    layer = KINDS[kind](3, size, **options)
    layers, both = options.get("num_layers", 1), options.get("bidirectional", False)
    biased, first = options.get("bias", True), options.get("batch_first", False)
    count = 2 if kind == "LSTM" else 1
    states = [normal(layers * (1 + both), batch, size, seed=s + 1) for s in range(count)]
    x = normal(*((batch, steps) if first else (steps, batch)), 3)

    def result(x, *rest):
        y, last = reference(kind, x.swapaxes(0, 1) if first else x, rest[:count], rest[count:], layers, both, biased)
        return np.concatenate([a.ravel() for a in (y.swapaxes(0, 1) if first else y, *last)])

    tensors = [Tensor(a, requires_grad=True) for a in (x, *states)]
    out = flat(kind, *layer(tensors[0], tuple(tensors[1:]) if kind == "LSTM" else tensors[1]))
    arrays = [exact(a) for a in (x, *states, *(p.numpy() for p in layer.parameters()))]
    want = result(*arrays)
    np.testing.assert_allclose(np.concatenate([a.numpy().ravel() for a in out]), want, 1e-4, 1e-5)
    assert out[0].shape == (*x.shape[:2], size * (1 + both))
    assert all(s.shape == states[0].shape for s in out[1:])
    g, at, loss = exact(normal(want.size, seed=9)), 0, 0.0
    for a in out:
        loss = (a * g[at : at + a.size].reshape(a.shape)).sum() + loss
        at += a.size
    loss.backward()
    for k, t in enumerate([*tensors, *layer.parameters()]):
        np.testing.assert_allclose(t.grad.numpy(), slope(result, arrays, k, g), 1e-3, 2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_are_the_first_states_and_one_sequence_needs_no_batch(kind: str) -> None:
    layer, x = KINDS[kind](3, 4, bidirectional=True), normal(5, 3)
    got = flat(kind, *layer(x))
    want = flat(kind, *layer(x[:, None]))
    zeros = [np.zeros((2, 1, 4))] * (2 if kind == "LSTM" else 1)
    given = flat(kind, *layer(x[:, None], tuple(zeros) if kind == "LSTM" else zeros[0]))
    for a, b, c in zip(got, want, given, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy()[:, 0])
        np.testing.assert_array_equal(b.numpy(), c.numpy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0, 1])
def test_a_gradient_of_one_output_only(kind: str, part: int) -> None:
    layer, x = KINDS[kind](3, 4), Tensor(normal(5, 2, 3), requires_grad=True)
    out = flat(kind, *layer(x))[part]
    g = exact(normal(*out.shape, seed=1))
    out.backward(g)
    weights = [exact(p.numpy()) for p in layer.parameters()]
    zeros = [np.zeros((1, 2, 4))] * 2

    def result(x):
        y, last = reference(kind, x, zeros[: 2 if kind == "LSTM" else 1], weights, 1, False, True)
        return [y, *last][part]

    np.testing.assert_allclose(x.grad.numpy(), slope(result, [exact(x.numpy())], 0, g), 1e-3, 1e-4)


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_names_and_first_values(kind: str, gates: int) -> None:
    layer = KINDS[kind](3, 4, 2, bidirectional=True)
    want = {}
    for k, inputs in enumerate((3, 8)):
        for end in (f"_l{k}", f"_l{k}_reverse"):
            want |= {f"weight_ih{end}": (gates * 4, inputs), f"weight_hh{end}": (gates * 4, 4)}
            want |= {f"bias_ih{end}": (gates * 4,), f"bias_hh{end}": (gates * 4,)}
    assert [(k, v.shape) for k, v in layer.state_dict().items()] == list(want.items())
    values = KINDS[kind](100, 25).weight_ih_l0.numpy()
    assert 0.19 < np.abs(values).max() <= 0.2
    assert repr(layer) == f"{kind}(3, 4, num_layers=2, bidirectional=True)"
    assert repr(KINDS[kind](3, 4)) == f"{kind}(3, 4)"


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers(kind: str) -> None:
    layer, x = KINDS[kind](3, 4, 2, dropout=0.5), normal(5, 2, 3)
    first, second = (layer(x)[0].numpy() for _ in range(2))
    assert (first != second).any()
    assert (first != 0).all()
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_refused(kind: str) -> None:
    layer = KINDS[kind](3, 4)
    for shape in ((5, 2, 4), (3,), (0, 2, 3), (5, 0, 3), (1, 5, 2, 3)):
        with pytest.raises(ValueError, match=f"{kind}: wrong input, got shape"):
            layer(np.ones(shape))
    state = np.zeros((2, 1, 4))
    with pytest.raises(ValueError, match=r"a first state has the wrong shape, got \(2, 1, 4\); expected \(1, 1, 4\)"):
        layer(np.ones((5, 1, 3)), (state, state) if kind == "LSTM" else state)
    with pytest.raises(ValueError, match="hidden_size is a positive integer"):
        KINDS[kind](3, 0)
    with pytest.raises(ValueError, match="dropout is a probability"):
        KINDS[kind](3, 4, dropout=2)
    if kind == "LSTM":
        with pytest.raises(TypeError, match=r"a pair \(h, c\)"):
            layer(np.ones((5, 1, 3)), state)
