"""The event-driven layer: spikes, largest potentials and all gradients against float64, and what it refuses."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn, ode
from grillyx.ops import LONGEST_LOOP, eventprop
from tests.helpers import exact as rounded
from tests.ode import exact

INF = np.inf


def layer(w, **options):
    out = ode.EventLIF(np.shape(w)[1], np.shape(w)[0], **options)
    out.weight.copy_(w)
    return out


def difference(f, a, step=1e-5):
    """The gradient of f by central differences; of a time that is +inf, 0."""
    out = np.zeros(a.shape)
    for at in np.ndindex(a.shape):
        if np.isfinite(a[at]):
            moved = [a.copy(), a.copy()]
            moved[0][at] += step
            moved[1][at] -= step
            out[at] = (f(moved[0]) - f(moved[1])) / (2.0 * step)
    return out


def finite(y):
    return np.where(np.isfinite(y), y, 0.0)


def near(got, want, tolerance=1e-4):
    """Within `tolerance` of the largest."""
    assert got.shape == want.shape
    assert np.abs(got - want).max(initial=0.0) <= tolerance * max(1e-3, np.abs(want).max(initial=0.0))


def case(seed, shape=(3, 5, 2), units=4, mean=4.0):
    rng = np.random.default_rng(seed)
    x = rounded(30.0 * rng.random(shape))
    x[0, 1, -1] = INF
    x[-1, 2] = INF
    return x, rounded(rng.normal(mean, 2.0, (units, shape[1]))), rng


CASES = {
    "published": ({"tau_mem": 20.0, "tau_syn": 5.0}, 4.0),
    "ends early": ({"tau_mem": 20.0, "tau_syn": 5.0, "duration": 25.0}, 4.0),
    "slow synapse": ({"tau_mem": 5.0, "tau_syn": 20.0, "duration": 40.0}, 1.0),
    "equal": ({"tau_mem": 10.0, "tau_syn": 10.0, "duration": 40.0}, 2.5),
    "nearly equal": ({"tau_mem": 10.0, "tau_syn": 9.875, "duration": 40.0}, 2.5),
    "other threshold": ({"tau_mem": 20.0, "tau_syn": 5.0, "v_threshold": 0.5, "duration": 30.0}, 1.5),
    "never fires": ({"tau_mem": 20.0, "tau_syn": 5.0, "v_threshold": None, "duration": 40.0}, 0.5),
    "never fires, no end": ({"tau_mem": 4.0, "tau_syn": 8.0, "v_threshold": None}, -0.5),
    "sparse": ({"tau_mem": 20.0, "tau_syn": 5.0}, 1.5),
}


@pytest.mark.parametrize("name", CASES)
def test_against_float64(name: str) -> None:
    options, mean = CASES[name]
    x, w, rng = case(4, mean=mean)
    own = layer(w, **options, learnable=("tau_mem", "tau_syn"))
    times = grillyx.Tensor(x, requires_grad=True)
    y = own(times)
    taus = {k: np.array(options[k]) for k in ("tau_mem", "tau_syn")}
    threshold, duration = options.get("v_threshold", 1.0) or INF, options.get("duration", INF)

    def truth(x=x, w=w, tau_mem=taus["tau_mem"], tau_syn=taus["tau_syn"]):
        return exact.layer(x, w, tau_mem, tau_syn, threshold, duration)

    want, top = truth()
    assert np.isfinite(want).any() == (threshold < INF)
    assert y.shape == want.shape
    np.testing.assert_array_equal(np.isfinite(y.numpy()), np.isfinite(want))
    # where V only just reaches the threshold, its rounding moves the time the most
    np.testing.assert_allclose(finite(y.numpy()), finite(want), rtol=0, atol=2e-4)
    np.testing.assert_allclose(own.voltage_max.numpy(), top, rtol=2e-6, atol=2e-6)

    g, g_top = rng.standard_normal(want.shape), rng.standard_normal(top.shape)
    fired = F.where(np.isfinite(want), y, 0.0)
    F.add(F.sum(F.multiply(fired, g)), F.sum(F.multiply(own.voltage_max, g_top))).backward()

    def value(**changed):
        spikes, top = truth(**changed)
        return float(np.sum(g * finite(spikes)) + np.sum(g_top * top))

    near(times.grad.numpy(), difference(lambda v: value(x=v), x))
    near(own.weight.grad.numpy(), difference(lambda v: value(w=v), w))
    near(own.tau_mem.grad.numpy(), difference(lambda v: value(tau_mem=v), taus["tau_mem"]))
    near(own.tau_syn.grad.numpy(), difference(lambda v: value(tau_syn=v), taus["tau_syn"]))


def test_the_reference_solves_the_equations() -> None:
    """The largest V at an end on the way up is V there, as an integrator of the equations finds it."""
    times, weights = np.array([1.0, 4.0, 2.5]), np.array([2.0, 3.0, -1.0])
    want = exact.integrated(times, weights, 20.0, 5.0, 7.0)
    assert exact.Neuron(times, weights, 20.0, 5.0).potential([7.0], 0.0)[0] == pytest.approx(want, abs=1e-9)
    own = layer(weights[None], v_threshold=None, duration=7.0)
    own(times[None])
    assert float(own.voltage_max) == pytest.approx(want, abs=1e-6)


def test_two_layers() -> None:
    """What a layer gets back for its output spikes, and what it sends on, as in training."""
    x, w1, rng = case(3, (2, 4, 1), 6, 4.0)
    w2 = rounded(rng.normal(2.0, 0.5, (3, 6)))
    net = nn.Sequential(layer(w1, duration=60.0), layer(w2, duration=60.0))
    labels = np.array([0, 2])
    loss = ode.TTFSLoss()(net(x[:, :, 0]), labels)
    loss.backward()

    def value(w1, w2):
        hidden, _ = exact.layer(x, w1, duration=60.0)
        first = exact.layer(hidden, w2, duration=60.0)[0][:, :, 0]
        scores = -first / 0.5
        right = np.arange(2), labels
        spread = np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)) + scores.max(axis=1)
        return np.mean(spread - scores[right] + 0.003 * np.expm1(first[right] / 6.4))

    assert float(loss) == pytest.approx(value(w1, w2), rel=1e-4)
    near(net[0].weight.grad.numpy(), difference(lambda v: value(v, w2), w1), 3e-4)
    near(net[1].weight.grad.numpy(), difference(lambda v: value(w1, v), w2), 3e-4)


def test_no_crossing_is_missed() -> None:
    """V rises above the threshold by a ten-thousandth between two inputs, and falls again before the second."""
    own = layer([[1.0, 0.0]], v_threshold=None)
    own([[0.0, 100.0]])
    height = float(own.voltage_max)  # of one spike
    assert height == pytest.approx(4.0 ** (-4.0 / 3.0), rel=1e-6)
    for factor, count in ((1.0001, 1), (0.9999, 0)):
        y = layer([[factor / height, 0.0]])([[0.0, 100.0]]).numpy()
        assert y.shape == (1, 1, 1)
        assert np.isfinite(y).sum() == count


def test_order_and_layout_do_not_matter() -> None:
    x, w, rng = case(5, (4, 6, 3))
    own = layer(w)
    y = own(x).numpy()
    shuffled = rng.permuted(x, axis=2)
    padded = np.concatenate([np.full((4, 6, 5), INF), shuffled], axis=2)
    for other in (shuffled, padded):
        np.testing.assert_array_equal(own(other).numpy(), y)
    order = rng.permutation(6)
    np.testing.assert_allclose(layer(w[:, order])(x[:, order]).numpy(), y, rtol=1e-6)


def test_many_events_of_a_sample(poisoned: None) -> None:
    """Longer than a workgroup, with ties: 600 spikes of 60 inputs on a grid of 200 times."""
    rng = np.random.default_rng(0)
    x = np.full((2, 60, 12), INF)
    x[:, :, :10] = rng.integers(0, 200, (2, 60, 10)) / 4.0
    w = rounded(rng.normal(0.1, 0.2, (2, 60)))
    y = layer(w)(x).numpy()
    want, _ = exact.layer(x, w)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(want))
    assert np.isfinite(y).sum() > 20
    np.testing.assert_allclose(finite(y), finite(want), atol=1e-3)


def test_pieces_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backward pass takes a large batch by pieces; the gradients are the same."""
    x, w, _ = case(6, (7, 5, 2))
    found = []
    for words in (1 << 24, 3 * 5 * 2 * 4):  # all samples, or three at once
        monkeypatch.setattr(eventprop, "_SCRATCH", words)
        own, times = layer(w), grillyx.Tensor(x, requires_grad=True)
        y = own(times)
        F.sum(F.where(np.isfinite(y.numpy()), y, 0.0)).backward()
        found.append((own.weight.grad.numpy(), times.grad.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert np.abs(a).max() > 0.0


def test_single_spikes_are_the_first() -> None:
    x, w, _ = case(8)
    y = layer(w)(x).numpy()
    assert y.shape[2] > 2
    own, own_all = layer(w, single_spike=True), layer(w)
    first = own(x)
    np.testing.assert_array_equal(first.numpy(), y[:, :, :1])
    F.sum(first).backward()
    F.sum(own_all(x)[:, :, 0]).backward()
    np.testing.assert_allclose(own.weight.grad.numpy(), own_all.weight.grad.numpy(), rtol=1e-5)


def test_silent_neurons_and_inputs() -> None:
    own = layer([[0.5, 0.5], [-1.0, -2.0]], learnable=("tau_mem", "tau_syn"))
    y = own([[1.0, 2.0], [INF, INF]])
    assert y.shape == (2, 2, 1)
    assert np.isinf(y.numpy()).all()
    np.testing.assert_array_equal(own.voltage_max.numpy() > 0.0, [[True, False], [False, False]])
    F.sum(ode.first_spikes(y, 50.0)).backward()
    for p in own.parameters():
        np.testing.assert_array_equal(p.grad.numpy(), 0.0)


@pytest.mark.parametrize(("shape", "units"), [((0, 3), 2), ((0, 3, 2), 2), ((2, 3, 0), 2)])
def test_nothing_in_nothing_out(shape: tuple[int, ...], units: int) -> None:
    own = ode.EventLIF(3, units)
    y = own(np.zeros(shape))
    assert y.shape == (shape[0], units, 1)
    assert np.isinf(y.numpy()).all()
    F.sum(own.voltage_max).backward()
    np.testing.assert_array_equal(own.weight.grad.numpy(), np.zeros((units, 3)))


def test_room_grows() -> None:
    own = layer([[30.0]])
    few = own([[0.0]]).numpy()
    own.weight.copy_([[300.0]])
    many = own([[0.0]]).numpy()
    assert many.shape[2] > few.shape[2] > 1
    np.testing.assert_allclose(many, exact.layer(np.zeros((1, 1, 1)), np.array([[300.0]]))[0], atol=1e-4)
    own.weight.copy_([[30.0]])
    np.testing.assert_array_equal(own([[0.0]]).numpy(), few)  # and is not left over


def test_what_is_drawn_and_saved() -> None:
    grillyx.manual_seed(1)
    own = ode.EventLIF(400, 300, weight=(0.5, 0.1))
    assert own.weight.numpy().mean() == pytest.approx(0.5, abs=0.01)
    assert own.weight.numpy().std() == pytest.approx(0.1, abs=0.01)
    assert [k for k, p in own.named_parameters() if p.requires_grad] == ["weight"]
    twin = ode.EventLIF(400, 300, tau_mem=7.0)
    twin.load_state_dict(own.state_dict())
    x = 20.0 * np.random.default_rng(0).random((2, 400))
    np.testing.assert_array_equal(twin(x).numpy(), own(x).numpy())
    np.testing.assert_array_equal(copy.deepcopy(own)(x).numpy(), own(x).numpy())
    for count in (1, 10, 100):  # the first weights make neurons fire
        for taus in ((20.0, 5.0), (5.0, 5.0)):
            y = ode.EventLIF(count, 200, *taus)(np.zeros((1, count))).numpy()
            assert 0.5 < np.isfinite(y[0, :, 0]).mean() <= 1.0


WRONG = [
    ({"tau_mem": 0.0}, "tau_mem must be positive"), ({"tau_syn": -1.0}, "tau_syn must be positive"),
    ({"tau_mem": float("nan")}, "tau_mem must be finite"), ({"v_threshold": 0.0}, "v_threshold must be positive"),
    ({"duration": -1.0}, "duration must be positive"), ({"max_spikes": 0}, "max_spikes is a positive integer"),
    ({"max_spikes": 5000}, "expected at most 1024"), ({"in_features": 0}, "in_features is a positive integer"),
    ({"learnable": ("tau",)}, "unknown name in learnable"), ({"weight": (1.0, INF)}, "weight must be finite"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_layers(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ode.EventLIF(**({"in_features": 2, "out_features": 1} | options))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3)), r"wrong shape, got \(2, 3\); expected \(B, 2\)"), (np.zeros(2), "wrong shape"),
        ([[0.0, 1.0], [np.nan, 0.0]], "NaN or one below 0 in sample 1"), ([[-1.0, 0.0]], "below 0 in sample 0"),
        ([[0.0, -INF]], "below 0 in sample 0"),
    ],
)  # fmt: skip
def test_wrong_inputs(x, message: str) -> None:
    own = ode.EventLIF(2, 1)
    with pytest.raises(ValueError, match=message):
        own(x)
    assert own([[0.0, 1.0]]).shape[:2] == (1, 1)  # and goes on


