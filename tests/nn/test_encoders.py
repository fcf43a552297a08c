"""Encoders, as functions and as modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.helpers import shapes


def uniform(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.0, 1.0, shape).astype(np.float32)


# --- Poisson
def test_poisson_fires_with_the_chance_given() -> None:
    x = np.array([[0.0, 0.1, 0.5], [0.9, 1.0, 0.25]])
    out = nn.PoissonEncoder(4000)(x)
    assert out.shape == (4000, 2, 3)
    spikes = out.numpy()
    assert set(np.unique(spikes).tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(spikes.mean(0), x, atol=4 * 0.5 / 4000**0.5)
    assert not spikes[:, 0, 0].any()
    assert spikes[:, 1, 1].all()
    pairs = spikes[1:, 0, 2] * spikes[:-1, 0, 2]
    assert pairs.mean() == pytest.approx(0.25, abs=0.04)  # the steps do not depend on each other


def test_poisson_step_by_step() -> None:
    encoder, x = nn.PoissonEncoder(), uniform((40, 50))
    first, second = encoder(x), encoder(x)
    assert first.shape == (40, 50)
    assert (first.numpy() != second.numpy()).any()
    grillyx.manual_seed(3)
    a = F.poisson_encode(x, 5).numpy()
    grillyx.manual_seed(3)
    np.testing.assert_array_equal(nn.PoissonEncoder(5)(Tensor(x)).numpy(), a)
    assert not nn.PoissonEncoder(5)(Tensor(x, requires_grad=True)).requires_grad


# --- latency
def latency(x: np.ndarray, steps: int, kind: str) -> np.ndarray:
    """One spike at round((T - 1)(1 - x)), or at round(T - 1 - log(a x + 1))."""
    wide = x.astype(np.float64)
    at = (steps - 1) * (1 - wide) if kind == "linear" else steps - 1 - np.log(np.expm1(steps - 1) * wide + 1)
    return np.round(at).astype(int)[None] == np.arange(steps).reshape(-1, *[1] * x.ndim)


@pytest.mark.parametrize("kind", ["linear", "log"])
@given(shape=shapes(0, 3), steps=st.sampled_from([1, 2, 5, 16, 33]), seed=st.integers(0, 2**31))
def test_latency(kind: str, shape: tuple[int, ...], steps: int, seed: int) -> None:
    x = uniform(shape, seed)
    exact = (steps - 1) * (1 - x) if kind == "linear" else steps - 1 - np.log(np.expm1(steps - 1) * x + 1)
    x = np.where(np.abs(exact % 1 - 0.5) < 1e-3, 1.0, x).astype(np.float32)  # rounding decides there
    out = F.latency_encode(x, steps, kind)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out.numpy(), latency(x, steps, kind))
    np.testing.assert_array_equal(out.numpy().sum(0), np.ones(shape))
    np.testing.assert_array_equal(nn.LatencyEncoder(steps, kind, "m")(x).numpy(), out.numpy())


def test_latency_of_the_ends() -> None:
    for kind in ("linear", "log"):
        np.testing.assert_array_equal(F.latency_encode(np.array([1.0, 0.0]), 4, kind).numpy().argmax(0), [0, 3])
    assert F.latency_encode(np.array([1.0, 0.5, 0.0]), 200, "log").numpy().sum() == 3  # e**199 is no float32


# --- weighted phase
@given(shape=shapes(0, 3), count=st.integers(1, 10), seed=st.integers(0, 2**31))
def test_weighted_phase(shape: tuple[int, ...], count: int, seed: int) -> None:
    """The binary digits, the most significant first."""
    whole = np.random.default_rng(seed).integers(0, 2**count, shape)
    out = F.weighted_phase_encode(whole / 2.0**count, count).numpy()
    digits = (whole[None] >> np.arange(count - 1, -1, -1).reshape(-1, *[1] * len(shape))) & 1
    np.testing.assert_array_equal(out, digits)
    np.testing.assert_array_equal(nn.WeightedPhaseEncoder(count, "m")(whole / 2.0**count).numpy(), digits)


def test_weighted_phase_drops_what_is_finer() -> None:
    np.testing.assert_array_equal(F.weighted_phase_encode([0.7, 0.3, 0.0], 2).numpy(), [[1, 0, 0], [0, 1, 0]])


# --- a step a call
@pytest.mark.parametrize("make", [lambda **o: nn.LatencyEncoder(4, **o), lambda **o: nn.WeightedPhaseEncoder(4, **o)])
def test_step_by_step(make: Any) -> None:
    x = np.array([0.9, 0.5, 0.1])
    whole, encoder = make(step_mode="m")(x).numpy(), make()
    with pytest.raises(ValueError, match=r"Encoder: the first call after reset needs an input"):
        encoder()
    steps = [encoder(x).numpy(), *[encoder().numpy() for _ in range(3)]]
    np.testing.assert_array_equal(np.stack(steps), whole)
    np.testing.assert_array_equal(encoder(1 - x).numpy(), whole[0])  # it begins again with the first input
    F.reset_net(encoder)
    np.testing.assert_array_equal(encoder(1 - x).numpy(), make(step_mode="m")(1 - x).numpy()[0])
    F.set_step_mode(encoder, "m")
    np.testing.assert_array_equal(encoder(x).numpy(), whole)


def test_an_encoder_in_a_model() -> None:
    """Before the first layer: no gradient goes to the input, all parameters get theirs."""
    model = nn.Sequential(nn.PoissonEncoder(5), nn.SeqToANNContainer(nn.Linear(3, 2)), nn.LIFNode(step_mode="m"))
    x = np.full((4, 3), 0.8)
    model(x)
    grad = model.backward(np.ones((4, 2)))
    assert model[1][0].weight.grad is not None
    np.testing.assert_array_equal(grad.numpy(), np.zeros((4, 3)))


# --- errors
def test_intensities_out_of_range() -> None:
    for encode, name in (
        (lambda x: F.poisson_encode(x, 3), "poisson_encode"), (lambda x: F.latency_encode(x, 3), "latency_encode"),
        (lambda x: F.weighted_phase_encode(x, 3), "weighted_phase_encode"), (nn.PoissonEncoder(3), "poisson_encode"),
        (nn.LatencyEncoder(3), "latency_encode"), (nn.WeightedPhaseEncoder(3), "weighted_phase_encode"),
    ):  # fmt: skip
        for wrong in ([0.5, 1.5], [-0.1], [float("nan")], np.array([2])):
            with pytest.raises(ValueError, match=f"{name}: intensities out of range, got values from .*expected 0 to"):
                encode(np.asarray(wrong))
    with pytest.raises(ValueError, match=r"weighted_phase_encode: .*expected 0 to 0.875"):
        F.weighted_phase_encode([0.9], 3)
    assert F.poisson_encode(np.zeros((0, 2)), 3).shape == (3, 0, 2)


def test_wrong_numbers_of_steps() -> None:
    x = np.array([0.5])
    for wrong in (0, -1, 2.5, None):
        for encode in (F.poisson_encode, F.latency_encode, F.weighted_phase_encode):
            with pytest.raises(
                ValueError, match=f"{encode.__name__}: the number of steps is a positive integer, got {wrong}"
            ):
                encode(x, wrong)
        for module in (nn.LatencyEncoder, nn.WeightedPhaseEncoder):
            with pytest.raises(ValueError, match=f"{module.__name__}: the number of steps is a positive integer"):
                module(wrong)
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match="PoissonEncoder: the number of steps is a positive integer"):
            nn.PoissonEncoder(wrong)
    with pytest.raises(ValueError, match="unknown enc_function, got 'cubic'; expected one of 'linear', 'log'"):
        F.latency_encode(x, 3, "cubic")
    with pytest.raises(ValueError, match="LatencyEncoder: unknown enc_function, got 'cubic'"):
        nn.LatencyEncoder(3, "cubic")
    with pytest.raises(ValueError, match="unknown step_mode, got 'x'"):
        nn.WeightedPhaseEncoder(3, step_mode="x")
