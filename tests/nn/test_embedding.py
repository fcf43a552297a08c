"""Embedding and Dropout2d."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor

pytestmark = pytest.mark.usefixtures("poisoned")


@pytest.mark.parametrize("shape", [(), (5,), (3, 7), (0, 2), (40, 50)])
@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("padding", [None, 2, -1])
def test_values_and_gradients(shape: tuple[int, ...], columns: int, padding: int | None) -> None:
    rng = np.random.default_rng(0)
    layer, index = nn.Embedding(6, columns, padding), rng.integers(0, 6, shape)
    weight = layer.weight.numpy()
    out = layer(index)
    np.testing.assert_array_equal(out.numpy(), weight[index])
    g = rng.normal(size=out.shape).astype(np.float32)
    out.backward(g)
    want = np.zeros((6, columns))
    np.add.at(want, index, g.astype(np.float64))
    if padding is not None:
        want[padding] = 0.0
        assert (weight[padding] == 0).all()
    np.testing.assert_allclose(layer.weight.grad.numpy(), want, 1e-4, 1e-4)


def test_first_values_and_pretrained() -> None:
    values = nn.Embedding(300, 40).weight.numpy()
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, rel=0.05)
    table = np.arange(6.0).reshape(2, 3)
    layer = nn.Embedding.from_pretrained(table, padding_idx=0)
    np.testing.assert_array_equal(layer([0, 1]).numpy(), table)
    assert not layer.weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "Embedding(2, 3, padding_idx=0)"


def test_wrong_embedding() -> None:
    with pytest.raises(ValueError, match="Embedding: num_embeddings is a positive integer, got 0"):
        nn.Embedding(0, 2)
    for value in (3, -4):
        with pytest.raises(ValueError, match=f"padding_idx out of range, got {value}; expected -3 to 2"):
            nn.Embedding(3, 2, value)
        with pytest.raises(ValueError, match="embedding: padding_idx"):
            F.embedding([0], np.ones((3, 2)), value)
    with pytest.raises(ValueError, match="embedding: indices out of range"):
        nn.Embedding(3, 2)([0, 3])
    with pytest.raises(ValueError, match="embedding: indices out of range"):
        nn.Embedding(3, 2)([-1])
    with pytest.raises(TypeError, match="embedding: indices must be integers"):
        nn.Embedding(3, 2)([0.5])
    with pytest.raises(ValueError, match=r"a table has two axes, got shape \(3,\)"):
        F.embedding([0], np.ones(3))
    with pytest.raises(ValueError, match=r"a table has two axes, got shape \(3,\)"):
        nn.Embedding.from_pretrained(np.ones(3))


@pytest.mark.parametrize("where", ["s", "m", "container"])
def test_dropout2d_drops_channels(where: str) -> None:
    layer = nn.Dropout2d(0.25, "m" if where == "m" else "s")
    model = nn.SeqToANNContainer(layer) if where == "container" else layer
    shape = (30, 20, 3, 5) if where == "s" else (4, 30, 20, 3, 5)
    t = Tensor(np.ones(shape), requires_grad=True)
    out = model(t)
    y = out.numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(y[..., :1, :1], shape))
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.05)
    out.backward(np.full(shape, 2.0))
    np.testing.assert_array_equal(t.grad.numpy(), 2 * y)
    again = model(t).numpy()
    if where == "s":
        assert (again != y).any()
    else:
        np.testing.assert_array_equal(y, np.broadcast_to(y[0], shape))
        np.testing.assert_array_equal(again, y)
        F.reset_net(model)
        assert (model(t).numpy() != y).any()
    np.testing.assert_array_equal(model.eval()(t).numpy(), 1.0)


def test_extreme_and_wrong_dropout2d() -> None:
    x = np.ones((2, 3, 2, 2))
    np.testing.assert_array_equal(nn.Dropout2d(1.0)(x).numpy(), 0.0)
    np.testing.assert_array_equal(nn.Dropout2d(1.0, "m")(x[None]).numpy(), 0.0)
    np.testing.assert_array_equal(nn.Dropout2d(0.0)(x).numpy(), 1.0)
    grillyx.manual_seed(0)
    for layer, bad in ((nn.Dropout2d(), x[0]), (nn.Dropout2d(step_mode="m"), x)):
        with pytest.raises(ValueError, match="Dropout2d: wrong number of axes"):
            layer(bad)
    with pytest.raises(ValueError, match="p is a probability"):
        nn.Dropout2d(1.5)
