"""Convolutions as modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.functional.test_conv import conv, transposed


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


def double(t: Any) -> np.ndarray:
    return t.numpy().astype(np.float64)


def test_conv2d() -> None:
    layer, x = nn.Conv2d(4, 6, (3, 2), 2, 1, groups=2), normal(3, 4, 7, 8)
    want = conv(x.astype(np.float64), double(layer.weight), double(layer.bias), 2, 1, groups=2)
    np.testing.assert_allclose(layer(x).numpy(), want, 1e-5, 1e-5)
    np.testing.assert_allclose(layer(x[0]).numpy(), want[0], 1e-5, 1e-5)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": (6, 2, 3, 2), "bias": (6,)}
    bare = nn.Conv2d(4, 6, 3, bias=False)
    assert list(bare.state_dict()) == ["weight"]
    assert repr(bare) == "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), bias=False)"
    assert repr(layer) == "Conv2d(4, 6, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), groups=2)"


def test_conv1d() -> None:
    layer, x = nn.Conv1d(2, 3, 5, padding="same", dilation=2), normal(3, 2, 12)
    want = conv(
        x.astype(np.float64)[:, :, None], double(layer.weight)[:, :, None], double(layer.bias), 1, "same", (1, 2)
    )
    np.testing.assert_allclose(layer(x).numpy(), want[:, :, 0], 1e-5, 1e-5)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": (3, 2, 5), "bias": (3,)}
    assert repr(layer) == "Conv1d(2, 3, kernel_size=(5,), stride=(1,), padding=same, dilation=(2,))"


@pytest.mark.parametrize("layer", [nn.Conv2d(8, 3000, (3, 2), groups=2), nn.Conv1d(4, 3000, 6)])
def test_first_values(layer: Any) -> None:
    """Uniform in ±1 / sqrt(elements of a window), as torch's: the bounds and the spread."""
    bound = 24**-0.5
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert -bound <= values.min() < -0.95 * bound
        assert 0.95 * bound < values.max() <= bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize("container", [nn.SeqToANNContainer, nn.MultiStepContainer])
def test_sequences(container: Any) -> None:
    """(T, N, C, H, W): each step by itself, the gradients summed over the steps."""
    layer, x, g = nn.Conv2d(2, 3, 3, padding=1), normal(4, 3, 2, 8, 8), normal(4, 3, 3, 8, 8, seed=1)
    model, t = container(layer), Tensor(x, requires_grad=True)
    out = model(t)
    assert out.shape == (4, 3, 3, 8, 8)
    out.backward(g)
    got = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    for k in range(4):
        step = Tensor(x[k], requires_grad=True)
        one = layer(step)
        np.testing.assert_allclose(one.numpy(), out.numpy()[k], 1e-5, 1e-5)
        one.backward(g[k])
        np.testing.assert_allclose(step.grad.numpy(), t.grad.numpy()[k], 1e-5, 1e-5)
    for p, v in zip(layer.parameters(), got, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), v, 1e-4, 1e-4)


def test_a_spiking_network_learns_through_it() -> None:
    """Explicit backward reaches the first layer, and the gradient of the input can be read."""
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Conv2d(1, 4, 3, padding=1)), nn.LIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.MaxPool2d(2), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
    )  # fmt: skip
    x = 3 * normal(5, 2, 1, 8, 8)
    out = model(x)
    grad = model.backward(np.ones(out.shape))
    assert grad.shape == x.shape
    assert all(np.isfinite(p.grad.numpy()).all() and np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())
    F.reset_net(model)


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d])
def test_wrong_arguments(kind: Any) -> None:
    name = kind.__name__
    for arguments, options, message in (
        ((0, 2, 3), {}, "in_channels is a positive integer, got 0"),
        ((2, 2.5, 3), {}, "out_channels is a positive integer, got 2.5"),
        ((2, 2, 0), {}, "kernel_size is one integer or"),
        ((2, 2, (3, 3, 3)), {}, "kernel_size is one integer or"),
        ((2, 2, 3), {"stride": 0}, "stride is one integer or"),
        ((2, 2, 3), {"padding": -1}, "padding is one integer or"),
        ((2, 2, 3), {"padding": "full"}, "unknown padding"),
        ((2, 2, 3), {"padding": "same", "stride": 2}, "padding='same' needs a stride of 1"),
        ((2, 3, 3), {"groups": 2}, "groups must divide in_channels and out_channels, got 2 for 2 and 3"),
        ((2, 2, 3), {"padding_mode": "circular"}, "padding_mode must be 'zeros', got 'circular'"),
    ):
        with pytest.raises(ValueError, match=f"{name}: {message}"):
            kind(*arguments, **options)


def test_conv_transpose2d() -> None:
    layer, x = nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), normal(2, 4, 5, 4)
    want = transposed(x.astype(np.float64), double(layer.weight), double(layer.bias), 2, 1, 1, 2)
    np.testing.assert_allclose(layer(x).numpy(), want, 1e-5, 1e-5)
    np.testing.assert_allclose(layer(x[0]).numpy(), want[0], 1e-5, 1e-5)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": (4, 3, 3, 3), "bias": (6,)}
    assert np.abs(layer.weight.numpy()).max() <= 27**-0.5
    assert repr(layer).endswith("padding=(1, 1), output_padding=(1, 1), groups=2)")
