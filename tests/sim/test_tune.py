"""Tuning: rates that are reached, gradients against finite differences, and what is refused."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import nn, sim
from grillyx.autograd import Tensor
from grillyx.sim import _expected, _simulate
from tests.sim.reference import NETWORKS, Network, by_methods, network


def balanced(neurons: int, degree: int, seed: int = 0):
    """Excitatory and inhibitory halves."""
    net = network(neurons, neurons * degree, seed, 0.3)
    net.W0 = np.where(net.edge_index[0] < neurons // 2, 1, -1) * np.abs(net.W0).astype(np.float32)
    return net.graph


GRAPH = balanced(400, 40)


def rate(model, graph=GRAPH, steps: int = 2000) -> np.ndarray:
    return model.simulate(graph, steps, verbose=False).mean(1) * 1000 / model.dt


def tuned(model, target, names="all", graph=GRAPH, **more) -> list[float]:
    return model.tune(graph, target, names, verbose=False, **{"n_epochs": 60} | more)


# --- rates
@pytest.mark.parametrize("target", [20.0, 60.0])
@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: sim.BernoulliGLM(theta=5.0, rng=3), ["theta"]),
        (lambda: sim.PoissonGLM(alpha=30.0, beta=0.3, T=20, tau=5.0, r=0.1, rng=3), ["b"]),
        (lambda: sim.RectifiedLNP(lambda_0=0.02, theta=-2.0, T=20, tau=5.0, r=0.05, rng=3), "theta"),
        (lambda: sim.LNP(lambda_0=0.1, theta=1.0, T=20, tau=5.0, r=0.05, rng=3), ["theta", "lambda_0"]),
        (lambda: sim.RectifiedSAM(lambda_0=1.0, theta=-0.09, r=0.01, dt=1.0, rng=3), ["theta"]),
    ],
    ids=["BernoulliGLM", "PoissonGLM", "RectifiedLNP", "LNP", "RectifiedSAM"],
)  # fmt: skip
def test_rates_are_reached(make, names, target: float) -> None:
    model = make()
    before = rate(model, steps=300).mean()
    history = tuned(model, target, names, n_epochs=70)
    assert abs(before - target) > 2
    assert abs(rate(model).mean() - target) < 1
    assert len(history) == 70
    assert abs(np.mean(history[-10:]) - target) < 2
    assert not any(p.requires_grad for p in model.parameters())
    chosen = model.tunable_parameters if names == "all" else [names] if isinstance(names, str) else names
    for name, p in make().tunable_parameters.items():
        assert (float(p) != float(model.tunable_parameters[name])) == (name in chosen)


def test_a_rate_for_each_neuron() -> None:
    want = np.where(np.arange(400) % 4 == 0, 60.0, 20.0)
    model = sim.BernoulliGLM(theta=np.full(400, 4.0), rng=3)
    tuned(model, want, ["theta"], n_epochs=70, n_steps=200, lr=0.2)
    got = rate(model)
    assert abs(got[::4].mean() - 60) < 3
    assert abs(np.delete(got, np.s_[::4]).mean() - 20) < 2
    assert abs(got - want).mean() < 5


def test_a_rate_for_each_network() -> None:
    graphs = [balanced(150, 20, 1), balanced(250, 20, 2)]
    model = sim.BernoulliGLM(theta=np.full(400, 4.0), rng=3)
    tuned(model, [15.0, 45.0], ["theta"], graphs, n_epochs=100)
    got = rate(model, graphs)
    assert abs(got[:150].mean() - 15) < 1.5
    assert abs(got[150:].mean() - 45) < 2


def test_the_parameters_of_a_stimulus() -> None:
    model = sim.BernoulliGLM(theta=5.0, rng=3)
    model.add_stimulus(sim.RegularStimulus(1.0, 20, 10, float("inf"), np.ones(400, bool)))
    with pytest.raises(ValueError, match="there are no parameters of the stimulus"):
        tuned(sim.BernoulliGLM(), 20.0, "stimulus")
    assert "stimulus.strength" in model.tunable_parameters
    tuned(model, 20.0, "stimulus", n_epochs=80)
    assert abs(rate(model).mean() - 20) < 1
    assert float(model.theta) == 5.0
    strength = float(model.stimulus.strength)
    assert strength != 1.0
    tuned(model, 30.0, "model", n_epochs=10)
    assert float(model.stimulus.strength) == strength
    assert float(model.theta) != 5.0


def test_through_spikes() -> None:
    graph = balanced(200, 20)
    model = sim.BernoulliGLM(theta=5.0, rng=3)
    tuned(model, 20.0, ["theta"], graph, method="bptt", n_epochs=30, n_steps=24, lr=0.15)
    assert abs(rate(model, graph).mean() - 20) < 3
    lif = sim.LIFNetwork(b=1.1, r=0.02, dt=1.0, sigma=0.3, rng=3)
    before = rate(lif, graph, 1000).mean()
    tuned(lif, 20.0, ["b"], graph, method="bptt", n_epochs=14, n_steps=40, lr=0.06)
    after = rate(lif, graph, 1000).mean()
    assert abs(after - 20) < min(abs(before - 20) / 3, 4)


# --- gradients
SMALL = NETWORKS["many"]
EVERY = {
    "bernoulli": (sim.BernoulliGLM, {"theta": 1.0, "r": 0.5, "abs_ref_strength": -3.0, "rel_ref_strength": -2.0}),
    "bernoulli of each neuron": (
        sim.BernoulliGLM, {"theta": np.linspace(0, 2, 37), "abs_ref_scale": 1, "rel_ref_scale": 2, "rel_ref_strength": -2.0},
    ),
    "poisson": (sim.PoissonGLM, {"alpha": 4.0, "beta": 0.5, "T": 6, "tau": 2.0, "r": 0.1, "b": 0.2}),
    "poisson of each neuron": (
        sim.PoissonGLM, {"alpha": np.linspace(3, 5, 37), "beta": np.linspace(0.3, 0.6, 37), "T": 3, "tau": 2.0, "r": 0.1, "dt": 0.5},
    ),
    "rectified": (sim.RectifiedLNP, {"lambda_0": 0.5, "theta": -0.5, "T": 7, "tau": 3.0, "r": 0.1, "b": 0.1}),
    "softplus": (sim.LNP, {"lambda_0": np.linspace(0.1, 0.5, 37), "theta": 0.2, "T": 7, "tau": 3.0, "r": 0.1, "b": 0.1}),
    "sigmoid": (sim.LNP, {"lambda_0": 0.5, "theta": 0.2, "T": 1, "tau": 3.0, "r": 0.1, "b": 0.1, "response": "sigmoid"}),
    "rectified sam": (sim.RectifiedSAM, {"lambda_0": 2.0, "theta": -0.5, "tau": 5.0, "dt": 0.5, "r": 0.1, "b": 0.1}),
}  # fmt: skip
STEPS = 12


class Frozen:
    """A run that gives the same spikes again, whatever the parameters are."""

    def __init__(self, spikes, after):
        self.spikes, self.after = spikes, after

    def advance(self, times, uniforms):
        return self.spikes

    def state(self):
        return self.after


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_gradients_of_expected_rates(name: str, compat: bool, monkeypatch) -> None:
    """Against central differences, with the spikes that were drawn once."""
    kind, p = EVERY[name]
    model, weights = kind(**p, compat=compat, rng=1), np.random.default_rng(0).normal(size=37).astype(np.float32)
    model.add_stimulus(lambda t: np.float32(t % 3) / 4)
    x = model._first_state(37)
    run = _simulate.start_run(model, SMALL.graph, x, np.dtype(np.float32))
    spikes = run.advance(np.arange(STEPS), None)
    assert 0 < spikes.mean() < 10
    monkeypatch.setattr(_simulate, "start_run", lambda *a: Frozen(spikes, run.state()))

    def loss() -> Tensor:  # of each neuron; they are weighted in float64
        rates, _ = _expected.expected_rates(model, SMALL.graph, x, STEPS)
        return rates

    model.set_tunable("all")
    loss().backward(weights)
    for key, parameter in model.tunable_parameters.items():
        before, got = parameter.numpy(), parameter.grad.numpy()
        each = np.zeros_like(before)
        places = [()] if before.ndim == 0 else [(0,), (17,), (36,)]
        for at in places:
            step, ends = 0.01 * max(0.1, abs(float(before[at]))), []
            for sign in (1, -1):
                moved = before.copy()
                moved[at] += sign * step
                parameter.copy_(moved)
                ends.append(np.sum(loss().numpy().astype(np.float64) * weights))
            parameter.copy_(before)
            each[at] = (ends[0] - ends[1]) / (2 * step)
            assert abs(got[at] - each[at]) <= 0.02 * abs(each[at]) + 0.02 * np.abs(got).max() + 0.05, (key, at)
        assert np.abs(got).max() > 1e-3 or key in ("alpha", "tau") or kind is sim.LNP, key


@pytest.mark.parametrize("name", EVERY)
def test_expected_rates_are_those_of_the_methods(name: str) -> None:
    kind, p = EVERY[name]
    for compat in (False, True):
        found = []
        for cls in (kind, by_methods(kind)):
            model = cls(**p, compat=compat, rng=1)
            model.add_stimulus(lambda t: np.float32(t % 3) / 4)
            if cls is not kind:
                model.input = model.input
            x = model._first_state(37)
            found.append(_expected.expected_rates(model, SMALL.graph, x, STEPS))
        np.testing.assert_allclose(found[0][0].numpy(), found[1][0].numpy(), 1e-4, 1e-3)
        np.testing.assert_allclose(found[0][1], found[1][1], 1e-5, 1e-6)


def test_expected_rates_of_models_of_ones_own() -> None:
    """What is overridden counts, also background and activation."""

    class Own(sim.RectifiedSAM):
        def background_input(self, n_neurons):
            return self.b + 1.0

    class Slow(sim.RectifiedSAM):
        def update_activation(self, spikes, activation):
            return activation * 0.0 + 1.0

    p = {"lambda_0": 2.0, "theta": 0.0, "r": 0.0, "b": 0.5, "dt": 1.0}
    x = np.ones((37, 1), np.float32)
    rates, _ = _expected.expected_rates(Own(**p), SMALL.graph, x, 3)
    np.testing.assert_allclose(rates.numpy(), 2.0 * 1.5 * 1000, 1e-5)
    rates, after = _expected.expected_rates(Slow(**p), SMALL.graph, x, 3)
    np.testing.assert_array_equal(after, 1.0)


def test_gradients_through_spikes_see_what_spikes_cause() -> None:
    """One neuron that drives another: the rate of the second depends on what is put into the first."""
    from grillyx.sim._tune import _through_spikes

    graph = Network(np.array([[0], [1]]), np.float32([4.0]), 2).graph
    for method, moves in ((_through_spikes, True), (_expected.expected_rates, False)):
        model = sim.LNP(lambda_0=0.5, theta=0.0, T=2, tau=2.0, b=np.zeros(2), response="sigmoid", rng=1)
        model.set_tunable("b")
        rates, _ = method(model, graph, np.zeros((2, 2), np.float32), 30)
        rates[1].backward()
        assert (model.b.grad.numpy()[0] > 1e-3) == moves
        assert model.b.grad.numpy()[1] > 1e-3
        assert not model._learns_through_spikes


# --- what is refused, and what is left behind
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["gamma"], "no parameters 'gamma'; expected some of theta, beta, alpha, rel_ref_strength, r"),
        (["theta", "gamma"], "'gamma'"), ([], "no parameters to tune were named"), (None, "no parameters to tune were named"),
        ("stimulus", "no parameters of the stimulus"), ("everything", "'everything'"), ([3], "3"),
    ],
    ids=str,
)  # fmt: skip
def test_names(names, words: str) -> None:
    model = sim.BernoulliGLM()
    for call in (lambda: tuned(model, 20.0, names), lambda: model.set_tunable(names)):
        with pytest.raises(ValueError, match=words):
            call()
    assert not any(p.requires_grad for p in model.parameters())


def test_a_model_without_parameters() -> None:
    class Bare(sim.BaseModel):
        def emit_spikes(self, mean):
            return mean

    with pytest.raises(ValueError, match=r"Bare.tune: Bare has no parameters to tune"):
        tuned(Bare(), 20.0)


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"target": -1.0}, ValueError, "firing_rate"), ({"target": np.nan}, ValueError, "firing_rate"),
        ({"target": "fast"}, TypeError, "firing_rate"), ({"target": np.ones(7)}, ValueError, r"firing_rate.*\(7,\)"),
        ({"lr": 0.0}, ValueError, "lr"), ({"lr": np.nan}, ValueError, "lr"), ({"lr": "0.1"}, ValueError, "lr"),
        ({"n_steps": 0}, ValueError, "n_steps"), ({"n_epochs": -1}, ValueError, "n_epochs"),
        ({"method": "magic"}, ValueError, "unknown method, got 'magic'"), ({"graph": 3}, TypeError, "no network"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input(more, error, words) -> None:
    model = sim.BernoulliGLM(rng=1)
    with pytest.raises(error, match=f"BernoulliGLM.tune: .*{words}"):
        tuned(model, **{"target": 20.0} | more)
    assert float(model.theta) == 5.0
    assert model.random.calls == 0


def test_no_epochs() -> None:
    model = sim.BernoulliGLM()
    assert tuned(model, 20.0, n_epochs=0) == []
    assert float(model.theta) == 5.0


def test_a_stimulus_that_fails_leaves_the_parameters_as_they_were() -> None:
    asked = []

    def stimulus(t):
        asked.append(t)
        if len(asked) > 250:
            raise RuntimeError("at midnight")
        return 0.0

    model = sim.BernoulliGLM(theta=4.0, rng=1)
    model.add_stimulus(stimulus)
    with pytest.raises(RuntimeError, match="at midnight"):
        tuned(model, 20.0, n_steps=20)
    assert float(model.theta) == 4.0
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.filterwarnings("ignore:.*more than 65535 spikes")
def test_rates_that_run_away_leave_the_parameters_as_they_were() -> None:
    model = sim.PoissonGLM(alpha=0.1, beta=5.0, r=5.0, T=5, tau=5.0, rng=1)
    with pytest.raises(FloatingPointError, match="PoissonGLM"):
        tuned(model, 20.0, ["b"], n_epochs=4)
    assert float(model.b) == 0.0
    assert not any(p.requires_grad for p in model.parameters())


def test_ctrl_c_leaves_usable_parameters() -> None:
    asked, handler = [], signal.getsignal(signal.SIGINT)

    def stimulus(t):
        asked.append(t)
        if len(asked) == 1500:
            os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    model = sim.BernoulliGLM(theta=5.0, rng=1)
    model.add_stimulus(stimulus)
    with pytest.raises(KeyboardInterrupt, match="the parameters are those of the last epoch"):
        tuned(model, 60.0, "theta", n_steps=50)
    assert signal.getsignal(signal.SIGINT) is handler
    assert 0.0 < float(model.theta) < 5.0
    assert not any(p.requires_grad for p in model.parameters())
    model.add_stimulus(None)
    assert 5 < rate(model, steps=300).mean() < 300


def test_the_progress_bar(capsys) -> None:
    model = sim.BernoulliGLM(rng=1)
    model.tune(SMALL.graph, 20.0, n_epochs=3, n_steps=5)
    shown = capsys.readouterr().err
    assert "Tuning BernoulliGLM" in shown
    assert "Hz" in shown
    tuned(model, 20.0, graph=SMALL.graph, n_epochs=2, n_steps=5)
    assert capsys.readouterr().err == ""


def test_a_model_of_ones_own() -> None:
    class Mine(sim.BaseModel):
        def __init__(self):
            super().__init__(rng=1)
            self.c = nn.Parameter(np.float32(3.0))

        def non_linearity(self, input):
            return F.sigmoid(input - self.c)

        def emit_spikes(self, mean):
            return self.draw_bernoulli(mean)

    for method in ("expected", "bptt"):
        model = Mine()
        tuned(model, 100.0, method=method, graph=SMALL.graph, n_epochs=25, n_steps=24, lr=0.15)
        assert float(model.c) != 3.0
        assert abs(rate(model, SMALL.graph, 1500).mean() - 100) < (
            8 if method == "expected" else 25
        )  # which draws, 37 neurons


def test_the_input_of_a_threshold_is_no_rate() -> None:
    model = sim.ThresholdSAM(rng=0)
    with pytest.raises(ValueError, match="not known for ThresholdSAM. Use method='bptt'"):
        tuned(model, 1000.0)

    class Soft(sim.ThresholdSAM):
        def non_linearity(self, input):
            return F.sigmoid((input - self.theta) * 1000.0) * self.dt

        def emit_spikes(self, mean):
            return self.draw_bernoulli(mean)

    assert all(rate > 0 for rate in tuned(Soft(rng=0), 300.0, ["b"], n_epochs=3, lr=1e-4))


def test_a_target_that_is_not_reached_is_told() -> None:
    graph = sim.UniformGenerator(20, 0.0, 0.1, sparsity=0.5, rng=0).generate()
    with pytest.warns(UserWarning, match=r"BernoulliGLM\.tune: the target was not reached, got .* expected 900 Hz"):
        sim.BernoulliGLM(theta=5.0, rng=0).tune(graph, 900.0, ["theta"], n_steps=10, n_epochs=50, verbose=False)
