"""LIFNetwork against the exact solution of its equations, by a matrix exponential in float64."""

from __future__ import annotations

import numpy as np
import pytest

from grillyx import sim
from tests.sim.reference import NETWORKS, by_methods, decided, lif, network

EACH = np.linspace(0.0, 1.0, 37)
MODELS = {
    "defaults": {"b": 1.5, "dt": 0.5, "r": 0.5},
    "equal time constants": {"b": 1.5, "dt": 0.5, "r": 0.5, "tau_m": 8.0, "tau_syn": 8.0},
    "nearly equal": {"b": 1.5, "dt": 0.5, "r": 0.5, "tau_m": 8.0, "tau_syn": 8.0001},
    "slow synapses": {"b": 1.2, "dt": 1.0, "r": -0.2, "tau_m": 4.0, "tau_syn": 30.0},
    "levels": {"b": 22.0, "v_threshold": -50.0, "v_reset": -65.0, "v_rest": -70.0, "r": 6.0, "dt": 0.5, "t_ref": 3.0},
    "no refractoriness": {"b": 3.0, "t_ref": 0.0, "dt": 0.5, "r": 0.3},
    "noise": {"b": 0.8, "sigma": 0.5, "dt": 0.5, "r": 0.3},
    "of each neuron": {"b": 1.0 + EACH, "v_threshold": 1.0 + EACH[::-1], "dt": 0.5, "r": 0.5},
}  # fmt: skip


def first(net, p, seed: int = 3) -> np.ndarray:
    rng, n = np.random.default_rng(seed), net.num_nodes
    low, high = p.get("v_reset", 0.0), np.min(p.get("v_threshold", 1.0))
    x = np.zeros((n, 3), np.float32)
    x[:, 0], x[:, 1], x[:, 2] = low + rng.random(n) * (high - low), rng.normal(size=n) * 0.2, rng.integers(0, 3, n)
    return x


def compared(net, p, steps: int = 100, stimulus=None) -> np.ndarray:
    x = first(net, p)
    more = {} if stimulus is None else {"stimulus": stimulus}
    u, want = decided(
        lambda u: lif(net, x, u, **p, **more), (steps, net.num_nodes), 2e-6 * abs(p.get("v_rest", 1.0)) + 2e-6
    )
    for kind in (sim.LIFNetwork, by_methods(sim.LIFNetwork)):
        model = kind(**p)
        model.add_stimulus(stimulus)
        got = model.simulate(net.graph, steps, verbose=False, initial_state=x, uniforms=u)
        np.testing.assert_array_equal(got, want.spikes)
        np.testing.assert_allclose(model.state, want.state, 1e-5, 1e-5)
    return want.spikes


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    spikes = compared(NETWORKS["many"], MODELS[name])
    assert spikes.sum() > 20
    assert (spikes.sum(1) > 0).sum() > 10


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "many"])
def test_networks(name: str) -> None:
    assert compared(NETWORKS[name], MODELS["defaults"]).sum() > 0


def test_a_stimulus() -> None:
    pulse = lambda t: np.float32(3.0 * (20 <= t < 40))
    spikes = compared(NETWORKS["33"], {"dt": 0.5, "r": 0.2}, stimulus=pulse)
    assert spikes[:, 20:45].sum() > 30 * spikes[:, :20].sum()


def test_several_networks_at_once() -> None:
    p, nets = MODELS["noise"], [network(13, 60, 1), network(6, 0), network(20, 90, 3)]
    x = [first(net, p, k) for k, net in enumerate(nets)]
    runs = [decided(lambda u, k=k: lif(nets[k], x[k], u, **p), (60, nets[k].num_nodes), 4e-6) for k in range(3)]
    got = sim.LIFNetwork(**p).simulate(
        nets, 60, verbose=False, initial_state=np.concatenate(x), uniforms=np.concatenate([u for u, _ in runs], 1)
    )
    np.testing.assert_array_equal(got, np.concatenate([want.spikes for _, want in runs]))


@pytest.mark.parametrize("t_ref", [0.0, 1.0, 7.0])
def test_the_rate_of_a_neuron_alone(t_ref: float) -> None:
    """``1 / (t_ref + tau_m ln(b / (b - threshold)))``; spikes fall on steps."""
    model = sim.LIFNetwork(b=2.0, dt=0.25, t_ref=t_ref)
    x = model.simulate(network(1, 0).graph, 1500, verbose=False, initial_state=np.zeros((1, 3)))
    times = np.flatnonzero(x[0])
    assert set(np.diff(times)) == {int(np.ceil(20 * np.log(2.0) / 0.25) + t_ref / 0.25)}
    assert times[0] == np.ceil(20 * np.log(2.0) / 0.25) - 1


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_the_deviation_of_noise(sigma: float) -> None:
    """Without spikes V has the deviation sigma, and forgets with tau_m."""
    model = sim.LIFNetwork(sigma=sigma, v_threshold=100.0, dt=1.0, tau_m=5.0, rng=1)
    v = []
    for _ in range(40):
        start = np.zeros((2000, 3)) if model.state is None else model.state
        model.simulate(network(2000, 0).graph, 30, verbose=False, initial_state=start)
        v.append(np.asarray(model.state)[:, 0].astype(float))
    v = np.stack(v)[1:]
    assert abs(v.std() / sigma - 1.0) < 4 / np.sqrt(2 * v.size)
    assert abs(v.mean() / sigma) < 4 / np.sqrt(v.size)
    assert abs(np.corrcoef(v[0], v[1])[0, 1]) < 4 / np.sqrt(2000)


def test_the_first_state() -> None:
    model = sim.LIFNetwork(v_threshold=np.linspace(1.0, 3.0, 1000), v_reset=-1.0, rng=1)
    model.simulate(network(1000, 0).graph, 0, verbose=False, equilibration_steps=0)
    v, current, left = np.asarray(model.state).T
    share = (v + 1.0) / (np.linspace(1.0, 3.0, 1000) + 1.0)
    assert 0 <= share.min() < 0.01
    assert 0.99 < share.max() < 1
    assert not current.any()
    assert not left.any()


def test_bad_numbers() -> None:
    for p, word in [
        ({"v_reset": 1.0}, "v_threshold"), ({"tau_m": 0.0}, "tau_m"), ({"tau_syn": -1.0}, "tau_syn"), ({"t_ref": -1.0}, "t_ref"),
        ({"sigma": -0.1}, "sigma"), ({"v_threshold": [1.0, 0.0]}, "v_threshold"), ({"v_rest": np.nan}, "v_rest"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"LIFNetwork: {word}"):
            sim.LIFNetwork(**p)
    with pytest.raises(ValueError, match="bptt"):
        sim.LIFNetwork().tune(network(5, 4).graph, 20.0, verbose=False)


@pytest.mark.parametrize(("tau_m", "tau_syn"), [(10.0, 2.0), (2.0, 10.0), (5.0, 5.0)])
def test_steps_of_any_length(tau_m: float, tau_syn: float) -> None:
    keep_v, keep_i, by = sim.LIFNetwork(tau_m=tau_m, tau_syn=tau_syn, dt=1e6).propagators
    assert (keep_v, keep_i, by) == (0.0, 0.0, 0.0)
    model = sim.LIFNetwork(tau_m=tau_m, tau_syn=tau_syn, dt=1e6, b=2.0, t_ref=0.0, rng=1)
    assert model.simulate(NETWORKS["many"].graph, 5, verbose=False).all()  # each reaches b in a step
