"""Spikes along edges in whole numbers, and quantiles, against NumPy and SciPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from grillyx.autograd import Tensor
from grillyx.engine.array import write
from grillyx.engine.device import current_device
from grillyx.ops import LONGEST_LOOP, network
from grillyx.ops.random import normal_quantile, poisson_quantile

TOP = 1 - 2.0**-24


def delivered(source, target, weight, neurons: int, fired: np.ndarray, slots: int = 3, clock: int = 7) -> np.ndarray:
    """What `deliver` adds to the sums of a slot when neurons fire so often, as whole numbers and their scale."""
    counts = fired.max(initial=0) > 1
    edges = network.synapses(np.asarray(source), np.asarray(target), np.asarray(weight), neurons, bool(counts))
    group = network.Neurons.make(edges, slots, [np.array(0.0)])
    lists, where = np.zeros((2, edges.list), np.uint32), np.flatnonzero(fired)
    lists[clock & 1, 0] = where.size
    entries = np.stack([where, fired[where]], 1).reshape(-1) if counts else where
    lists[clock & 1, 1 : 1 + entries.size] = entries
    write(group.spikes, lists)
    network.deliver(group, clock)
    sums = group.sums.numpy()
    assert not np.delete(sums, clock % slots, 0).any()
    words = sums[clock % slots].reshape(-1, 4 * edges.quads).astype(np.int64)
    whole = words[0] if len(words) == 1 else (words[1] << 32) + (words[0] & 0xFFFFFFFF)
    assert not whole[neurons:].any()
    return np.ldexp(whole[:neurons].astype(np.float64), np.log2(edges.scale.numpy()[:neurons]).astype(int))


def expected(source, target, weight, neurons: int, fired: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums in float64, and how far roundings may take them."""
    w = np.asarray(weight, np.float64) * fired[source]
    size = np.zeros(neurons)
    np.add.at(size, target, np.abs(weight))
    pairs = np.bincount(target, fired[source] > 0, neurons)
    return np.bincount(target, w, neurons), pairs * max(fired.max(), 1) * size * 2.0**-bits


@pytest.mark.parametrize("many", [False, True], ids=["bits", "counts"])
@pytest.mark.parametrize(("neurons", "edges"), [(1, 1), (1, 0), (4, 20), (5, 0), (37, 500), (64, 3000), (1000, 20_000)])
def test_sums(neurons: int, edges: int, many: bool) -> None:
    rng = np.random.default_rng(neurons + edges)
    source, target = rng.integers(0, neurons, (2, edges))
    weight = (rng.normal(size=edges) * 10.0 ** rng.integers(-3, 4, edges)).astype(np.float32)
    fired = rng.integers(0, 2, neurons)
    if many:
        fired *= rng.choice([1, 2, 300, 65_535], neurons)
        fired[0] = 65_535
    got = delivered(source, target, weight, neurons, fired)
    want, slack = expected(source, target, weight, neurons, fired, 46 if many else 30)
    assert np.all(np.abs(got - want) <= slack)


@pytest.mark.parametrize("many", [False, True], ids=["bits", "counts"])
def test_weights_that_are_whole_add_exactly(many: bool) -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 50, (2, 4000))
    weight = rng.integers(-4000, 4000, 4000)
    fired = rng.integers(0, 65_536, 50) if many else rng.integers(0, 2, 50)
    want = np.zeros(50, np.int64)
    np.add.at(want, target, weight * fired[source])
    got = delivered(source, target, weight, 50, fired)
    np.testing.assert_array_equal(got, want)
    assert (got < 0).any()
    assert (got > 0).any()


def test_words_carry_and_borrow() -> None:
    """Sums that go over the ends of the low words, up and down, from several threads."""
    source, target = np.arange(64), np.zeros(64, int)
    for sign in (1, -1):
        weight = sign * np.full(64, 2.0**-6)  # 2**46 in all: each a multiple of 2**40
        fired = np.full(64, 65_535)
        assert delivered(source, target, weight, 64, fired)[0] == sign * 65_535
        weight = sign * (2.0**-6 - 2.0**-46 * np.arange(64))
        want = np.sum(np.ldexp(weight, 46)) * 65_535
        got = delivered(source, target, weight, 64, fired)[0]
        assert abs(np.ldexp(got, 46) - want) <= 64 * 65_535
    mixed = np.where(np.arange(64) % 2, 2.0**-7, -(2.0**-7))
    assert delivered(source, target, mixed, 64, np.full(64, 65_535))[0] == 0


@pytest.mark.parametrize("count", [1, 3])
def test_a_hub(count: int) -> None:
    """One neuron with 70,000 edges out, and one with as many in."""
    n, e = 3000, 70_000
    rng = np.random.default_rng(1)
    out, into = np.stack([np.zeros(e, int), rng.integers(1, n, e)]), np.stack([rng.integers(1, n, e), np.full(e, 7)])
    source, target = np.concatenate([out, into], 1)
    weight = rng.integers(-3, 4, 2 * e)
    fired = np.full(n, count)
    want = np.zeros(n, np.int64)
    np.add.at(want, target, weight * count)
    np.testing.assert_array_equal(delivered(source, target, weight, n, fired), want)


