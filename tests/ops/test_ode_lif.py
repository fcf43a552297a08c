"""Leaky neurons in pairs of floats: every body and way, against the closed form in float64."""

from __future__ import annotations

import numpy as np
import pytest

from grillyx.engine.array import from_numpy, overwrite
from grillyx.engine.device import current_device
from grillyx.engine.kernel import kernel
from grillyx.ops import gemm, ode_currents, ode_lif, ode_spikes
from grillyx.ops.ode_lif import Leaky, Trace
from tests.helpers import use_body
from tests.ode.reference import run

pytestmark = pytest.mark.usefixtures("poisoned")
rng = np.random.default_rng(0)


@pytest.fixture(params=gemm.BODIES)
def body(request, monkeypatch):
    use_body(monkeypatch, request.param)


@pytest.fixture(params=[True, False], ids=["fused", "two roundings"])
def fma(request, monkeypatch):
    if request.param and not ode_currents.fused(current_device()):
        pytest.skip("this device's fma rounds twice")
    monkeypatch.setitem(ode_currents._fused, current_device(), request.param)


def halves(a):
    high = a.astype(np.float32)
    return from_numpy(high), from_numpy((a - high).astype(np.float32))


def pairs_of(w, x, **options):
    (wh, wl), (xh, xl) = halves(w), halves(x)
    trace = Trace(**options)
    leaky = Leaky(0.1, 7.0, 1.1, 0.9, -0.2)
    value, _ = ode_lif.ode_lif(xh, wh, None, x_low=xl, w_low=wl, leaky=leaky, interval=1.5, keep=False, trace=trace)
    return value, trace


@pytest.mark.usefixtures("body", "fma")
@pytest.mark.parametrize(
    ("steps", "batch", "n", "m"),
    [(1, 1, 1, 1), (9, 3, 17, 4), (20, 2, 8, 30), (5, 1, 33, 64), (12, 5, 7, 3), (13, 1, 1600, 3), (9, 2, 801, 4)],
)
@pytest.mark.parametrize("fine", [True, False], ids=["pairs", "guarded"])
def test_sizes(steps, batch, n, m, fine):
    w, x = rng.normal(size=(n, m)) / np.sqrt(m), rng.normal(size=(steps, batch, m))
    truth = run(w, x, 7.0, 0.1, 0.9, -0.2, 1.1, 1.5)
    (counts, v, spikes), trace = pairs_of(w, x, fine=fine)
    np.testing.assert_array_equal(counts.numpy(), truth.counts)
    got = v.numpy().astype(float) + trace.low.numpy()
    np.testing.assert_allclose(
        got, truth.voltages[-1], rtol=1e-10 if fine or steps < 4 else 1e-4, atol=1e-10 if fine else 1e-4
    )
    assert spikes is None
    (counts, _, spikes), _ = pairs_of(w, x, wanted=True)
    np.testing.assert_array_equal(counts.numpy(), truth.counts)
    np.testing.assert_array_equal(spikes.numpy()[:, :3], truth.times[:, :3])
    np.testing.assert_allclose(spikes.numpy()[:, 3], truth.times[:, 3], rtol=1e-7)


@pytest.mark.usefixtures("body", "fma")
@pytest.mark.parametrize(("rows", "n", "m"), [(1, 1, 1), (9, 40, 31), (17, 5, 1000)])
def test_currents_have_36_bits(rows, n, m):
    w, x = rng.normal(size=(n, m)), rng.normal(size=(rows, m))
    (wh, wl), (xh, xl) = halves(w), halves(x)
    high, low = ode_currents.Currents(xh, xl, wh, wl).rows(0, rows)
    size = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(w, axis=1)
    error = high.numpy().astype(float) + low.numpy() - x @ w.T
    assert np.abs(error / size).max() < 2.0**-36


@pytest.mark.usefixtures("body")
def test_currents_of_weights_that_change_in_place():
    w, x = rng.normal(size=(9, 20)), rng.normal(size=(8, 20))
    (wh, wl), (xh, xl) = halves(w), halves(x)
    ode_currents.Currents(xh, xl, wh, wl).rows(0, 8)  # squares of the weights are kept
    overwrite(wh, halves(1e4 * w)[0])
    high, low = ode_currents.Currents(xh, xl, wh, halves(1e4 * w)[1]).rows(0, 8)
    size = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(1e4 * w, axis=1)
    error = high.numpy().astype(float) + low.numpy() - x @ (1e4 * w).T
    assert np.abs(error / size).max() < 2.0**-36


