"""LayerNorm, RMSNorm and GroupNorm: first values, names, what they refuse; their numbers are tested with the functions."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "names", "text"),
    [
        (nn.LayerNorm(4), ["weight", "bias"], "LayerNorm((4,), eps=1e-05, elementwise_affine=True)"),
        (nn.LayerNorm((2, 4), 1e-3, bias=False), ["weight"], "LayerNorm((2, 4), eps=0.001, elementwise_affine=True)"),
        (nn.LayerNorm(4, elementwise_affine=False), [], "LayerNorm((4,), eps=1e-05, elementwise_affine=False)"),
        (nn.RMSNorm(4), ["weight"], "RMSNorm((4,), eps=None, elementwise_affine=True)"),
        (nn.RMSNorm([2, 4], 0.1, False), [], "RMSNorm((2, 4), eps=0.1, elementwise_affine=False)"),
        (nn.GroupNorm(1, 2), ["weight", "bias"], "GroupNorm(1, 2, eps=1e-05, affine=True)"),
        (nn.GroupNorm(2, 2, affine=False), [], "GroupNorm(2, 2, eps=1e-05, affine=False)"),
    ],
)
def test_names_and_values(layer: nn.Module, names: list[str], text: str) -> None:
    assert list(layer.state_dict()) == names
    assert repr(layer) == text
    for name in names:
        assert (layer.state_dict()[name] == (name == "weight")).all()
    x = normal(3, 2, 4)
    first = layer(x).numpy()
    for k, p in enumerate(layer.parameters()):
        p.copy_(normal(*p.shape, seed=k + 1))
    w, b = (getattr(layer, name, None) for name in ("weight", "bias"))
    if isinstance(layer, nn.GroupNorm):
        plain, want = F.group_norm(x, layer.num_groups), F.group_norm(x, layer.num_groups, w, b)
    elif isinstance(layer, nn.LayerNorm):
        plain = F.layer_norm(x, layer.normalized_shape, eps=layer.eps)
        want = F.layer_norm(x, layer.normalized_shape, w, b, layer.eps)
    else:
        plain, want = (F.rms_norm(x, layer.normalized_shape, v, layer.eps) for v in (None, w))
    np.testing.assert_array_equal(first, plain.numpy())
    np.testing.assert_array_equal(layer(x).numpy(), want.numpy())
    assert not names or (want.numpy() != first).any()


def test_a_constant_row_is_zero() -> None:
    np.testing.assert_array_equal(nn.LayerNorm(5)(np.full((2, 5), 3.0)).numpy(), 0.0)


def test_refused() -> None:
    for shape in (0, (3, 0), 2.5):
        with pytest.raises((ValueError, TypeError)):
            nn.LayerNorm(shape)
    with pytest.raises(ValueError, match="GroupNorm: num_channels must be divisible by num_groups, got 4 and 3"):
        nn.GroupNorm(3, 4)
    with pytest.raises(ValueError, match="GroupNorm: num_groups is a positive integer"):
        nn.GroupNorm(0, 4)
    with pytest.raises(ValueError, match="eps must be finite"):
        nn.RMSNorm(4, np.nan)