def test_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 3 spikes"):
        layer([[100.0]], max_spikes=3)([[0.0]])
    for shape in ((1, 1, LONGEST_LOOP + 1), (1, 65, LONGEST_LOOP)):
        with pytest.raises(ValueError, match="too much room for spikes"):
            ode.EventLIF(shape[1], 1)(np.zeros(shape))
    x = np.zeros((1, 2, LONGEST_LOOP))
    with pytest.raises(ValueError, match="got 32,768; expected at most 16,384"):
        layer([[1.0, 1.0]])(x)
    x[:, :, 5:] = INF  # as many places, but few spikes
    own, w = layer([[2.0, 1.0]]), np.array([[2.0, 1.0]])
    y = own(x)
    np.testing.assert_allclose(y.numpy(), exact.layer(x, w)[0], atol=1e-4)
    y.sum().backward()
    near(own.weight.grad.numpy(), difference(lambda v: exact.layer(x, v)[0].sum(), w))
    with pytest.raises(TypeError, match="booleans"):
        layer([[1.0]])(np.ones((1, 1), bool))


@pytest.mark.parametrize("what", ["weight", "tau_mem", "tau_syn"])
def test_parameters_that_went_wrong(what: str) -> None:
    own = ode.EventLIF(1, 1, learnable=("tau_mem", "tau_syn"))
    getattr(own, what).copy_(np.full(getattr(own, what).shape, np.nan))
    with warnings.catch_warnings(), pytest.raises(ValueError, match="not finite; expected finite weights"):
        own([[0.0]])


def test_the_longest_input() -> None:
    """As many events as are allowed, each a round of the kernels' loops, and spikes until the end."""
    x = np.linspace(0.0, 1000.0, LONGEST_LOOP)[None, None]
    own = layer([[0.07]])
    y = own(x).numpy()
    assert 100 < y.size < 1024
    assert y.max() > 990.0
    F.sum(own(x)).backward()
    assert np.isfinite(own.weight.grad.numpy()).all()
