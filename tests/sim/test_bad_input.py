"""What a simulation refuses, with a message, before anything is changed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from grillyx.engine.device import current_device
from grillyx.graph import Graph
from tests.sim.reference import NETWORKS, by_methods, network
from tests.sim.test_simulate import EVERY, quiet

GRAPH = NETWORKS["many"].graph


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"data": None}, TypeError, "no network, got NoneType"),
        ({"data": np.ones((3, 3))}, TypeError, "Graph.from_adjacency"),
        ({"data": []}, ValueError, "no network, got an empty list"),
        ({"data": [GRAPH, 3]}, TypeError, "no network, got int"),
        ({"data": SimpleNamespace(edge_index=[[0, 5], [1, 2]], W0=[1.0, 1.0], num_nodes=5)}, ValueError, "not there, got 5"),
        ({"data": SimpleNamespace(edge_index=[[0, -1], [1, 2]], W0=[1.0, 1.0])}, ValueError, "negative"),
        ({"data": SimpleNamespace(edge_index=[[0, 1], [1, 2]], W0=[1.0, np.nan])}, ValueError, "not finite"),
        ({"data": SimpleNamespace(edge_index=[[0, 1], [1, 2]], W0=[1.0, np.inf])}, ValueError, "not finite"),
        ({"data": SimpleNamespace(edge_index=[[0, 1], [1, 2]], W0=[1.0])}, ValueError, r"wrong shape, got \(1,\)"),
        ({"data": SimpleNamespace(edge_index=[[0, 1], [1, 2]], W0=["a", "b"])}, TypeError, "real numbers"),
        ({"data": SimpleNamespace(edge_index=[0, 1], W0=[1.0, 2.0])}, ValueError, "edge_index"),
        ({"data": SimpleNamespace(edge_index=[[0.5, 1], [1, 2]], W0=[1.0, 2.0])}, TypeError, "integers"),
        ({"n_steps": -1}, ValueError, "n_steps is no number of steps, got -1"),
        ({"n_steps": 2.5}, ValueError, "n_steps"),
        ({"n_steps": "ten"}, ValueError, "n_steps"),
        ({"n_steps": True}, ValueError, "n_steps"),
        ({"equilibration_steps": -3}, ValueError, "equilibration_steps"),
        ({"store_as_dtype": "spikes"}, ValueError, "store_as_dtype"),
        ({"store_as_dtype": complex}, ValueError, "store_as_dtype"),
        ({"store_as_dtype": object}, ValueError, "store_as_dtype"),
        ({"initial_state": np.zeros((36, 10))}, ValueError, r"got \(36, 10\); expected \(37, 10\)"),
        ({"initial_state": np.zeros(37)}, ValueError, r"got \(37,\); expected \(37, 10\)"),
        ({"initial_state": np.full((37, 10), np.nan)}, ValueError, "NaN"),
        ({"initial_state": np.full((37, 10), 0.5)}, ValueError, "initial_state holds no spikes"),
        ({"initial_state": np.full((37, 10), 2)}, ValueError, "initial_state holds no spikes"),
        ({"initial_state": np.full((37, 10), -1)}, ValueError, "initial_state holds no spikes"),
        ({"initial_state": "rest"}, TypeError, "initial_state holds no numbers"),
        ({"uniforms": np.zeros((37, 10))}, ValueError, r"got \(37, 10\); expected \(10, 37\)"),
        ({"uniforms": np.full((10, 37), 1.5)}, ValueError, r"out of range, got 1.5"),
        ({"uniforms": np.full((10, 37), np.nan)}, ValueError, "out of range"),
        ({"uniforms": np.full((10, 37), -0.1)}, ValueError, "out of range"),
        ({"uniforms": "random"}, TypeError, "uniforms holds? no numbers"),
        ({"out": "spikes.txt"}, ValueError, r"expected .npy"),
        ({"out": 7}, TypeError, "out is no path, got int"),
        ({"out": "nowhere/at/all.npy"}, FileNotFoundError, "no folder"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input(arguments, error, words, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = sim.BernoulliGLM(rng=1)
    calls = model.random.calls
    with pytest.raises(error, match=words) as found:
        quiet(model, **{"n_steps": 10} | arguments)
    assert found.value.args[0].split(":")[0] in ("BernoulliGLM.simulate", "BernoulliGLM", "Graph")
    assert model.random.calls == calls
    assert model.state is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stimulus", "words"),
    [
        (lambda t: np.zeros(36), r"wrong shape, got \(36,\); expected \(37,\)"),
        (lambda t: np.zeros((37, 2)), "wrong shape"),
        (lambda t: np.nan, "NaN"),
        (lambda t: "loud", "no numbers"),
        (lambda t: None, "no numbers"),
        (sim.RegularStimulus(1.0, 10, 2, 50, np.ones(36, bool)), r"got \(?36,?\)?; expected \(?37"),
    ],
    ids=["short", "matrix", "nan", "word", "none", "mask"],
)  # fmt: skip
def test_bad_stimuli(stimulus, words) -> None:
    for kind in (sim.BernoulliGLM, by_methods(sim.BernoulliGLM)):
        model = kind()
        model.add_stimulus(stimulus)
        with pytest.raises((ValueError, TypeError), match=f"BernoulliGLM: the stimulus .*{words}"):
            quiet(model, n_steps=3)


@pytest.mark.parametrize("parts", [
    (np.ones(37), np.ones(3)), (np.ones(36), np.ones(5)), (None, np.ones((36, 5))), (None, np.ones((37, 4))),
    (np.ones(37), np.full(5, np.inf)), (np.full(37, np.nan), np.ones(5)),
])  # fmt: skip
def test_parts_that_do_not_fit(parts) -> None:
    class Wrong:
        def parts(self, times):
            return parts

        def __call__(self, t):
            return 0.0

    model = sim.BernoulliGLM()
    model.add_stimulus(Wrong())
    with pytest.raises(ValueError, match="BernoulliGLM: the stimulus"):
        quiet(model, n_steps=5, equilibration_steps=0)


def test_a_stimulus_must_be_callable() -> None:
    with pytest.raises(TypeError, match=r"add_stimulus: a stimulus is a function of the step, got float"):
        sim.BernoulliGLM().add_stimulus(3.0)


@pytest.mark.parametrize(
    ("kind", "p", "word"),
    [
        (sim.BernoulliGLM, {"dt": 0.0}, "dt"), (sim.BernoulliGLM, {"dt": -1.0}, "dt"),
        (sim.PoissonGLM, {"dt": np.nan}, "dt"), (sim.BernoulliGLM, {"theta": "high"}, "theta"),
        (sim.BernoulliGLM, {"theta": None}, "theta"), (sim.BernoulliGLM, {"theta": np.inf}, "theta"),
        (sim.BernoulliGLM, {"theta": np.zeros((2, 2))}, "theta"), (sim.BernoulliGLM, {"alpha": [0.1, 0.2]}, "alpha"),
        (sim.BernoulliGLM, {"coupling_window": 0}, "coupling_window"), (sim.BernoulliGLM, {"abs_ref_scale": -1}, "abs_ref_scale"),
        (sim.PoissonGLM, {"T": 0}, "T"), (sim.PoissonGLM, {"T": 1 << 15}, "T"),
        (sim.PoissonGLM, {"tau": 0.0}, "tau"), (sim.PoissonGLM, {"alpha": 0.0}, "alpha"), (sim.RectifiedLNP, {"tau": -1.0}, "tau"),
        (sim.LNP, {"response": "tanh"}, "unknown response"), (sim.ThresholdSAM, {"rho": 1.5}, "rho"),
        (sim.ThresholdSAM, {"sigma": -1.0}, "sigma"), (sim.ThresholdSAM, {"tau": 0.05}, "tau"),
        (sim.RectifiedSAM, {"tau": 0.0}, "tau"), (sim.BernoulliGLM, {"rng": -1}, "rng"), (sim.BernoulliGLM, {"rng": 1 << 64}, "rng"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_parameters(kind, p, word) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {word}.*got .*; expected"):
        kind(**p)


@pytest.mark.parametrize(
    ("name", "value"), [("dt", "a"), ("dt", None), ("rel_ref_scale", 1.5), ("coupling_window", True)]
)
def test_parameters_of_a_wrong_kind(name, value) -> None:
    with pytest.raises(TypeError, match=f"^BernoulliGLM: {name} must be .*, got {value!r}; expected"):
        sim.BernoulliGLM(**{name: value})


@pytest.mark.parametrize("rng", ["seed", 1.5, True, [1]])
def test_bad_sources_of_random_numbers(rng) -> None:
    with pytest.raises(TypeError, match="BernoulliGLM: rng is no source"):
        sim.BernoulliGLM(rng=rng)


def test_sources_of_random_numbers() -> None:
    torch_like = SimpleNamespace(initial_seed=lambda: 3)
    np.testing.assert_array_equal(quiet(EVERY["bernoulli"](rng=torch_like)), quiet(EVERY["bernoulli"](rng=3)))
    a, b = (quiet(EVERY["bernoulli"](rng=np.random.default_rng(2))) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    a, b = quiet(EVERY["bernoulli"]()), quiet(EVERY["bernoulli"]())
    assert (a != b).any()


def test_parameters_for_another_number_of_neurons() -> None:
    with pytest.raises(ValueError, match="theta is for another number of neurons, got 36; expected 37"):
        quiet(sim.BernoulliGLM(theta=np.zeros(36)))


def test_to() -> None:
    model = sim.BernoulliGLM()
    assert model.to(current_device().info.index) is model
    assert model.to(current_device().info.type) is model  # "cpu"
    with pytest.raises(Exception, match="no device fits"):
        model.to("abacus")


def test_equilibrate() -> None:
    net = network(20, 60, 1)
    for kind in (sim.BernoulliGLM, sim.PoissonGLM, sim.RectifiedSAM, sim.LIFNetwork):
        model = kind()
        W, edges = model.connectivity_filter(net.W0, net.edge_index)
        got = model.equilibrate(edges, W, np.ones((20, 3)) if kind is sim.LIFNetwork else np.ones(20), n_steps=12)
        assert got.shape == (20, model.T)
        assert got.dtype == np.int32
    model = sim.BernoulliGLM(theta=0.0, rng=1)
    W, edges = model.connectivity_filter(net.W0, net.edge_index)
    x = np.zeros((20, 10))
    x[:, -1] = 1
    again = sim.BernoulliGLM(theta=0.0, rng=1)
    quiet(again, Graph(net.edge_index, net.W0, 20), 30, initial_state=x)
    settled = model.equilibrate(edges, W, x[:, -1], 30)
    np.testing.assert_array_equal(settled[: edges.max() + 1], np.asarray(again.state)[: edges.max() + 1])
    for wrong in (np.zeros((20, 3)), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="inital_state"):
            model.equilibrate(edges, W, wrong)
    with pytest.raises(ValueError, match="equilibrate: W"):
        model.equilibrate(edges, np.zeros((3, 10)), x)