@pytest.mark.parametrize("fine", [True, False], ids=["pairs", "guarded"])
@pytest.mark.parametrize(("steps", "m"), [(3, 70_000), (20_000, 1), (40, 20_000), (300, 800)])
def test_long_sums_and_long_runs(steps, m, fine):
    w, x = rng.normal(size=(3, m)) / np.sqrt(m), rng.normal(size=(steps, 1, m))
    truth = run(w, x, 7.0, 0.1, 0.9, -0.2, 1.1, 1.5)
    (counts, *_), _ = pairs_of(w, x, fine=fine)
    np.testing.assert_array_equal(counts.numpy(), truth.counts)


@pytest.mark.usefixtures("body", "fma")
@pytest.mark.parametrize(("batch", "n"), [(1, 50), (6, 50), (1, 700)])
def test_neurons_in_doubt_run_again(batch, n, monkeypatch):
    """Currents that graze the threshold: at first v_inf less the threshold is 1e-9 to 1e-4, so that most neurons are on the list."""
    steps, m = 90, 2
    w = (1.0 + 10.0 ** rng.uniform(-9, -5, (n, m))) * (0.8 * 1.1 / 7.0 / m)
    x = 1.0 + 10.0 ** rng.uniform(-9, np.where(np.arange(steps) < 60, -4, 0)[:, None, None], (steps, batch, m))
    truth = run(w, x, 7.0, 0.1, 0.9, -0.2, 1.1, 1.5)
    listed = []

    def watched(name):
        def call(*args, **given):
            listed.extend([given["listed"]] if name == "ode_lif_fast" else [])
            return kernel(name)(*args, **given)

        return call

    monkeypatch.setattr(ode_lif, "kernel", watched)
    wrong = pairs_of(w, x)[0][0].numpy() != truth.counts
    assert not (wrong & ~truth.doubt).any()
    assert 4 * sum(listed[0].numpy()) > batch * n


def test_long_runs_backward():
    steps = ode_lif.LONGEST_LOOP + 50
    w, x = np.array([[1.0]]), rng.normal(size=(steps, 1, 1)) * 0.2
    (wh, _), (xh, _) = halves(w), halves(x)
    leaky, tau = Leaky(0.0, 4e4, 1.0, 1e6, -0.2), from_numpy(np.array([4e4], np.float32))
    _, pullback = ode_lif.ode_lif(
        xh, wh, None, None, tau, None, None, None, x_low=None, w_low=None, leaky=leaky, interval=1.0, keep=True, trace=Trace()
    )  # fmt: skip
    gx, gw, _, _, g_tau, *_ = pullback(None, from_numpy(np.ones((1, 1), np.float32)), None)
    decay = np.exp(-1.0 / 4e4)
    want = 4e4 * (1 - decay) * decay ** np.arange(steps)[::-1]
    np.testing.assert_allclose(gx().numpy().ravel(), want, rtol=1e-4)
    wide = xh.numpy().astype(float)
    np.testing.assert_allclose(gw().numpy(), [[wide.ravel() @ want]], rtol=1e-3)
    ends = [run(w, wide, tau=4e4 + d, threshold=1e6).voltages[-1].item() for d in (-1.0, 1.0)]
    np.testing.assert_allclose(g_tau.numpy(), [(ends[1] - ends[0]) / 2], rtol=1e-2)


def test_many_spikes_of_a_cell(monkeypatch):
    monkeypatch.setattr(ode_spikes, "LONGEST_LOOP", 16)
    counts, places = np.array([0.0, 40.0, 0.0, 17.0], np.float32), 57
    spikes = object.__new__(ode_spikes.Spikes)
    spikes.cell, spikes.beginning, spikes.total = np.array([1, 3], np.uint32), np.array([0, 40, 57]), places
    spikes.size, spikes.most, spikes.place = 4, 40, rng.permutation(places).astype(np.uint32)
    g = rng.normal(size=(places, 4)).astype(np.float32)
    first, second = (a.numpy() for a in spikes.sums(from_numpy(g)))
    for cell, begin in ((1, 0), (3, 40)):
        mine = g[spikes.place[begin : begin + int(counts[cell])], 3].astype(float)
        np.testing.assert_allclose(first[cell], mine.sum(), atol=1e-5)
        np.testing.assert_allclose(second[cell], mine @ np.arange(len(mine)), atol=1e-4)
