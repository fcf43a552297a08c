"""Random numbers: an independent Philox, moments, and dropout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.engine.array import Array, from_numpy
from grillyx.ops import random
from grillyx.ops.random import Generator
from tests.helpers import same

MASK = np.uint64(0xFFFFFFFF)


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10 as published (Salmon et al., 2011), in 64-bit integers: counter (n, 4) to words (n, 4)."""
    c = [counter[:, k].astype(np.uint64) for k in range(4)]
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ k0, p1 & MASK, (p0 >> np.uint64(32)) ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & MASK, (k1 + np.uint64(0xBB67AE85)) & MASK
    return np.stack(c, 1)


def uniform(count: int, seed: int, call: int) -> np.ndarray:
    """The numbers in [0, 1) of one call: the upper 24 bits of each word."""
    quads = -(-count // 4)
    counter = np.zeros((quads, 4), np.uint64)
    counter[:, 0], counter[:, 2], counter[:, 3] = np.arange(quads), call & 0xFFFFFFFF, call >> 32
    words = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return (words.reshape(-1)[:count] >> np.uint64(8)) / 2.0**24


def test_the_reference_gives_the_published_vectors() -> None:
    # from the authors' kat_vectors
    ones = 0xFFFFFFFF
    for counter, key, want in (
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([ones] * 4, (ones, ones), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ):  # fmt: skip
        np.testing.assert_array_equal(philox4x32(np.array([counter], np.uint64), key)[0], want)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 300))
def test_uniform_numbers_bit_for_bit(seed: int, call: int, count: int) -> None:
    generator = Generator(seed)
    generator.calls = call
    np.testing.assert_array_equal(random.uniform((count,), 0.0, 1.0, generator).numpy(), uniform(count, seed, call))
    assert generator.calls == call + 1


def test_a_seed_gives_the_same_numbers_again_and_each_call_others() -> None:
    first, second = (random.normal((1000,), 0, 1, Generator(7)).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    one = Generator(7)
    assert np.all(random.normal((1000,), 0, 1, one).numpy() == first)
    assert np.mean(random.normal((1000,), 0, 1, one).numpy() == first) < 0.01
    assert np.mean(random.normal((1000,), 0, 1, Generator(8)).numpy() == first) < 0.01
    one.manual_seed(7)
    assert np.all(random.normal((1000,), 0, 1, one).numpy() == first)


def test_the_shape_does_not_change_the_numbers() -> None:
    flat, cube = (random.uniform(s, 0, 1, Generator(3)).numpy() for s in ((60,), (3, 4, 5)))
    np.testing.assert_array_equal(flat, cube.reshape(-1))
    assert random.uniform((2, 0), 0, 1, Generator(3)).shape == (2, 0)
    assert random.uniform((), 0, 1, Generator(3)).numpy() == flat[0]


def test_normal_numbers_are_box_and_mullers() -> None:
    u = uniform(4000, 11, 0).reshape(-1, 4)
    r, angle = np.sqrt(-2 * np.log1p(-u[:, ::2])), 2 * np.pi * u[:, 1::2]
    want = np.stack([r * np.cos(angle), r * np.sin(angle)], -1).reshape(-1)
    same(random.normal((4000,), 0.0, 1.0, Generator(11)).numpy(), want, rtol=1e-4, atol=1e-5)
    same(random.normal((4000,), 3.0, 0.5, Generator(11)).numpy(), 3 + 0.5 * want, rtol=1e-4, atol=1e-5)


def near(sample: np.ndarray, moments: list[float], errors: list[float]) -> None:
    """Compare the first moments with the true ones, five standard errors allowed."""
    for power, (moment, error) in enumerate(zip(moments, errors, strict=True), 1):
        assert abs(np.mean(sample**power) - moment) < 5 * error / np.sqrt(sample.size)


def test_moments() -> None:
    count = 1_000_000
    u = random.uniform((count,), -1.0, 1.0, Generator(1)).numpy().astype(np.float64)
    near(u, [0, 1 / 3, 0, 1 / 5], [3**-0.5, (4 / 45) ** 0.5, 7**-0.5, (16 / 225) ** 0.5])
    assert -1 <= u.min() < -0.9999
    assert 0.9999 < u.max() < 1
    n = random.normal((count,), 0.0, 1.0, Generator(1)).numpy().astype(np.float64)
    near(n, [0, 1, 0, 3], [1, 2**0.5, 15**0.5, 96**0.5])
    ranks = np.sort(special.ndtr(n))
    assert np.abs(ranks - np.arange(count) / count).max() < 1.95 / np.sqrt(count)  # Kolmogorov and Smirnov, 0.1 %
    assert abs(np.mean(n[:-1] * n[1:])) < 5 / np.sqrt(count)  # neighbours know nothing of each other


def test_bernoulli() -> None:
    chance = np.tile([0.0, 0.1, 0.5, 0.9, 1.0], (200_000, 1))
    spikes = random.bernoulli(from_numpy(chance), Generator(5)).numpy()
    assert set(np.unique(spikes)) == {0.0, 1.0}
    np.testing.assert_array_equal(spikes, uniform(chance.size, 5, 0).reshape(chance.shape) < chance.astype(np.float32))
    rates = spikes.mean(0)
    assert rates[0] == 0
    assert rates[4] == 1
    assert np.all(np.abs(rates - chance[0]) < 5 * 0.5 / np.sqrt(len(chance)))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "seed", True, None])
def test_wrong_seeds(seed: object) -> None:
    with pytest.raises(ValueError, match=r"manual_seed: got .*; expected an integer from 0 to 2\*\*64 - 1"):
        Generator(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout(p: float) -> None:
    x = np.linspace(1, 2, 100_000)
    t = Tensor(x, requires_grad=True)
    out = F.dropout(t, p)
    kept = np.asarray(out) != 0
    assert abs(kept.mean() - (1 - p)) < 5 * 0.5 / np.sqrt(x.size)
    same(out, kept * x / (1 - p))
    out.backward(np.ones(x.shape))
    same(t.grad, kept / (1 - p))  # the same mask
    assert np.any((np.asarray(F.dropout(t, p)) != 0) != kept)  # and another one the next time


def test_dropout_of_nothing_and_of_everything() -> None:
    x = Tensor([1.0, -2.0], requires_grad=True)
    for out in (F.dropout(x, 0.0), F.dropout(x, 0.7, training=False)):
        np.testing.assert_array_equal(out, [1.0, -2.0])
        x.grad = None
        out.backward([1.0, 2.0])
        np.testing.assert_array_equal(x.grad, [1.0, 2.0])
    np.testing.assert_array_equal(F.dropout(x, 1.0), [0.0, 0.0])
    assert F.dropout(np.zeros((0, 3)), 0.5).shape == (0, 3)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_wrong_probabilities(p: float) -> None:
    with pytest.raises(ValueError, match="dropout: p "):
        F.dropout([1.0], p)


def test_generators_give_arrays() -> None:
    assert isinstance(random.dropout_mask((3,), 0.5, Generator(0)), Array)