def test_a_hub_longer_than_a_loop_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mesa's CPU driver would end the loop of one workgroup; so its edges are shared among several."""
    n, e = 1 << 20, 3 << 20
    target = np.arange(e) % n
    source = np.zeros(e, int)
    source[: 4 * 100_000] = np.repeat(np.arange(100_000), 4)
    parts = network.shares(-(-np.bincount(source, minlength=n) // 4), 4)
    assert parts[1] > 1
    monkeypatch.setattr(network, "shares", lambda quads, size: parts)
    fired = np.zeros(n, int)
    fired[0] = 1
    weight = np.ones(e)
    got = delivered(source, target, weight, n, fired)
    np.testing.assert_array_equal(got, np.bincount(target[source == 0], minlength=n))


@pytest.mark.parametrize("size", [1, 4, 8, 32, 128])
def test_no_thread_has_more_rounds_than_allowed(size: int) -> None:
    rng = np.random.default_rng(size)
    for quads in (
        np.zeros(1, int), np.full(1_000_000, 25), np.append(np.full(100_000, 25), 3_000_000), rng.pareto(1.0, 20_000).astype(int),
    ):  # fmt: skip
        groups, parts = network.shares(quads, size)
        for order in (np.arange(quads.size), np.argsort(quads)):
            for g in (0, groups - 1):
                mine = quads[order][g::groups]
                assert np.sum(-(-mine // (size * parts)) + 1) <= LONGEST_LOOP


@pytest.mark.parametrize("size", [1, 8, 32, 64])
def test_workgroups_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    device = current_device()
    monkeypatch.setattr(device, "info", dataclasses.replace(device.info, subgroup_size=size))
    for many in (False, True):
        test_weights_that_are_whole_add_exactly(many)


def test_tiny_and_large_weights() -> None:
    source, target = np.array([0, 1, 0]), np.array([1, 1, 2])
    for scale in (1e-30, 1e30):
        weight = np.array([1.0, -0.25, 3.0]) * scale
        got = delivered(source, target, weight, 3, np.array([1, 1, 0]))
        np.testing.assert_allclose(got, [0, 0.75 * scale, 3.0 * scale], 1e-8)


def test_decoded() -> None:
    bits = np.array([[0b101, 1 << 31, 2]], np.uint32)
    np.testing.assert_array_equal(np.flatnonzero(network.decoded(bits, 70, False)), [0, 2, 63, 65])
    words = np.array([[1 | 65_535 << 16, 3]], np.uint32)
    np.testing.assert_array_equal(network.decoded(words, 3, True), [[1, 65_535, 3]])


# --- quantiles
def quantiles(mean: float, u: np.ndarray) -> np.ndarray:
    return poisson_quantile(Tensor(np.full(u.shape, mean, np.float32)).array, Tensor(u).array).numpy()


@pytest.mark.parametrize(
    "mean", [1e-6, 1e-3, 0.1, 0.5, 1, 3, 7, 20, 40, 60, 63.9, 64, 64.1, 70, 100, 300, 1e3, 1e4, 1e5]
)
def test_poisson_quantiles(mean: float) -> None:
    draws = np.random.default_rng(1).integers(1, 2**24, 20_001)
    u = np.concatenate([draws, np.arange(1, 40), 2**24 - np.arange(1, 40)]).astype(np.float32) / np.float32(2**24)
    m = float(np.float32(mean))
    got, want = quantiles(mean, u), stats.poisson.ppf(u.astype(np.float64), m)
    near = np.abs(stats.poisson.cdf([got, got - 1], m) - u).min(0)
    wrong = got != want
    assert np.abs(got - want).max() <= (1 if mean != 40 else 2)
    if mean <= 64:
        assert near[wrong].max(initial=0.0) < 1e-6  # roundings decide
    else:
        assert wrong.mean() < 1e-3


def test_the_ends_of_the_distribution() -> None:
    means = np.array([0.0, -1.0, 1e-20, 0.1, 7.0, 63.9, 1e3], np.float32)
    for u in (0.0, 1e-30):
        got = poisson_quantile(Tensor(means).array, Tensor(np.full(7, u, np.float32)).array).numpy()
        np.testing.assert_array_equal(got[:6], 0)
        assert 0 <= got[6] <= stats.poisson.ppf(2.0**-25, 1e3) + 1
    got = poisson_quantile(Tensor(means).array, Tensor(np.full(7, TOP, np.float32)).array).numpy()
    assert np.all(np.abs(got[2:] - stats.poisson.ppf(TOP, means[2:].astype(float))) <= 1)
    assert not got[:2].any()


def test_counts_are_never_far_beyond_their_distribution() -> None:
    """Sums of float32 need not reach the largest u; a count must not run on to the end of the loop then."""
    u = np.full(64, TOP, np.float32)
    for first in range(0, 6400, 64):
        means = (np.arange(first, first + 64) + 1).astype(np.float32) / 100
        got = poisson_quantile(Tensor(means).array, Tensor(u).array).numpy()
        assert np.abs(got - stats.poisson.ppf(TOP, means.astype(float))).max() <= 2


def test_a_mean_that_is_none() -> None:
    means = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    got = poisson_quantile(Tensor(means).array, Tensor(np.full(4, 0.5, np.float32)).array).numpy()
    np.testing.assert_array_equal(np.isnan(got), [True, True, True, False])
    assert got[3] == 1


def test_normal_quantiles() -> None:
    draws = np.random.default_rng(2).integers(1, 2**24, 20_001)
    u = np.concatenate([draws, np.arange(1, 100), 2**24 - np.arange(1, 100)]).astype(np.float32) / np.float32(2**24)
    got, want = normal_quantile(Tensor(u).array).numpy(), stats.norm.ppf(u.astype(np.float64))
    np.testing.assert_allclose(got, want, 2e-6, 1e-6)
    at_0 = normal_quantile(Tensor(np.zeros(5, np.float32)).array).numpy()
    np.testing.assert_allclose(at_0, stats.norm.ppf(2.0**-25), 1e-5)
    rough = np.float32([1.1e-7, 3.3e-6, 4.7e-5, 1e-3, 0.0301])  # no multiples of 2**-24
    np.testing.assert_allclose(normal_quantile(Tensor(rough).array).numpy(), stats.norm.ppf(rough.astype(float)), 1e-5)
