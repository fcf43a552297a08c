"""BernoulliGLM against its equations in float64, and spikeometric's numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from grillyx.autograd import Tensor
from tests.helpers import same
from tests.sim.reference import NETWORKS, Network, bernoulli, by_methods, decided, network

DATA = Path(__file__).parent.parent / "data"
PARAMETERS = {
    "defaults": {"theta": 1.0},
    "long": {"theta": 1.5, "coupling_window": 45, "alpha": 0.05, "abs_ref_scale": 34, "rel_ref_scale": 7, "r": 0.6},
    "window beyond refractoriness": {"theta": 0.5, "coupling_window": 9, "abs_ref_scale": 1, "rel_ref_scale": 3, "beta": -0.25},
    "small steps": {"theta": 0.0, "dt": 0.5, "r": -1.5, "rel_ref_strength": 2.0, "abs_ref_strength": -3.0},
    "no refractoriness": {"theta": 1.0, "abs_ref_scale": 0, "rel_ref_scale": 0, "coupling_window": 1},
}  # fmt: skip


def start(net: Network, T: int, seed: int = 5) -> np.ndarray:
    return (np.random.default_rng(seed).random((net.num_nodes, T)) < 1.5 / T).astype(int)


def compared(net: Network, steps: int = 40, **p) -> np.ndarray:
    for kind in (sim.BernoulliGLM, by_methods(sim.BernoulliGLM)):
        model = kind(**{k: v for k, v in p.items() if k != "stimulus"})
        model.add_stimulus(p.get("stimulus"))
        x = start(net, model.T)
        u, want = decided(
            lambda u, x=x: bernoulli(net, x, u, **{k: v for k, v in p.items() if v is not None}), (steps, net.num_nodes)
        )
        got = model.simulate(net.graph, steps, verbose=False, initial_state=x, uniforms=u)
        np.testing.assert_array_equal(got, want.spikes)
        np.testing.assert_array_equal(np.asarray(model.state), want.state)
    return want.spikes


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("p", PARAMETERS, ids=str)
def test_parameters(p: str, compat: bool) -> None:
    spikes = compared(NETWORKS["many"], compat=compat, **PARAMETERS[p])
    assert 0.01 < spikes.mean() < 0.7
    other = sim.BernoulliGLM(**PARAMETERS[p], compat=not compat, rng=1)
    same = sim.BernoulliGLM(**PARAMETERS[p], compat=compat, rng=1)
    graph = NETWORKS["many"].graph  # it has autapses, which only one of them drops
    assert (other.simulate(graph, 300, verbose=False) != same.simulate(graph, 300, verbose=False)).any()


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "many"])
def test_networks(name: str, compat: bool) -> None:
    assert compared(NETWORKS[name], compat=compat, theta=0.5).sum() > 0


def test_theta_of_each_neuron() -> None:
    theta = np.linspace(-3, 3, 37)
    spikes = compared(NETWORKS["many"], theta=theta)
    assert spikes[:10].mean() > spikes[-10:].mean()


class Masked:
    """A stimulus of the form mask · values."""

    def __init__(self, mask):
        self.mask = mask

    def parts(self, times):
        return self.mask, (times % 7).astype(np.float32) / 2

    def __call__(self, t):
        return self.mask * np.float32(t % 7) / 2


class Table(Masked):
    """One that gives each neuron its own values."""

    def parts(self, times):
        return None, np.stack([self(t) for t in times], 1)

    def __call__(self, t):
        return np.sin(np.arange(self.mask.size) + t).astype(np.float32)


@pytest.mark.parametrize(
    "stimulus",
    [Masked(np.arange(37) % 3 == 0), Table(np.ones(37)), lambda t: np.float32(t % 5) / 4,
     lambda t: np.cos(np.arange(37) * t).astype(np.float32), lambda t: [0.5] * 37, lambda t: Tensor(np.full(37, 0.25))],
    ids=["mask", "table", "number", "function", "list", "tensor"],
)  # fmt: skip
def test_stimuli(stimulus) -> None:
    reference = lambda t: np.asarray(stimulus(t), np.float64)
    net = NETWORKS["many"]
    for kind in (sim.BernoulliGLM, by_methods(sim.BernoulliGLM)):
        model = kind(theta=2.0)
        model.add_stimulus(stimulus)
        x = start(net, model.T)
        u, want = decided(lambda u, x=x: bernoulli(net, x, u, theta=2.0, stimulus=reference), (40, 37))
        _, silent = decided(lambda u, x=x: bernoulli(net, x, u, theta=2.0), (40, 37))
        assert (want.spikes != silent.spikes).any()
        got = model.simulate(net.graph, 40, verbose=False, initial_state=x, uniforms=u)
        np.testing.assert_array_equal(got, want.spikes)


def test_several_networks_at_once() -> None:
    nets, model = [network(13, 60, 1), network(6, 0), network(1, 1, 2), network(20, 90, 3)], sim.BernoulliGLM(theta=0.5)
    sizes = [net.num_nodes for net in nets]
    x = [start(net, model.T, k) for k, net in enumerate(nets)]
    runs = [decided(lambda u, k=k: bernoulli(nets[k], x[k], u, theta=0.5), (50, sizes[k])) for k in range(4)]
    together = {
        "initial_state": np.concatenate(x),
        "uniforms": np.concatenate([u for u, _ in runs], 1),
        "verbose": False,
    }
    for data in ([net.graph for net in nets], nets):
        got = model.simulate(data, 50, **together)
        np.testing.assert_array_equal(got, np.concatenate([want.spikes for _, want in runs]))


def test_the_filter_is_that_of_the_equations() -> None:
    net = NETWORKS["many"]
    for compat in (False, True):
        model = sim.BernoulliGLM(theta=1.0, r=0.5, abs_ref_scale=2, rel_ref_scale=2, compat=compat)
        W, edges = model.connectivity_filter(net.W0, net.edge_index)
        kept = np.count_nonzero(net.edge_index[0] != net.edge_index[1]) if compat else net.W0.size
        loops = edges.shape[1] - kept
        assert W.shape == (kept + loops, 5)
        assert loops == net.edge_index.max() + 1
        np.testing.assert_array_equal(edges[0, kept:], np.arange(loops))
        decay = np.exp(-0.2 * np.arange(5))[::-1] * (1.0 if compat else 0.5)
        same(W.numpy()[:kept], (net.W0[:kept, None] * decay).astype(np.float32))
        own = [-30 * np.exp(-1.0) if compat else 0.0, -30 * np.exp(-0.5), -30.0, -100.0, -100.0]
        same(W.numpy()[kept], np.array(own, np.float32))


def test_spikeometrics_numbers() -> None:
    z = np.load(DATA / "spikeometric_bernoulli_glm.npz")
    p = {k[6:]: z[k].item() for k in z if k.startswith("param_") and k != "param_T"}
    data = SimpleNamespace(edge_index=z["edge_index"], W0=z["W0"], num_nodes=int(z["num_nodes"]))
    for kind in (sim.BernoulliGLM, by_methods(sim.BernoulliGLM)):
        model = kind(**p, compat=True)
        W, edge_index = model.connectivity_filter(W0=z["W0"], edge_index=z["edge_index"])
        np.testing.assert_array_equal(edge_index, z["filter_edge_index"])
        np.testing.assert_allclose(W.numpy(), z["filter_W"], 1e-5)
        g = model.input(edge_index=z["filter_edge_index"], W=z["filter_W"], state=z["state"], t=0)
        np.testing.assert_allclose(g.numpy(), z["g"], 1e-5)
        np.testing.assert_allclose(model.non_linearity(g).numpy(), z["response"], 1e-5)
        got = model.simulate(data, 120, verbose=False, initial_state=z["state"], uniforms=z["uniforms"])
        np.testing.assert_array_equal(got, z["spikes"])
        np.testing.assert_array_equal(model.state, z["final_state"])


def test_a_chance_of_1_and_above() -> None:
    for kind in (sim.BernoulliGLM, by_methods(sim.BernoulliGLM)):
        model = kind(theta=-200.0, dt=2.0, abs_ref_scale=0, rel_ref_scale=0)
        u = np.full((3, 5), 1.0)  # the nearest float32 of what is just below
        assert model.simulate(NETWORKS["no edges"].graph, 3, verbose=False, uniforms=u).all()
