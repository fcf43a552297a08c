"""Losses of spike times against float64, and encoders."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
from grillyx import ode
from tests.helpers import check, slope

INF = np.inf
LABELS = np.array([0, 2, 1])
V_MAX = np.array([[0.3, 1.0, 0.9], [1.0, 0.25, 1.0], [1.0, 0.0, 1.0]])


def spikes(seed=0):
    t = np.sort(np.random.default_rng(seed).uniform(2.0, 30.0, (3, 3, 4)), axis=2).astype(np.float32).astype(float)
    t[0, 0], t[1, 1], t[2, 1] = INF, INF, INF
    t[:, :, 3] = INF
    return t


def compare(loss, reference, t, *others, rtol=1e-5):
    """Value and gradients, of times that are finite and of the other arrays of floats."""
    times = grillyx.Tensor(t, requires_grad=True)
    rest = [grillyx.Tensor(a, requires_grad=True) for a in others]
    out = loss(times, *rest)
    np.testing.assert_allclose(out.numpy(), reference(t, *others), rtol=rtol)
    out.sum().backward()
    there = np.isfinite(t)

    def of_finite(values, *others):
        full = t.copy()
        full[there] = values
        return np.sum(reference(full, *others))

    wide = [t[there], *others]
    assert not times.grad.numpy()[~there].any()
    for k, got in enumerate([times.grad.numpy()[there], *(r.grad.numpy() for r in rest)]):
        want = slope(of_finite, wide, k, np.array(1.0))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(want).max()))


def ttfs(t, v=None, tau0=0.5, tau1=6.4, alpha=0.003, silent=51.2, threshold=1.0):
    late = silent if v is None else silent * (2.0 - v / threshold)
    first = np.where(np.isfinite(t[:, :, 0]), t[:, :, 0], late)
    scores = -first / tau0
    top = scores.max(axis=1)
    right = first[np.arange(3), LABELS]
    return np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top + right / tau0 + alpha * np.expm1(right / tau1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_time_to_first_spike(reduction: str) -> None:
    of = {"none": lambda a: a, "mean": np.mean, "sum": np.sum}[reduction]
    compare(lambda t: ode.TTFSLoss(reduction=reduction)(t, LABELS), lambda t: of(ttfs(t)), spikes())


def test_silent_neurons_come_back() -> None:
    loss = ode.TTFSLoss(2.0, 5.0, 0.1, silent=40.0, v_threshold=1.5)
    compare(
        lambda t, v: loss(t, LABELS, v), lambda t, v: np.mean(ttfs(t, v, 2.0, 5.0, 0.1, 40.0, 1.5)), spikes(), V_MAX
    )


def test_without_the_second_term() -> None:
    compare(lambda t: ode.TTFSLoss(alpha=0.0)(t, LABELS), lambda t: np.mean(ttfs(t, alpha=0.0)), spikes())


def charge(t, end=25.0, tau=4.0):
    return np.sum(np.where(t < end, -np.expm1(-(end - np.minimum(t, end)) / tau), 0.0), axis=2)


def test_spike_charge() -> None:
    compare(lambda t: ode.spike_charge(t, 25.0, 4.0), charge, spikes(1))
    t = np.array([[[0.0, 5.0, 10.0, 10.5, INF]]])
    np.testing.assert_allclose(
        ode.spike_charge(t, 10.0, 0.01).numpy(), [[2.0]]
    )  # the one at the end counts for nothing yet


def test_spike_counts() -> None:
    target = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 1.0], [0.0, 0.0, 2.0]])
    for reduction, of in (("mean", np.mean), ("sum", np.sum), ("none", lambda a: a)):
        loss = ode.SpikeCountLoss(25.0, 4.0, reduction)
        compare(lambda t, f=loss: f(t, target), lambda t, f=of: f((charge(t) - target) ** 2), spikes(2))
    assert ode.SpikeCountLoss(30.0).tau == 3.0


def test_voltage_max() -> None:
    def reference(v):
        scores = 3.0 * v
        return np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(3), LABELS])

    check(lambda v: ode.VoltageMaxLoss(3.0)(v, LABELS), reference, V_MAX)


def test_losses_go_backward_by_hand() -> None:
    """As all losses do: with the gradient for their first input."""
    t, loss = spikes(), ode.TTFSLoss()
    times = grillyx.Tensor(t, requires_grad=True)
    loss(times, LABELS).backward()
    got = loss.backward(np.ones(()), grillyx.Tensor(t), LABELS)
    np.testing.assert_array_equal(got.numpy(), times.grad.numpy())


def test_encoded_times() -> None:
    x = np.array([[0.0, 0.25, 1.0], [0.5, 0.1, 0.75]], np.float32)
    np.testing.assert_allclose(ode.encode_times(x, 30.0).numpy(), 30.0 * x)
    np.testing.assert_allclose(
        ode.encode_times(x, 20.0, "latency", cutoff=0.1, bias=2.0).numpy(),
        np.concatenate([np.where(x > np.float32(0.1), 20.0 * (1.0 - x), INF), np.full((2, 1), 2.0)], axis=1), rtol=1e-6,
    )  # fmt: skip
    check(lambda x: ode.encode_times(x, 20.0, "latency"), lambda x: 20.0 * (1.0 - x), x + 0.001 * (x == 0) - 0.001)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([1.5], {}, "values out of range, got from 1.5 to 1.5"), ([-0.1], {}, "values out of range"),
        ([np.nan], {}, "values out of range"),
        ([0.5], {"t_max": -1.0}, "t_max out of range, got -1.0"), ([0.5], {"t_max": INF}, "t_max must be finite"),
        ([0.5], {"method": "rank"}, "unknown method, got 'rank'"), ([0.5], {"bias": -1.0}, "bias out of range"),
    ],
)  # fmt: skip
def test_wrong_values(x, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ode.encode_times(x, **({"t_max": 10.0} | options))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ode.TTFSLoss(tau0=0.0), "TTFSLoss: tau0 must be positive"), (lambda: ode.TTFSLoss(alpha=-1.0), "alpha out of range"),
        (lambda: ode.TTFSLoss(silent=-1.0), "silent must be positive"), (lambda: ode.TTFSLoss(reduction="max"), "unknown reduction"),
        (lambda: ode.SpikeCountLoss(0.0), "duration must be positive"), (lambda: ode.VoltageMaxLoss(-1.0), "scale must be positive"),
        (lambda: ode.TTFSLoss()(np.zeros((2, 3)), [0, 1]), r"wrong shape, got \(2, 3\); expected \(B, C, K\)"),
        (lambda: ode.TTFSLoss()(np.zeros((2, 3, 1)), [0, 3]), "labels out of range"),
        (lambda: ode.first_spikes(np.zeros((2, 3, 1)), 5.0, np.zeros((2, 2))), r"voltage_max has the wrong shape, got \(2, 2\)"),
        (lambda: ode.spike_charge(np.zeros((2, 3)), 5.0, 1.0), "spike_charge: spike times have the wrong shape"),
    ],
)  # fmt: skip
def test_wrong_arguments(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
