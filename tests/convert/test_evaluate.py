from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn
from grillyx.convert import Converter

matplotlib.use("Agg")
RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def nets():
    grillyx.manual_seed(1)
    ann = nn.Sequential(nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 4))
    x = RNG.uniform(size=(250, 5)).astype(np.float32)
    y = ann(x).argmax(axis=1).numpy().astype(np.int64)
    y[:50] = (y[:50] + 1) % 4  # so that the network errs
    return ann, Converter(ann, data=x, half_threshold=True, progress=False).convert(), x, y


def test_accuracy_is_that_of_the_mean_output(nets):
    ann, snn, x, y = nets
    result = snn.evaluate((x, y), T=[12, 3, 3], ann=ann, progress=False)
    assert list(result) == [3, 12]
    F.reset_net(snn)
    outputs = np.cumsum([snn(x).numpy() for _ in range(12)], axis=0)
    F.reset_net(snn)
    for T in (3, 12):
        assert result[T] == pytest.approx((outputs[T - 1].argmax(axis=1) == y).mean(), abs=0.005)
    assert result.ann == pytest.approx(0.8)
    assert result.samples == 250
    assert "0.8000" in str(result)
    with pytest.raises(KeyError, match="T = 5 was not evaluated; there are 3, 12"):
        result[5]


def test_batches_and_arrays_agree(nets):
    _ann, snn, x, y = nets
    batches = [(x[:60], y[:60]), (x[60:], y[60:])]
    whole, parts = (snn.evaluate(data, T=7, progress=False) for data in ((x, y), batches))
    assert dict(whole) == dict(parts)
    assert whole.ann is None
    assert (
        snn.evaluate(iter(batches), T=(7,), ann=lambda v: np.zeros((len(v), 4)), progress=False).ann == (y == 0).mean()
    )


def test_firing_rates(nets):
    _ann, snn, x, y = nets
    result = snn.evaluate((x, y), T=300, progress=False)
    for layer in snn.report.layers:
        assert result.rates[layer.path] == pytest.approx(layer.rate, abs=0.01)
    assert not any(m._hooks for m in snn.modules())


def test_the_network_to_compare_with_keeps_its_mode(nets):
    ann, snn, x, y = nets
    net = nn.Sequential(nn.Dropout(0.9), ann)
    assert snn.evaluate((x, y), T=1, ann=net, progress=False).ann == pytest.approx(0.8)  # without the dropout
    assert all(m.training for m in net.modules())


def test_an_interrupted_evaluation_leaves_the_network_at_rest(nets):
    _, snn, x, y = nets
    expected = snn.simulate(x[:3], 5).numpy()

    def broken():
        yield x[:10], y[:10]
        raise KeyboardInterrupt

    class Loader:
        def __iter__(self):
            return broken()

    with pytest.raises(KeyboardInterrupt):
        snn.evaluate(Loader(), T=3, progress=False)
    F.set_step_mode(snn, "s")
    np.testing.assert_allclose(np.mean([snn(x[:3]).numpy() for _ in range(5)], axis=0), expected, atol=1e-6)
    F.reset_net(snn)
    np.testing.assert_allclose(snn.simulate(x[:3], 5).numpy(), expected, atol=1e-6)
    assert not any(m._hooks for m in snn.modules())


def test_bad_arguments(nets):
    _, snn, x, y = nets
    for steps in (0, -1, [], [3, 0], 2.5, True):
        with pytest.raises(ValueError, match="T is a positive integer"):
            snn.evaluate((x, y), T=steps, progress=False)
    with pytest.raises(ValueError, match="needs labels"):
        snn.evaluate(x, T=2, progress=False)
    with pytest.raises(ValueError, match="needs labels"):
        snn.evaluate([(x, y.astype(np.float32))], T=2, progress=False)
    with pytest.raises(TypeError, match="expected a network"):
        snn.evaluate((x, y), T=2, ann=3, progress=False)
    with pytest.raises(ValueError, match=r"expected inputs \(N, \.\.\.\) with 2 axes"):
        snn.simulate(x[0], 3)
    with pytest.raises(ValueError, match="T is a positive integer, got 0"):
        snn.simulate(x, 0)
    with pytest.raises(ValueError, match="step_mode 's' takes"):
        snn(x[None])
    with pytest.raises(ValueError, match="classes"):
        nn.Converter(nn.Sequential(nn.ReLU()), data=x[:, :, None], progress=False).convert().evaluate(
            (x[:, :, None], y), T=1, progress=False
        )


def test_the_plot_shows_each_number_of_steps(nets):
    ann, snn, x, y = nets
    result = snn.evaluate((x, y), T=(1, 4, 16), ann=ann, progress=False)
    ax = result.plot(label="half threshold")
    other = Converter(ann, data=x, progress=False).convert().evaluate((x, y), T=(2, 4), progress=False)
    other.plot(ax, label="from zero")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "4", "16"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), list(result.values()))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["half threshold", "from zero"]
    matplotlib.pyplot.close(ax.figure)


@pytest.mark.parametrize("wrong", [-1, 4])
def test_labels_that_are_no_class(nets, wrong):
    _ann, snn, x, y = nets
    y = y.copy()
    y[3] = wrong
    with pytest.raises(ValueError, match=r"labels are from 0 to 3 .*, got (-1 to|0 to 4)"):
        snn.evaluate((x, y), T=2, progress=False)


def test_pairs_whose_labels_are_no_integers(nets):
    ann, snn, x, y = nets
    for labels, text in ((y.astype(float), r"got float64 of shape \(100,\)"), (np.eye(4)[y], r"of shape \(100, 4\)")):
        with pytest.raises(ValueError, match=f"data needs labels, integers of shape .*{text}"):
            snn.evaluate((x, labels), T=2, progress=False)
    assert dict(snn.evaluate([x, y], T=7, progress=False)) == dict(snn.evaluate((x, y), T=7, progress=False))
    assert Converter(ann, data=(x, y.astype(float)), progress=False).convert().report.samples == 250
    assert Converter(ann, data=[x, x], progress=False).convert().report.samples == 500
    with pytest.raises(ValueError, match=r"inputs and labels differ in number, got \(250, 5\) and \(249,\)"):
        snn.evaluate((x, y[1:]), T=2, progress=False)
