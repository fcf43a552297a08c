"""Spikes as bits, and the linear layer that keeps them so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn
from tests.helpers import check, shapes


@given(shapes(budget=300), st.integers(0, 2**31), st.sampled_from([np.float32, bool, np.int64, np.uint8]))
def test_there_and_back(poisoned: None, shape: tuple[int, ...], seed: int, dtype: Any) -> None:
    s = np.random.default_rng(seed).integers(0, 2, shape).astype(dtype)
    words = F.pack_spikes(s)
    raw = np.packbits(s.astype(bool).reshape(-1), bitorder="little")
    want = np.zeros(-(-s.size // 32), "<u4")
    want.view(np.uint8)[: raw.size] = raw
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(words.numpy(), want)
    back = F.unpack_spikes(words, shape)
    assert (back.dtype, back.shape) == (np.float32, shape)
    np.testing.assert_array_equal(back.numpy(), s.astype(np.float32))


def test_what_is_not_zero_is_a_spike() -> None:
    assert int(F.pack_spikes([0.0, -0.0, 0.5, -2.0, 1e-30, np.nan, 0.0, 1.0])) == 0b10111100


def test_many_words() -> None:
    s = np.random.default_rng(0).integers(0, 2, (1003, 4097)).astype(bool)
    np.testing.assert_array_equal(F.unpack_spikes(F.pack_spikes(s), s.shape).numpy() > 0, s)


@pytest.mark.parametrize(
    ("rows", "inside", "out"), [((5,), 3, 2), ((3, 7), 33, 5), ((4,), 64, 8), ((0,), 3, 2), ((), 31, 1)]
)
@pytest.mark.parametrize("bias", [False, True])
def test_linear_of_spikes(poisoned: None, rows: tuple[int, ...], inside: int, out: int, bias: bool) -> None:
    rng = np.random.default_rng(math.prod(rows) + inside)
    s = rng.integers(0, 2, (*rows, inside)).astype(np.float32)
    w, b = rng.normal(size=(out, inside)), rng.normal(size=out)
    if bias:
        check(lambda x, w, b: F.linear(x, w, b, packed=True), lambda x, w, b: x @ w.T + b, s, w, b)
    else:
        check(lambda x, w: F.linear(x, w, packed=True), lambda x, w: x @ w.T, s, w)


def test_only_the_bits_are_kept(no_garbage: None) -> None:
    layer, device, taken = nn.Linear(256, 8), grillyx.current_device(), []
    x = np.random.default_rng(0).integers(0, 2, (4096, 256))
    for packed in (False, True):
        layer.packed = packed
        device.empty_cache()
        before = device.pool.bytes
        y = layer(Tensor(x) * 1.0)  # nobody else keeps this product
        grillyx.synchronize()
        grillyx.empty_cache()
        taken.append(device.pool.bytes - before - y.nbytes)
        y.sum().backward()
        layer.zero_grad()
        del y
    assert taken[0] >= 4 * x.size
    assert taken[1] <= 4 * x.size // 32 + 8192


def test_errors() -> None:
    with pytest.raises(TypeError, match="expected words of uint32 from pack_spikes, got float32"):
        F.unpack_spikes([1.0], (3,))
    words = F.pack_spikes(np.ones(40))
    for shape in ((65,), (32,), (8, 4), (-1, 40)):
        with pytest.raises(ValueError, match="expected one of 33 to 64 spikes"):
            F.unpack_spikes(words, shape)
