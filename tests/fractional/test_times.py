"""Samples at other times: interpolation against SciPy, uneven samples, smaller steps, and chosen outputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator, CubicHermiteSpline, interp1d

from grillyx import Tensor, fractional, nn
from grillyx.fractional import interpolate

RNG = np.random.default_rng(5)
TIMES = np.array([0.0, 1.0, 1.5, 3.0, 4.0, 4.2, 6.0])
X = RNG.normal(size=(7, 2, 3)).astype(np.float32)
AT = np.sort(np.append(RNG.uniform(0.0, 6.0, 40), TIMES))


def peer(method, x, times):
    if method == "akima":
        return Akima1DInterpolator(times, x)
    if method == "cubic":
        slopes = np.empty_like(x)
        wide = (times[2:] - times[:-2]).reshape(-1, *[1] * (x.ndim - 1))
        slopes[1:-1] = (x[2:] - x[:-2]) / wide
        slopes[0], slopes[-1] = (x[1] - x[0]) / (times[1] - times[0]), (x[-1] - x[-2]) / (times[-1] - times[-2])
        return CubicHermiteSpline(times, x, slopes)
    return interp1d(times, x, "linear" if method == "linear" else "nearest", axis=0)


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic", "akima"])
def test_interpolation(method):
    got = interpolate(X, TIMES, AT, method).numpy()
    np.testing.assert_allclose(got, peer(method, X.astype(np.float64), TIMES)(AT), 1e-5, 1e-5)
    np.testing.assert_allclose(interpolate(X, TIMES, TIMES, method).numpy(), X, 1e-6, 1e-6)
    outside = interpolate(X, TIMES, [-5.0, 99.0], method).numpy()
    np.testing.assert_allclose(outside, X[[0, -1]], 1e-6, 1e-6)


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic", "akima"])
def test_gradient_of_interpolation(method):
    x, pull = Tensor(X, requires_grad=True), RNG.normal(size=(AT.size, 2, 3))
    (interpolate(x, TIMES, AT, method) * pull).sum().backward()
    for at in ((0, 0, 0), (3, 1, 2), (6, 0, 1)):
        ends = []
        for sign in (1.0, -1.0):
            moved = X.astype(np.float64)
            moved[at] += sign * 1e-6
            ends.append((peer(method, moved, TIMES)(AT) * pull).sum())
        assert x.grad.numpy()[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, 1e-3, 1e-3)


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic", "akima"])
def test_uneven_samples_are_those_at_the_steps(method):
    neuron = fractional.LIFNeuron(1.0, store_v_seq=True)
    net = fractional.SNNWrapper(nn.Sequential(neuron), interpolation_method=method, alpha=0.7)
    out = net(4.0 * X, TIMES, options={"step_size": 0.1})
    volts = neuron.v_seq.numpy()
    steps = np.arange(61) * 0.1
    fine = net(interpolate(4.0 * X, TIMES, steps, method), steps)
    np.testing.assert_allclose(volts, neuron.v_seq.numpy(), 1e-4, 1e-5)
    ends = np.searchsorted(TIMES, steps - 1e-6)
    want = np.stack([fine.numpy()[ends == k].sum(axis=0) for k in range(7)])
    np.testing.assert_allclose(out.numpy(), want, 0, 1e-5)
    assert want.max() > 1.0


def test_chosen_outputs_are_counts():
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(1.0)), alpha=0.8)
    x = RNG.normal(2.0, 1.0, (12, 3, 4))
    every = net(x).numpy()
    np.testing.assert_allclose(net(x, output_time=[3.0, 5.0, 11.0]).numpy(), np.add.reduceat(every, [0, 4, 6]), 0, 1e-6)
    np.testing.assert_allclose(
        net(x, output_time=[2.0, 5.0, 8.0, 11.0]).numpy(), every.reshape(4, 3, 3, 4).sum(1), 0, 1e-6
    )
    np.testing.assert_allclose(net(x, output_time=[4.0]).numpy()[0], every[:5].sum(0), 0, 1e-6)


def test_what_does_not_spike_is_an_integral():
    """A readout of a constant gives that constant, at any step."""
    last = nn.Linear(4, 2)
    last.weight.copy_(np.zeros((2, 4), np.float32))
    net = fractional.SNNWrapper(nn.Sequential(fractional.LIFNeuron(1.0), last))
    x = np.ones((5, 3, 4))
    for options in ({}, {"step_size": 0.25}):
        want = np.broadcast_to(last.bias.numpy(), (5, 3, 2))
        np.testing.assert_allclose(net(x, options=options).numpy(), want, 1e-5)
