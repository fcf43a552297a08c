"""LNP, PoissonGLM and RectifiedLNP against their equations in float64, and spikeometric's numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from tests.sim.reference import NETWORKS, Network, by_methods, decided, lnp, network, poisson_glm

RUNS = np.load(Path(__file__).parent.parent / "data" / "spikeometric_runs.npz")
EACH = np.linspace(-0.5, 1.0, 37)
MODELS = {
    "glm": (sim.PoissonGLM, poisson_glm, {"alpha": 4.0, "beta": 0.6, "T": 6, "tau": 2.0, "r": 0.3, "b": 0.4}),
    "glm of each neuron": (
        sim.PoissonGLM, poisson_glm,
        {"alpha": 4.0 + EACH, "beta": 0.5 - EACH / 4, "T": 3, "tau": 2.0, "r": 0.3, "b": EACH, "dt": 0.5},
    ),
    "glm compat": (
        sim.PoissonGLM, poisson_glm, {"alpha": 0.6, "beta": 0.5, "T": 5, "tau": 2.0, "r": 0.3, "dt": 0.5, "compat": True},
    ),
    "rectified": (sim.RectifiedLNP, lnp, {"lambda_0": 0.5, "theta": -0.5, "T": 40, "tau": 10.0, "r": 0.1, "b": 0.25}),
    "rectified of each neuron": (
        sim.RectifiedLNP, lnp, {"lambda_0": 0.5 + EACH / 2, "theta": EACH - 1, "T": 1, "tau": 1.0, "r": 0.4},
    ),
    "exp": (sim.LNP, lnp, {"lambda_0": 0.2, "T": 4, "tau": 2.0, "r": 0.2, "response": "exp"}),
    "sigmoid": (sim.LNP, lnp, {"lambda_0": 0.8, "theta": 0.5, "T": 4, "tau": 2.0, "response": "sigmoid"}),
    "softplus": (sim.LNP, lnp, {"lambda_0": 1.5, "theta": 0.5, "T": 4, "tau": 2.0, "dt": 0.25, "response": "softplus"}),
    "large counts": (sim.RectifiedLNP, lnp, {"lambda_0": 2.0, "theta": -12.0, "T": 2, "tau": 2.0, "r": 0.05}),
}  # fmt: skip


def compared(net, kind, reference, p, steps: int = 30, stimulus=None) -> np.ndarray:
    rng = np.random.default_rng(7)
    x = rng.poisson(0.7, (net.num_nodes, p["T"])).astype(np.float64)
    more = {} if stimulus is None else {"stimulus": stimulus}
    u, want = decided(lambda u: reference(net, x, u, **p, **more), (steps, net.num_nodes))
    for cls in (kind, by_methods(kind)):
        model = cls(**p)
        model.add_stimulus(stimulus)
        got = model.simulate(net.graph, steps, verbose=False, initial_state=x, uniforms=u)
        np.testing.assert_array_equal(got, want.spikes)
        np.testing.assert_array_equal(np.asarray(model.state), want.state)
    return want.spikes


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    spikes = compared(NETWORKS["many"], *MODELS[name])
    assert spikes.mean() > 0.1
    assert spikes.max() > (20 if name == "large counts" else 1)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "many"])
def test_networks(name: str) -> None:
    kind, reference, p = MODELS["glm"]
    assert compared(NETWORKS[name], kind, reference, p | {"r": 0.1}).sum() > 0


def test_a_stimulus() -> None:
    compared(NETWORKS["many"], *MODELS["rectified"], stimulus=lambda t: np.float32(t % 4) / 2)
    compared(NETWORKS["many"], *MODELS["glm"], stimulus=lambda t: np.float32(np.arange(37) % 3) / 4)


def test_several_networks_at_once() -> None:
    kind, reference, p = MODELS["glm"]
    nets = [network(13, 60, 1), network(6, 0), network(20, 90, 3)]
    x = [np.random.default_rng(k).poisson(0.5, (net.num_nodes, p["T"])) for k, net in enumerate(nets)]
    runs = [decided(lambda u, k=k: reference(nets[k], x[k], u, **p), (30, nets[k].num_nodes)) for k in range(3)]
    got = kind(**p).simulate(
        nets, 30, verbose=False, initial_state=np.concatenate(x), uniforms=np.concatenate([u for u, _ in runs], 1)
    )
    np.testing.assert_array_equal(got, np.concatenate([want.spikes for _, want in runs]))


SPIKEOMETRIC = {
    "poisson_glm": (sim.PoissonGLM, {"alpha": 3.0, "beta": 0.7, "T": 12, "tau": 4.0, "dt": 1.0, "r": 0.3, "b": 0.2}),
    "poisson_glm_dt": (sim.PoissonGLM, {"alpha": 0.5, "beta": 0.5, "T": 8, "tau": 1.0, "dt": 0.5, "r": 0.3, "b": 0.2}),
    "poisson_glm_float": (sim.PoissonGLM, {"alpha": 0.5, "beta": 0.5, "T": 8, "tau": 1.0, "dt": 0.5, "r": 0.3, "b": 0.2}),
    "rectified_lnp": (sim.RectifiedLNP, {"lambda_0": 0.4, "theta": -0.5, "T": 10, "tau": 3.0, "dt": 1.0, "r": 0.3, "b": 0.1}),
    "rectified_lnp_stimulus": (
        sim.RectifiedLNP, {"lambda_0": 2.0, "theta": -0.5, "T": 10, "tau": 3.0, "dt": 0.2, "r": 0.3, "b": 0.1},
    ),
    "rectified_sam": (sim.RectifiedSAM, {"lambda_0": 8.0, "theta": -0.02, "tau": 10.0, "dt": 0.5, "r": 0.02, "b": 0.01}),
    "threshold_sam": (
        sim.ThresholdSAM, {"r": 0.01, "b": 0.001, "tau": 5.0, "dt": 0.2, "sigma": 0.0, "rho": 0.1, "theta": 0.002},
    ),
}  # fmt: skip


class ArrayLike:
    """What NumPy can read, such as a torch tensor, but is no array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)


