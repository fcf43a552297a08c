"""Linear, Flatten, Identity, Dropout and pooling as modules; the activations against their functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


# --- Linear
def test_linear() -> None:
    layer, x, g = nn.Linear(3, 5), normal(2, 4, 3), normal(2, 4, 5, seed=1)
    t = Tensor(x, requires_grad=True)
    out = layer(t)
    w, b = layer.weight.numpy().astype(np.float64), layer.bias.numpy().astype(np.float64)
    np.testing.assert_allclose(out.numpy(), x @ w.T + b, 1e-5, 1e-6)
    out.backward(g)
    np.testing.assert_allclose(layer.weight.grad.numpy(), np.einsum("abo,abi->oi", g, x), 1e-4, 1e-5)
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.sum((0, 1)), 1e-4, 1e-5)
    np.testing.assert_allclose(t.grad.numpy(), g @ w, 1e-4, 1e-5)
    bare = nn.Linear(3, 5, bias=False)
    assert bare.bias is None
    assert list(bare.state_dict()) == ["weight"]
    np.testing.assert_allclose(bare(x).numpy(), x @ bare.weight.numpy().T, 1e-5, 1e-6)


@pytest.mark.parametrize("inputs", [1, 4, 100])
def test_first_values_of_linear(inputs: int) -> None:
    """Uniform in ±1 / sqrt(in_features), as in torch: the bounds, the mean and the spread."""
    layer, bound = nn.Linear(inputs, 4000), inputs**-0.5
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert -bound <= values.min() < -0.95 * bound
        assert 0.95 * bound < values.max() <= bound
        assert abs(values.mean()) < 0.05 * bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert (layer.weight.numpy()[:, 0] != layer.bias.numpy()).any()


def test_first_values_come_from_the_seed() -> None:
    made = []
    for seed in (5, 5, 6):
        grillyx.manual_seed(seed)
        made.append([nn.Linear(7, 3).weight.numpy() for _ in range(2)])
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0][0] != made[2][0]).any()
    assert (made[0][0] != made[0][1]).any()


def test_wrong_linear() -> None:
    for value in (0, -1, 2.5, "3", None, True):
        with pytest.raises(ValueError, match=f"Linear: in_features is a positive integer, got {value!r}"):
            nn.Linear(value, 2)
        with pytest.raises(ValueError, match="Linear: out_features is a positive integer"):
            nn.Linear(2, value)
    assert nn.Linear(np.int64(3), np.int32(2)).weight.shape == (2, 3)
    for shape in ((2, 4), (3, 2), ()):
        with pytest.raises(ValueError, match=r"linear: the last axis of the input must be in_features.*\(\.\.\., 3\)"):
            nn.Linear(3, 2)(np.ones(shape))


# --- Flatten, Identity
def test_flatten_and_identity() -> None:
    x = normal(2, 3, 4, 5)
    for arguments, shape in (
        ((), (2, 60)),
        ((0,), (120,)),
        ((2,), (2, 3, 20)),
        ((1, 2), (2, 12, 5)),
        ((-2, -1), (2, 3, 20)),
    ):
        np.testing.assert_array_equal(nn.Flatten(*arguments)(x).numpy(), x.reshape(shape))
    layer = nn.Identity(54, unused=True)
    t = Tensor(x)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)
    assert nn.Sequential()(t).shape == t.shape


# --- activations
ACTIVATIONS: list[tuple[nn.Module, Any]] = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)), (nn.ReLU(inplace=True), lambda x: np.maximum(x, 0)),
    (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (nn.ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
    (nn.ELU(0.3), lambda x: np.where(x > 0, x, 0.3 * np.expm1(x))),
    (nn.Hardtanh(-0.5, 0.8), lambda x: np.clip(x, -0.5, 0.8)),
    (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (nn.Softplus(), lambda x: np.logaddexp(x, 0)),
    (nn.Softplus(2, 1), lambda x: np.where(2 * x > 1, x, np.logaddexp(2 * x, 0) / 2)),
    (nn.LeakyReLU(0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (nn.GELU(), lambda x: x * special.ndtr(x)),
    (nn.GELU("tanh"), lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))),
    (nn.SiLU(), lambda x: x * special.expit(x)), (nn.Tanh(), np.tanh), (nn.Sigmoid(), special.expit),
    (nn.Softmax(), lambda x: special.softmax(x, -1)), (nn.Softmax(dim=0), lambda x: special.softmax(x, 0)),
    (nn.LogSoftmax(), lambda x: special.log_softmax(x, -1)), (nn.LogSoftmax(0), lambda x: special.log_softmax(x, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "reference"), ACTIVATIONS)
def test_activation(layer: nn.Module, reference: Any) -> None:
    x = normal(3, 7) * 3
    np.testing.assert_allclose(layer(x).numpy(), reference(x.astype(np.float64)), 1e-5, 1e-6)
    assert not list(layer.parameters())


def test_wrong_activation() -> None:
    with pytest.raises(ValueError, match="approximate"):
        nn.GELU("fast")(np.ones(3))


# --- Dropout
def test_dropout_draws_a_new_mask_each_call_outside_sequences() -> None:
    layer, x = nn.Dropout(0.25), np.ones((40, 50))
    first, second = layer(x).numpy(), layer(x).numpy()
    for out in (first, second):
        assert set(np.unique(out).tolist()) == {0.0, np.float32(1 / 0.75).item()}
        assert (out == 0).mean() == pytest.approx(0.25, abs=0.04)
    assert 0.2 < (first != second).mean() < 0.55


def test_dropout_passes_the_same_mask_back() -> None:
    layer, t = nn.Dropout(0.5), Tensor(np.ones((20, 30)), requires_grad=True)
    out = layer(t)
    out.backward(np.full((20, 30), 3.0))
    np.testing.assert_array_equal(t.grad.numpy(), 3.0 * out.numpy())


def test_dropout_is_the_identity_in_eval_and_at_zero() -> None:
    x = normal(4, 5)
    for layer in (nn.Dropout(0.9).eval(), nn.Dropout(0.0), nn.Dropout(0), nn.Dropout(0.9, step_mode="m").eval()):
        t = Tensor(x, requires_grad=True)
        out = layer(t)
        np.testing.assert_array_equal(out.numpy(), x)
        out.sum().backward()
        np.testing.assert_array_equal(t.grad.numpy(), np.ones((4, 5)))
        assert layer(x.tolist()).shape == (4, 5)
    np.testing.assert_array_equal(nn.Dropout(1.0)(x).numpy(), 0.0)


def sequence_of(where: str, p: float = 0.5) -> tuple[nn.Module, nn.Dropout]:
    layer = nn.Dropout(p, step_mode="m" if where == "m" else "s")
    if where == "SeqToANNContainer":
        return nn.SeqToANNContainer(layer), layer
    if where == "MultiStepContainer":
        return nn.MultiStepContainer(layer), layer
    if where == "deep":
        return nn.Sequential(nn.SeqToANNContainer(nn.Sequential(nn.Identity(), layer))), layer
    return layer, layer


PLACES = ["SeqToANNContainer", "MultiStepContainer", "deep", "m"]


@pytest.mark.parametrize("where", PLACES)
def test_one_mask_a_sequence(where: str) -> None:
    """The same for all steps and for later calls, but not for all samples; another after reset_net."""
    model, _ = sequence_of(where)
    t = Tensor(np.ones((6, 8, 9)), requires_grad=True)
    out = model(t)
    first = out.numpy()
    np.testing.assert_array_equal(first, np.broadcast_to(first[0], first.shape))
    assert (first[0][0] != first[0][1]).any()
    assert set(np.unique(first).tolist()) == {0.0, 2.0}
    np.testing.assert_array_equal(model(t).numpy(), first)
    np.testing.assert_array_equal(model(np.ones((2, 8, 9))).numpy(), first[:2])
    out.backward(np.ones(out.shape))
    np.testing.assert_array_equal(t.grad.numpy(), first)
    F.reset_net(model)
    assert (model(t).numpy()[0] != first[0]).any()


@pytest.mark.parametrize("where", PLACES)
def test_eval_and_extreme_chances_in_a_sequence(where: str) -> None:
    x = normal(3, 4, 5)
    model, layer = sequence_of(where)
    np.testing.assert_array_equal(model.eval()(x).numpy(), x)
    assert layer.mask is None
    model, _ = sequence_of(where, 1.0)
    np.testing.assert_array_equal(model(x).numpy(), 0.0)
    model, _ = sequence_of(where, 0.0)
    np.testing.assert_array_equal(model(x).numpy(), x)


@pytest.mark.parametrize("where", PLACES)
def test_another_batch_in_a_running_sequence(where: str) -> None:
    model, layer = sequence_of(where)
    model(np.ones((3, 4, 5)))
    mask = layer.mask
    with pytest.raises(ValueError, match=r"Dropout: the mask of the running sequence.*reset_net\(model\) between"):
        model(np.ones((3, 2, 5)))
    assert layer.mask is mask
    assert layer._steps == 0
    F.reset_net(model)
    assert model(np.ones((3, 2, 5))).shape == (3, 2, 5)


def test_a_layer_used_in_a_sequence_and_outside() -> None:
    layer = nn.Dropout(0.5)
    model = nn.SeqToANNContainer(layer)
    first = model(np.ones((2, 10, 10))).numpy()[0]
    assert (layer(np.ones((10, 10))).numpy() != first).any()
    np.testing.assert_array_equal(model(np.ones((2, 10, 10))).numpy()[1], first)


def test_the_seed_decides_the_mask() -> None:
    masks = []
    for seed in (3, 3, 4):
        grillyx.manual_seed(seed)
        masks.append(nn.Dropout(0.5)(np.ones((9, 9))).numpy())
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


def test_wrong_dropout() -> None:
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"Dropout: p is a probability, got {p}"):
            nn.Dropout(p)
    with pytest.raises(ValueError, match="Dropout: p must be finite"):
        nn.Dropout(float("nan"))
    with pytest.raises(ValueError, match="Dropout: unknown step_mode, got 'x'"):
        nn.Dropout(step_mode="x")


# --- pooling
def test_pooling() -> None:
    x = normal(2, 3, 6, 4)
    windows = x.reshape(2, 3, 3, 2, 2, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(x).numpy(), windows.max((3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(x).numpy(), windows.mean((3, 5)), 1e-5, 1e-6)
    np.testing.assert_array_equal(nn.MaxPool2d(2, 2)(x[0]).numpy(), windows.max((3, 5))[0])
    assert nn.MaxPool2d(3, stride=1, padding=1)(x).shape == x.shape
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0)"
    assert repr(nn.AvgPool2d((2, 1), 1)) == "AvgPool2d(kernel_size=(2, 1), stride=1, padding=0)"
    with pytest.raises(ValueError, match=r"max_pool2d: expected an input \(N, C, H, W\).*MultiStepContainer"):
        nn.MaxPool2d(2)(np.ones((2, 1, 3, 4, 4)))
