"""SpikingODELayer: counts, times and voltages are those of the closed form in float64, and so are all gradients."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn, optim
from grillyx.ode import ODELIFDynamics, SpikingODELayer
from tests.ode.reference import run

DATA = Path(__file__).parent.parent / "data"
VECTORS = {"ode_seed_example": 20.0, "ode_short_tau": 2.0}
NAMES = ("tau_mem", "v_rest", "v_threshold", "v_reset", "C_mem")


@pytest.fixture(params=VECTORS)
def vector(request):
    data = np.load(DATA / f"{request.param}.npz")
    layer = SpikingODELayer(data["W"].shape[1], data["W"].shape[0], ODELIFDynamics(tau_mem=VECTORS[request.param]))
    layer.W = data["W"]
    return data, layer


def test_vectors(vector):
    data, layer = vector
    for inputs in (data["x"], data["x"][:, None].repeat(2, 1)):
        counts, times = layer.forward(inputs, 1.0, return_times=True)
        spikes = data["spike_interval_neuron_time"]
        spikes = spikes[np.argsort(spikes[:, 2], kind="stable")]
        if inputs.ndim == 3:
            np.testing.assert_array_equal(counts.numpy(), data["counts"][:, None].repeat(2, 1))
            for k in range(2):
                mine = times.numpy()[times.numpy()[:, 1] == k]
                np.testing.assert_array_equal(mine[:, [0, 2]], spikes[:, :2])
                np.testing.assert_allclose(mine[:, 3], spikes[:, 2], rtol=1e-7)
        else:
            np.testing.assert_array_equal(counts.numpy(), data["counts"])
            np.testing.assert_array_equal(times.numpy()[:, :2], spikes[:, :2])
            np.testing.assert_allclose(times.numpy()[:, 2], spikes[:, 2], rtol=1e-7)
            np.testing.assert_array_equal(layer.spike_times.numpy(), times.numpy())
    np.testing.assert_array_equal(layer.forward(data["x"]).numpy(), data["counts"])
    np.testing.assert_allclose(layer.voltage.numpy(), data["v_end"][-1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer.spike_times.numpy()[:, 2], spikes[:, 2], rtol=1e-7)


def test_steps_are_a_sequence(vector):
    data, layer = vector
    for t, row in enumerate(data["x"]):
        np.testing.assert_array_equal(layer.step(row).numpy(), data["counts"][t])
        np.testing.assert_allclose(layer.voltage.numpy(), data["v_end"][t], rtol=2e-6, atol=1e-7)
    layer.forward(data["x"][:30])
    np.testing.assert_array_equal([layer.step(row).numpy() for row in data["x"][30:]], data["counts"][30:])
    layer.reset()
    assert not layer.voltage.numpy().any()


def test_compat_is_the_original(vector):
    data, layer = vector
    other = SpikingODELayer(layer.n_inputs, layer.n_neurons, layer.dynamics, method="compat")
    other.W = data["W"]
    counts = other.forward(data["x"])
    assert counts.dtype == np.float64
    np.testing.assert_array_equal(counts, data["seed_counts"])
    np.testing.assert_allclose(other.voltage, data["seed_v_final"], rtol=1e-12, atol=1e-12)
    for t, row in enumerate(data["x"][:5]):
        other.reset() if t == 0 else None
        np.testing.assert_array_equal(other.step(row), data["seed_counts"][t])
    with pytest.raises(ValueError, match="compat"):
        other.forward(data["x"], return_times=True)


@pytest.mark.parametrize("fine", [False, True], ids=["guarded", "pairs"])
def test_a_million_spikes(fine):
    """Usual and grazing currents, large voltages, short and long time constants, long runs."""
    rng, total = np.random.default_rng(0), 0
    for tau, n, m, steps, h, scale in (
        (20.0, 300, 32, 400, 1.0, 2.0), (2.0, 300, 24, 300, 1.0, 1.0), (0.3, 100, 5, 300, 2.0, 30.0), (50.0, 100, 7, 60, 40.0, 0.1),
        (10.0, 200, 1, 200, 15.0, 0.0), (10.0, 200, 3, 200, 1.0, 300.0), (20.0, 64, 6, 2000, 1.0, 0.5),
    ):  # fmt: skip
        w, x = rng.normal(size=(n, m)), rng.normal(size=(steps, 1, m)) * scale / np.sqrt(m)
        if scale == 0.0:  # v_inf - threshold from 1e-9 to 1
            w, x = np.ones((n, 1)), (1.0 + 10.0 ** rng.uniform(-9, 0, (steps, 1, 1))) / tau
            w *= 1.0 + 10.0 ** rng.uniform(-9, 0, (n, 1))
        layer = SpikingODELayer(m, n, ODELIFDynamics(tau_mem=tau))
        layer.W = w
        truth = run(w, x, tau=tau, h=h, listed=False)
        with grillyx.no_grad():
            counts = layer.forward(x, h, return_times=True)[0] if fine else layer.forward(x, h)
        wrong = counts.numpy() != truth.counts
        total += truth.counts.sum()
        # a spike that slips over the end changes two counts
        allowed = truth.doubt | np.concatenate([np.zeros_like(truth.doubt[:1]), truth.doubt[:-1]])
        assert not (wrong & ~allowed).any(), (tau, scale)
        assert wrong.sum() <= 2e-5 * counts.size
        np.testing.assert_allclose(
            layer.voltage.numpy(), truth.voltages[-1], rtol=1e-4, atol=1e-4 if not fine else 1e-6
        )
    assert total > 1e6


def test_reset_and_end_rules():
    layer = SpikingODELayer(1, 1, ODELIFDynamics(tau_mem=10.0, v_rest=1.5, v_threshold=1.0, v_reset=0.25))
    layer.W = [[0.0]]
    counts, times = layer.forward([[0.0]], 1e-3, return_times=True)  # it begins above the threshold
    assert (counts.numpy().item(), times.numpy().tolist()) == (1.0, [[0.0, 0.0, 0.0]])
    quiet = SpikingODELayer(1, 1, ODELIFDynamics(tau_mem=10.0, v_rest=1.0, v_threshold=1.0, v_reset=0.25))
    quiet.W = [[-1.0]]
    assert quiet.forward([[1.0]] * 5, 1.0).numpy().ravel().tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    # v_inf = 2, so that the first spike is at tau log(2), and others each as much later
    layer = SpikingODELayer(1, 1, ODELIFDynamics(tau_mem=8.0))
    layer.W = [[0.25]]
    h = 8.0 * np.log(2.0)
    assert layer.forward([[1.0]], h * (1 + 1e-6)).numpy().item() == 1.0
    assert layer.forward([[1.0]], h * (1 - 1e-6)).numpy().item() == 0.0
    assert layer.forward([[1.0]], 3 * h * (1 + 1e-6)).numpy().item() == 3.0
    assert layer.forward([[1.0]], 0.0).numpy().item() == 0.0


def loss_of(truth, g):
    kinds = {"counts": truth.continuous, "voltages": truth.voltages[-1], "times": truth.times[:, 3]}
    return sum(np.sum(g[k] * kinds[k]) for k in g)


@pytest.mark.parametrize("kind", ["times", "voltages", "counts"])
@pytest.mark.parametrize(
    "constants", [(6.0, 0.1, 0.9, -0.2, 1.3), (2.0, 0.0, 1.0, 0.0, 1.0), (6.0, 1.4, 0.9, -0.2, 1.3)],
    ids=["usual", "short", "begin above the threshold"],
)  # fmt: skip
def test_gradients(kind, constants):
    rng = np.random.default_rng(3)
    steps, batch, m, n, h = 6, 2, 4, 5, 1.5
    x, w = rng.normal(size=(steps, batch, m)), rng.normal(size=(n, m)) * 0.7
    x, w = x.astype(np.float32).astype(float), w.astype(np.float32).astype(float)
    numbers = [float(np.float32(c)) for c in constants]
    dynamics = ODELIFDynamics(*(nn.Parameter(np.array(c)) for c in numbers))
    layer = SpikingODELayer(m, n, dynamics)
    layer.W = w
    inputs = grillyx.Tensor(x, requires_grad=True)
    counts, times = layer.forward(inputs, h, return_times=True)

    def truth(w, x, tau, rest, threshold, reset, capacity):
        return run(w, x, tau, rest, threshold, reset, capacity, h)

    arrays = [w, x, *(np.array(c) for c in numbers)]
    first = truth(*arrays)
    assert len(first.times) > 20
    out = {"times": times[:, 3], "voltages": layer.voltage, "counts": counts}[kind]
    value = {"times": first.times[:, 3], "voltages": first.voltages[-1], "counts": first.continuous}[kind]
    g = rng.normal(size=value.shape)
    out.backward(g.astype(np.float32))
    got = [layer.W.grad, inputs.grad, *(getattr(dynamics, name).grad for name in NAMES)]
    for k, (grad, array) in enumerate(zip(got, arrays, strict=True)):
        if grad is None:
            assert not array.any(), k
            continue
        want = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [a.copy() for a in arrays]
                moved[k][at] += step
                there = truth(*moved)
                assert (there.counts == first.counts).all()
                ends.append(loss_of(there, {kind: g}))
            want[at] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(grad.numpy(), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


def test_gradients_without_times_are_the_same():
    rng = np.random.default_rng(5)
    x, grads = rng.normal(size=(8, 3, 6)), []
    for times in (True, False):
        layer = SpikingODELayer(6, 9, ODELIFDynamics(tau_mem=3.0))
        layer.forward(x, 1.0, return_times=times)
        layer.voltage.sum().backward()
        grads.append(layer.W.grad.numpy())
    np.testing.assert_array_equal(*grads)


def test_gradients_pass_through_steps():
    rng = np.random.default_rng(6)
    x, layer = rng.normal(size=(5, 6)), SpikingODELayer(6, 9, ODELIFDynamics(tau_mem=3.0))
    layer.forward(x)
    layer.voltage.sum().backward()
    want, layer.W.grad = layer.W.grad.numpy(), None
    layer.reset()
    for row in x:
        layer.step(row)
    layer.voltage.sum().backward()
    np.testing.assert_allclose(layer.W.grad.numpy(), want, rtol=1e-4, atol=1e-6)
    layer.W.grad = None
    layer.detach()
    layer.step(x[0])
    layer.voltage.sum().backward()
    assert np.abs(layer.W.grad.numpy() - want).max() > 1e-3


def test_it_learns_in_a_sequential():
    grillyx.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 32, 8)).astype(np.float32), rng.integers(0, 3, 32)
    net = nn.Sequential(SpikingODELayer(8, 32, ODELIFDynamics(tau_mem=nn.Parameter(np.array(10.0)))), nn.Linear(32, 3))
    assert "0.dynamics.tau_mem" in net.state_dict()
    optimizer, losses = optim.Adam(net.parameters(), lr=0.03), []
    for _ in range(40):
        loss = F.cross_entropy(net(x).mean(axis=0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]


def test_w_of_float64_is_used_until_it_changes():
    layer = SpikingODELayer(1, 1, ODELIFDynamics(tau_mem=10.0))
    layer.W = np.array([[0.1 + 1e-9]])  # v_inf - threshold is 1e-8: it fires after 184 ms; as a float, 0.1 gives 1.5e-8
    want = 10.0 * np.log(layer._wide[0].item() * 10.0 / (layer._wide[0].item() * 10.0 - 1.0))
    _, times = layer(np.ones((1, 1)), 200.0, return_times=True)
    np.testing.assert_allclose(times.numpy()[0, 2], want, rtol=1e-6)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(
            twin.forward(np.ones((1, 1)), 200.0, return_times=True)[1].numpy()[0, 2], want, rtol=1e-6
        )
    layer.load_state_dict(layer.state_dict())
    _, times = layer.forward(np.ones((1, 1)), 200.0, return_times=True)
    assert abs(times.numpy()[0, 2] - want) > 1.0
    first = SpikingODELayer(3, 4, seed=7)
    np.testing.assert_array_equal(
        first.W.numpy(), (np.random.RandomState(7).randn(4, 3) * np.sqrt(2 / 3)).astype(np.float32)
    )


@pytest.mark.parametrize("steps", [1, 6])
def test_w_that_changes_in_place_is_seen(steps):
    rng = np.random.default_rng(2)
    x, layer = rng.normal(size=(steps, 6)), SpikingODELayer(6, 9, ODELIFDynamics(tau_mem=3.0))
    layer.forward(x)
    with grillyx.no_grad():
        layer.W *= 100.0
    w = layer.W.numpy().astype(float)
    np.testing.assert_array_equal(layer.forward(x).numpy(), run(w, x[:, None], tau=3.0).counts[:, 0])
    layer.W.grad = grillyx.Tensor(rng.normal(size=(9, 6)).astype(np.float32))
    optim.SGD(layer.parameters(), lr=1e3).step()
    w = layer.W.numpy().astype(float)
    np.testing.assert_array_equal(layer.forward(x).numpy(), run(w, x[:, None], tau=3.0).counts[:, 0])


BAD = [
    ({"tau_mem": 0.0}, "tau_mem"), ({"tau_mem": -1.0}, "tau_mem"), ({"C_mem": 0.0}, "C_mem"), ({"v_rest": np.nan}, "v_rest"),
    ({"v_reset": 1.0}, "v_reset"), ({"v_reset": 2.0}, "v_reset"), ({"v_threshold": np.inf}, "v_threshold"),
    ({"tau_mem": nn.Parameter(np.ones(2))}, "shape"), ({"tau_mem": 1e-40}, "out of range"), ({"C_mem": 1e300}, "out of range"),
    ({"v_rest": -1e30}, "out of range"), ({"v_threshold": 1e-300}, "too near"), ({"v_reset": 1 - 1e-12}, "too near"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "match"), BAD)
def test_bad_dynamics(given, match):
    with pytest.raises(ValueError, match=match):
        ODELIFDynamics(**given)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"n_inputs": 0}, "n_inputs"), ({"n_neurons": 1.5}, "n_neurons"), ({"dt_init": 0.0}, "dt_init"),
        ({"dt_min": 0.2}, "dt_min"), ({"max_steps_per_interval": 0}, "max_steps"), ({"seed": -1}, "seed"),
        ({"method": "euler"}, "method"),
    ],
)  # fmt: skip
def test_bad_layers(given, match):
    with pytest.raises(ValueError, match=match):
        SpikingODELayer(**({"n_inputs": 3, "n_neurons": 2} | given))


@pytest.mark.parametrize("method", [None, "compat"])
def test_bad_inputs(method):
    layer = SpikingODELayer(3, 2, method=method)
    before = grillyx.counters()["dispatches"]
    for bad, match in (
        (np.full((4, 3), np.nan), "NaN|nan"), (np.full((4, 3), np.inf), "inf"), (np.ones((4, 2)), "n_inputs"), (np.ones(3), "shape"),
        (np.ones((0, 3)), "empty"), (np.ones((2, 2, 2, 3)), "shape"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            layer(bad)
    for h in (-1.0, np.nan, np.inf, 1e30):
        with pytest.raises(ValueError, match="interval"):
            layer.forward(np.ones((4, 3)), h)
    with pytest.raises(ValueError, match="shape"):
        layer.step(np.ones((1, 1, 3)))
    with pytest.raises(ValueError, match="W"):
        layer.W = np.ones((3, 2))
    with pytest.raises(ValueError, match="W"):
        layer.W = np.full((2, 3), np.nan)
    assert grillyx.counters()["dispatches"] == before
    with pytest.raises(TypeError, match="dynamics"):
        SpikingODELayer(3, 2, 5.0)


def test_what_does_not_fit_the_state():
    layer = SpikingODELayer(3, 2)
    with pytest.raises(RuntimeError, match="Call forward"):
        layer.spike_times  # noqa: B018
    layer.step(np.ones((4, 3)))
    with pytest.raises(ValueError, match="batch"):
        layer.step(np.ones((5, 3)))
    layer.forward(np.ones((6, 3)))
    layer.W = np.ones((2, 3))
    with pytest.raises(RuntimeError, match="changed"):
        layer.spike_times  # noqa: B018
    with pytest.raises(RuntimeError, match="detach before"):
        layer.step(np.ones(3))
    layer.forward(np.ones((6, 3)))
    layer.detach()
    v = layer.voltage.numpy()
    layer.W = np.zeros((2, 3))
    layer.step(np.ones(3), 0.0)
    np.testing.assert_array_equal(layer.voltage.numpy(), v)


def test_more_spikes_than_fit_are_refused():
    layer = SpikingODELayer(1, 4, ODELIFDynamics(tau_mem=1.0))
    layer.W = np.full((4, 1), 1e9)
    assert layer.forward(np.ones((1, 1)), 1.0).numpy().min() > 9e8
    with pytest.raises(ValueError, match=r"[34],\d{3},\d{3},\d{3} spikes are more than"):
        layer.forward(np.ones((1, 1)), 1.0, return_times=True)
