"""ThresholdSAM and RectifiedSAM against their equations in float64, and spikeometric's numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from tests.sim.reference import NETWORKS, activation, by_methods, decided, network

DATA = Path(__file__).parent.parent / "data"
THRESHOLD = {"r": 0.3, "b": 0.125, "tau": 5.0, "dt": 0.5, "theta": 0.25}
EACH = np.linspace(-0.25, 0.25, 37)
MODELS = {
    "threshold": (sim.ThresholdSAM, THRESHOLD | {"sigma": 0.0, "rho": 0.1}),
    "noise": (sim.ThresholdSAM, THRESHOLD | {"sigma": 2.0, "rho": 0.3}),
    "noise compat": (sim.ThresholdSAM, THRESHOLD | {"sigma": 2.0, "rho": 0.3, "compat": True}),
    "all noisy": (sim.ThresholdSAM, THRESHOLD | {"sigma": 1.0, "rho": 1.0}),
    "of each neuron": (sim.ThresholdSAM, THRESHOLD | {"sigma": 0.5, "rho": 0.5, "b": EACH + 0.5, "theta": 0.5 - EACH}),
    "forgets at once": (sim.ThresholdSAM, THRESHOLD | {"sigma": 1.0, "rho": 0.5, "tau": 0.5}),
    "rectified": (sim.RectifiedSAM, {"lambda_0": 2.0, "theta": -0.25, "tau": 5.0, "dt": 0.5, "r": 0.2, "b": 0.125}),
    "rectified of each neuron": (
        sim.RectifiedSAM,
        {"lambda_0": 2.0 + EACH, "theta": EACH - 0.25, "tau": 8.0, "dt": 0.25, "r": 0.2, "b": EACH},
    ),
}  # fmt: skip


def compared(net, kind, p, steps: int = 40, stimulus=None) -> np.ndarray:
    x = np.random.default_rng(3).random((net.num_nodes, 1)).astype(np.float32)
    more = {} if stimulus is None else {"stimulus": stimulus}
    u, want = decided(lambda u: activation(net, x, u, **p, **more), (steps, net.num_nodes), 5e-6)
    for cls in (kind, by_methods(kind)):
        model = cls(**p)
        model.add_stimulus(stimulus)
        got = model.simulate(net.graph, steps, verbose=False, initial_state=x, uniforms=u)
        np.testing.assert_array_equal(got, want.spikes)
        np.testing.assert_allclose(model.state, want.state, 1e-5)
    return want.spikes


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    spikes = compared(NETWORKS["many"], *MODELS[name])
    assert 0.02 < spikes.mean() < 3.0
    assert (spikes.std(1) > 0).sum() > 3  # not only neurons that always or never fire


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "many"])
def test_networks(name: str) -> None:
    compared(NETWORKS[name], *MODELS["noise"])
    compared(NETWORKS[name], *MODELS["rectified"])


def test_a_stimulus() -> None:
    pulse = lambda t: np.float32(t % 6 == 0)
    spikes = compared(NETWORKS["many"], *MODELS["threshold"], stimulus=pulse)
    assert spikes[:, 6].sum() > spikes[:, 7].sum()
    compared(NETWORKS["many"], *MODELS["rectified"], stimulus=lambda t: np.float32(np.arange(37) == t) * 2)


def test_several_networks_at_once() -> None:
    kind, p = MODELS["noise"]
    nets = [network(13, 60, 1), network(6, 0), network(20, 90, 3)]
    x = [np.random.default_rng(k).random((net.num_nodes, 1)).astype(np.float32) for k, net in enumerate(nets)]
    runs = [decided(lambda u, k=k: activation(nets[k], x[k], u, **p), (30, nets[k].num_nodes), 5e-6) for k in range(3)]
    got = kind(**p).simulate(
        nets, 30, verbose=False, initial_state=np.concatenate(x), uniforms=np.concatenate([u for u, _ in runs], 1)
    )
    np.testing.assert_array_equal(got, np.concatenate([want.spikes for _, want in runs]))


def test_noise_excites_and_inhibits_but_with_compat() -> None:
    p = {"r": 0.0, "b": 1.0, "theta": 1.0, "sigma": 0.5, "rho": 0.25, "dt": 0.1}
    graph = network(400, 0).graph
    right = sim.ThresholdSAM(**p, rng=1).simulate(graph, 50, verbose=False).mean()
    squared = sim.ThresholdSAM(**p, rng=1, compat=True).simulate(graph, 50, verbose=False).mean()
    assert abs(right - 0.125) < 4 * np.sqrt(0.125 * 0.875 / 20_000)
    assert abs(squared - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 20_000)


def test_activations_do_not_drift() -> None:
    net = network(50, 400, 9)
    model = sim.ThresholdSAM(r=0.25, b=0.125, tau=50.0, dt=0.5, theta=0.25, sigma=1.0, rho=0.5, rng=2)
    x = model.simulate(net.graph, 3000, verbose=False, initial_state=np.ones((50, 1)))
    s = np.ones(50)
    for spikes in x.T:
        s = s * (1 - 0.5 / 50) + spikes * 0.5
    np.testing.assert_allclose(np.asarray(model.state)[:, 0], s, 1e-5, 1e-6)
    kept = model.state.kept
    arrived = kept["sums"][0, :50] * kept["scale"][:50]
    weights = np.zeros((50, 50))
    np.add.at(weights, (net.edge_index[1], net.edge_index[0]), net.W0)
    h = (1 - 0.5 / 50) * kept["h"][:50] + 0.5 * arrived
    np.testing.assert_allclose(h, weights @ s, 2e-5, 2e-4)


def test_update_activation() -> None:
    model = sim.RectifiedSAM(tau=4.0, dt=1.0)
    out = model.update_activation(np.array([0.0, 2.0]), np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(out.numpy(), [[0.75], [4.25]])


def test_spikeometrics_numbers() -> None:
    z = np.load(DATA / "spikeometric_threshold_sam.npz")
    p = {k[6:]: z[k].item() for k in z if k.startswith("param_") and k != "param_T"}
    data = SimpleNamespace(edge_index=z["edge_index"], W0=z["W0"], num_nodes=int(z["num_nodes"]))
    for kind in (sim.ThresholdSAM, by_methods(sim.ThresholdSAM)):
        model = kind(**p, compat=True)
        W, edge_index = model.connectivity_filter(z["W0"], z["edge_index"])
        np.testing.assert_array_equal(edge_index, z["filter_edge_index"])
        np.testing.assert_array_equal(W.numpy(), z["filter_W"])
        g = model.input(edge_index=z["filter_edge_index"], W=z["filter_W"], state=z["state"])
        np.testing.assert_allclose(g.numpy(), z["g"], 1e-5)
        np.testing.assert_allclose(model.non_linearity(g).numpy(), z["response"], 1e-5)
        got = model.simulate(data, 120, verbose=False, initial_state=z["state"], uniforms=z["uniforms"])
        np.testing.assert_array_equal(got, z["spikes"])
        np.testing.assert_allclose(model.state, z["final_state"], 1e-5)
