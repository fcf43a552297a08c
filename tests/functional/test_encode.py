"""Encoders: rates, one spike each, exact binary digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import exact, floats, shapes

ENCODERS = [F.poisson_encode, F.latency_encode, F.weighted_phase_encode]


def test_poisson_rates() -> None:
    x = np.linspace(0, 1, 11)
    steps = 20_000
    spikes = F.poisson_encode(x, steps).numpy()
    assert spikes.shape == (steps, 11)
    assert spikes.dtype == np.float32
    assert set(np.unique(spikes)) == {0.0, 1.0}
    rates = spikes.mean(0)
    assert rates[0] == 0
    assert rates[-1] == 1
    assert np.all(np.abs(rates - x) <= 5 * np.sqrt(x * (1 - x) / steps))
    assert np.abs(np.corrcoef(spikes[:-1, 5], spikes[1:, 5])[0, 1]) < 5 / np.sqrt(steps)


def test_poisson_again_and_anew() -> None:
    from grillyx.ops import random

    x = np.full((3, 5), 0.5)
    first, second = (F.poisson_encode(x, 50).numpy() for _ in range(2))
    assert np.any(first != second)
    random.DEFAULT.manual_seed(0)
    np.testing.assert_array_equal(F.poisson_encode(x, 50), first)


@given(st.data(), st.integers(1, 20))
def test_latency_linear(data: st.DataObject, steps: int) -> None:
    x = data.draw(floats(0, 1, shape=data.draw(shapes())))
    spikes = F.latency_encode(x, steps).numpy()
    assert spikes.shape == (steps, *x.shape)
    np.testing.assert_array_equal(spikes.sum(0), np.ones(x.shape))
    when = np.argmax(spikes, 0)
    assert np.all(np.abs(when - (steps - 1) * (1 - exact(x))) <= 0.5 + 1e-5)


@pytest.mark.parametrize("steps", [1, 2, 10, 60, 150])
def test_latency_log(steps: int) -> None:
    x = np.concatenate([[0.0, 1.0, 1e-30], np.logspace(-20, 0, 200)]).astype(np.float32)
    spikes = F.latency_encode(x, steps, "log").numpy()
    np.testing.assert_array_equal(spikes.sum(0), np.ones(len(x)))
    wide = x.astype(np.float64)
    with np.errstate(divide="ignore"):
        exactly = (
            steps - 1 - np.logaddexp(0, np.log(wide) + np.log(np.expm1(steps - 1)))
        )  # log(a x + 1), a = e**(T-1) - 1
    assert np.all(np.abs(np.argmax(spikes, 0) - exactly) <= 0.5 + 1e-4)
    assert spikes[0, 1] == 1
    assert spikes[-1, 0] == 1


def test_latency_orders_by_intensity() -> None:
    np.testing.assert_array_equal(np.argmax(F.latency_encode([1.0, 0.5, 0.0], 5), 0), [0, 2, 4])
    np.testing.assert_array_equal(F.latency_encode([0.3], 1), [[1.0]])


@given(st.data(), st.integers(1, 12))
def test_weighted_phase(data: st.DataObject, steps: int) -> None:
    shape = data.draw(shapes())
    whole = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 2**steps, shape)
    spikes = F.weighted_phase_encode(whole / 2.0**steps, steps).numpy()
    want = [whole >> (steps - 1 - k) & 1 for k in range(steps)]
    np.testing.assert_array_equal(spikes, np.array(want).reshape(steps, *shape))


def test_weighted_phase_cuts_what_is_finer() -> None:
    np.testing.assert_array_equal(F.weighted_phase_encode([0.7, 0.3], 2).numpy().T, [[1, 0], [0, 1]])


@pytest.mark.parametrize("encode", ENCODERS)
def test_from_the_device_and_without_a_gradient(encode: Callable) -> None:
    x = Tensor([[0.25, 0.5]], requires_grad=True)
    out = encode(x, 4)
    assert out.shape == (4, 1, 2)
    assert not out.requires_grad
    assert encode(np.zeros((0, 2)), 3).shape == (3, 0, 2)


@pytest.mark.parametrize("encode", ENCODERS)
@pytest.mark.parametrize("x", [[-0.1], [1.1], [np.nan], [0.5, np.inf]])
def test_intensities_out_of_range(encode: Callable, x: list[float]) -> None:
    with pytest.raises(ValueError, match=f"{encode.__name__}: intensities out of range, got values from"):
        encode(x, 4)


def test_the_largest_phase() -> None:
    F.weighted_phase_encode([0.75], 2)
    with pytest.raises(ValueError, match="expected 0 to 0.75"):
        F.weighted_phase_encode([0.8], 2)


@pytest.mark.parametrize("encode", ENCODERS)
@pytest.mark.parametrize("steps", [0, -1, 2.5, "many", None])
def test_wrong_steps(encode: Callable, steps: object) -> None:
    with pytest.raises(ValueError, match="the number of steps is a positive integer, got"):
        encode([0.5], steps)


def test_unknown_encoding() -> None:
    with pytest.raises(ValueError, match="latency_encode: unknown enc_function, got 'square'"):
        F.latency_encode([0.5], 4, "square")
