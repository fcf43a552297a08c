"""Products of spiking attention, in either order, against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grillyx.autograd import differentiable
from grillyx.ops import spiking_attention as ops
from tests.helpers import check

attention = differentiable(ops.spiking_attention)


def reference(qkv: np.ndarray, heads: int, scale: float) -> np.ndarray:
    """As in the paper, (L, D) a head: ``Q K.T V``."""
    *lead, rows, length = qkv.shape
    q, k, v = np.moveaxis(qkv.reshape(*lead, 3, heads, rows // 3 // heads, length), -4, 0)
    out = np.swapaxes(q, -1, -2) @ k @ np.swapaxes(v, -1, -2)
    return scale * np.swapaxes(out, -1, -2).reshape(*lead, rows // 3, length)


SHAPES = [
    (1, (3, 1)), (1, (2, 9, 5)), (3, (2, 2, 9, 1)), (2, (3, 2, 12, 7)), (2, (2, 24, 3)), (4, (1, 12, 4)), (1, (2, 33, 11)),
    (1, (0, 3, 2)), (2, (2, 6, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("heads", "shape"), SHAPES)
def test_products(poisoned: None, heads: int, shape: tuple[int, ...]) -> None:
    qkv: Any = np.random.default_rng(0).normal(size=shape)
    check(
        lambda x: attention(x, heads=heads, scale=0.125),
        lambda x: reference(x, heads, 0.125),
        qkv,
        rtol=1e-4,
        atol=1e-5,
    )


def test_spikes_are_exact(poisoned: None) -> None:
    """In both orders, as all sums are whole numbers."""
    for length in (5, 200):
        qkv = (np.random.default_rng(0).random((2, 3, 96, length)) < 0.5).astype(np.float32)
        np.testing.assert_array_equal(attention(qkv, heads=2, scale=0.125).numpy(), reference(qkv, 2, 0.125))