@pytest.mark.parametrize("name", SPIKEOMETRIC)
def test_spikeometrics_numbers(name: str) -> None:
    z = {k.removeprefix(name + "."): RUNS[k] for k in RUNS if k.startswith(name + ".")}
    kind, p = SPIKEOMETRIC[name]
    for key in p.keys() & {k[6:] for k in z if k.startswith("param_")}:
        assert np.float32(p[key]) == z["param_" + key]
    steps, whole = z["spikes"].shape[1], name != "poisson_glm_float"
    data = SimpleNamespace(edge_index=ArrayLike(z["edge_index"]), W0=ArrayLike(z["W0"]), num_nodes=z["num_nodes"])
    for cls in (kind, by_methods(kind)):
        model = cls(**p, compat=True)
        if name.endswith("stimulus"):
            model.add_stimulus(sim.RegularStimulus(3.0, 20, 4, 120, np.arange(24) % 3 == 0, start=10, compat=True))
        W, edge_index = model.connectivity_filter(z["W0"], z["edge_index"])
        np.testing.assert_array_equal(edge_index, z["filter_edge_index"])
        np.testing.assert_allclose(W.numpy(), z["filter_W"], 1e-5)
        g = model.input(edge_index=ArrayLike(edge_index), W=ArrayLike(z["filter_W"]), state=ArrayLike(z["state"]), t=0)
        np.testing.assert_allclose(g.numpy(), z["g"].reshape(-1), 1e-5, 1e-7)
        response = np.asarray(model.non_linearity(ArrayLike(z["g"])).numpy()).reshape(-1)
        np.testing.assert_allclose(response, z["response"].reshape(-1), 1e-5, 1e-7)
        got = model.simulate(
            data, steps, verbose=False, initial_state=ArrayLike(z["state"]), uniforms=(z["draws"] + 0.5) / 65536,
            store_as_dtype=np.int32 if whole else np.float32,
        )  # fmt: skip
        np.testing.assert_array_equal(got, z["spikes"])
        np.testing.assert_allclose(model.state, z["final_state"], 1e-5)


def test_a_sum_of_which_only_the_high_word_is_set() -> None:
    """A weight of -1 alone is -2**46: its low word is 0, and a mistake of 1 in the high one would change this spike."""
    net = Network(np.array([[0], [1]]), np.float32([-1.0]), 2)
    model = sim.RectifiedLNP(lambda_0=1.0, theta=-2.0, T=1)
    for u, want in ((np.exp(-1.0) - 1e-5, 0), (np.exp(-1.0) + 1e-5, 1)):
        got = model.simulate(net.graph, 1, verbose=False, initial_state=[[1], [0]], uniforms=[[0.0, u]])
        assert got[1, 0] == want
