"""Models of one's own: any step may be overridden, and runs on the device."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import sim
from grillyx.autograd import Tensor
from grillyx.engine.counters import COUNTERS
from tests.sim.reference import NETWORKS, Run, arriving, counts, decided, filtered, lnp, network, pushed, single

NET = NETWORKS["many"]


def quiet(model, n_steps: int = 40, **more):
    return model.simulate(NET.graph, n_steps, verbose=False, **more)


def walked(model, W, edges, x, steps: int, spikes_of, stimulus=lambda t: 0.0) -> np.ndarray:
    """A run in NumPy, where `spikes_of` makes spikes from the input (N,)."""
    state, out = x.astype(np.float64), []
    for t in range(steps):
        out.append(spikes_of(arriving(edges, W, state) + stimulus(t), t))
        state = pushed(state, out[-1])
    return np.stack(out, 1)


class Sum(sim.BaseModel):
    """Fires where the input is above 1/4; W0 for one step."""

    def emit_spikes(self, mean):
        return (mean > 0.25).astype(np.float32)


FIRST = np.random.default_rng(1).integers(0, 2, (37, 1))
FIRES = lambda g, t: (g > 0.25).astype(np.float64)
W = NET.W0[:, None].astype(np.float64)


def test_emit_spikes_is_enough() -> None:
    want = walked(Sum(), W, NET.edge_index, FIRST, 40, FIRES)
    np.testing.assert_array_equal(quiet(Sum(), initial_state=FIRST), want)
    assert 0 < want.mean() < 1
    with pytest.raises(NotImplementedError, match="BaseModel: define emit_spikes"):
        quiet(sim.BaseModel())


def test_uniforms_reach_a_model_of_ones_own() -> None:
    class Chance(sim.BaseModel):
        def non_linearity(self, input):
            return F.sigmoid(input)

        def emit_spikes(self, mean):
            return self.draw_bernoulli(mean)

    u = np.random.default_rng(3).random((40, 37))
    want = walked(Chance(), W, NET.edge_index, FIRST, 40, lambda g, t: (u[t] < 1 / (1 + np.exp(-g))).astype(float))
    np.testing.assert_array_equal(quiet(Chance(), initial_state=FIRST, uniforms=u), want)
    np.testing.assert_array_equal(quiet(Chance(rng=1)), quiet(Chance(rng=1)))


def test_input() -> None:
    class Doubled(Sum):
        def input(self, edge_index, W, state, t=-1, **kwargs):
            return 2.0 * super().input(edge_index, W, state, t=t, **kwargs)

    want = walked(None, 2 * W, NET.edge_index, FIRST, 40, FIRES)
    np.testing.assert_array_equal(quiet(Doubled(), initial_state=FIRST), want)


def test_synaptic_input() -> None:
    class Largest(Sum):
        def synaptic_input(self, edge_index, W, state, **kwargs):
            return F.minimum(super().synaptic_input(edge_index, W, state=state, **kwargs), 0.375)

    class Mine(Largest):
        def emit_spikes(self, mean):
            return (mean == 0.375).astype(np.float32)

    want = walked(None, W, NET.edge_index, FIRST, 40, lambda g, t: (g >= 0.375).astype(float))
    np.testing.assert_array_equal(quiet(Mine(), initial_state=FIRST), want)


@pytest.mark.parametrize("by_instance", [False, True])
def test_message(by_instance: bool) -> None:
    class Absolute(Sum):
        def message(self, state_j, W):
            assert state_j.shape == W.shape == (300, 1)
            return (state_j * F.abs(W)).sum(axis=1, keepdims=True) * 0.25

    want = walked(None, 0.25 * np.abs(W), NET.edge_index, FIRST, 40, FIRES)
    model = Absolute()
    if by_instance:
        model = Sum()
        model.message = lambda state_j, W: (state_j * F.abs(W)).sum(axis=1) * 0.25
    np.testing.assert_array_equal(quiet(model, initial_state=FIRST), want)


def test_stimulus_input_and_filter() -> None:
    class Late(Sum):
        def stimulus_filter(self, stimulus, **kwargs):
            return stimulus * 0.5

    class Own(Sum):
        def stimulus_input(self, t, **kwargs):
            return np.float32(t % 3)

    model = Late()
    model.add_stimulus(lambda t: np.float32(t % 3))
    want = walked(None, W, NET.edge_index, FIRST, 40, FIRES, lambda t: (t % 3) / 2)
    np.testing.assert_array_equal(quiet(model, initial_state=FIRST), want)
    want = walked(None, W, NET.edge_index, FIRST, 40, FIRES, lambda t: t % 3)
    np.testing.assert_array_equal(quiet(Own(), initial_state=FIRST), want)


def test_forward() -> None:
    class Alternating(sim.BaseModel):
        def forward(self, edge_index, W, state, t=-1, **kwargs):
            return Tensor(np.full(state.shape[0], t % 2, np.float32))

    np.testing.assert_array_equal(quiet(Alternating(), 7), np.tile(np.arange(7) % 2, (37, 1)))

    class Short(sim.BaseModel):
        def forward(self, edge_index, W, state, **kwargs):
            return Tensor(np.zeros(5, np.float32))

    with pytest.raises(ValueError, match=r"Short.forward: spikes have the wrong shape, got \(5,\); expected \(37,\)"):
        quiet(Short())


@pytest.mark.parametrize("pair", [True, False], ids=["pair", "weights alone"])
@pytest.mark.parametrize("host", [True, False], ids=["NumPy", "tensors"])
def test_connectivity_filter(pair: bool, host: bool) -> None:
    """Weights over time that belong to no kernel; T follows them."""
    ramp = np.array([0.5, -0.25, 1.0], np.float32)

    class Ramp(Sum):
        def connectivity_filter(self, W0, edge_index):
            out = np.asarray(W0)[:, None] * ramp if host else W0.reshape(-1, 1) * ramp
            return (out, edge_index) if pair else out

    x = np.random.default_rng(2).integers(0, 2, (37, 3))
    want = walked(None, W * ramp, NET.edge_index, x, 40, FIRES)
    np.testing.assert_array_equal(quiet(Ramp(), initial_state=x), want)
    model = Ramp()
    assert quiet(model).shape == (37, 40)
    assert np.asarray(model.state).shape == (37, 3)


def test_a_connectivity_filter_of_an_instance() -> None:
    model, halved = Sum(), Sum()
    halved.connectivity_filter = lambda W0, edge_index: (W0.reshape(-1, 1) * 0.5, edge_index)
    want = walked(None, W / 2, NET.edge_index, FIRST, 40, FIRES)
    np.testing.assert_array_equal(quiet(halved, initial_state=FIRST), want)
    assert (quiet(model, initial_state=FIRST) != want).any()


def test_a_connectivity_filter_with_other_edges() -> None:
    class Reversed(Sum):
        def connectivity_filter(self, W0, edge_index):
            return W0.reshape(-1, 1), edge_index[::-1]

    want = walked(None, W, NET.edge_index[::-1], FIRST, 40, FIRES)
    np.testing.assert_array_equal(quiet(Reversed(), initial_state=FIRST), want)

    class Wrong(Sum):
        def connectivity_filter(self, W0, edge_index):
            return W0.reshape(-1, 1)[:10], edge_index

    with pytest.raises(ValueError, match=r"connectivity_filter: weights do not fit their edges, got W of \(10, 1\)"):
        quiet(Wrong())


@pytest.mark.parametrize("name", ["coupling_kernel", "own_kernel"])
def test_kernels(name: str) -> None:
    class Own(sim.RectifiedLNP):
        pass

    kernel = np.array([0.25, 0.5, 1.0], np.float32)
    setattr(Own, name, lambda self: Tensor(kernel))
    p = {"lambda_0": 0.4, "theta": -0.5, "T": 3, "tau": 2.0, "r": 0.2}
    x = np.random.default_rng(2).poisson(0.5, (37, 3))
    decay = np.exp(-np.arange(3)[::-1] / 2)
    weights = W * (kernel if name == "coupling_kernel" else decay)
    edges = NET.edge_index
    if name == "own_kernel":
        weights = np.concatenate([weights, np.tile(kernel, (37, 1))])
        edges = np.concatenate([edges, np.tile(np.arange(37), (2, 1))], 1)
    weights = weights * np.float32(0.2)

    def run(u) -> Run:
        state, out, margin = x.astype(float), [], np.inf
        for numbers in u:
            mean = single(0.4) * np.maximum(arriving(edges, weights, state) + 0.5, 0.0)
            spikes, near = counts(mean, numbers)
            out.append(spikes)
            margin, state = min(margin, near), pushed(state, spikes)
        return Run(np.stack(out, 1), state, margin)

    u, want = decided(run, (20, 37))
    np.testing.assert_array_equal(quiet(Own(**p), 20, initial_state=x, uniforms=u), want.spikes)


def test_background_and_activation() -> None:
    class Own(sim.ThresholdSAM):
        def background_input(self, n_neurons):
            return Tensor(np.linspace(0.0, 0.5, n_neurons, dtype=np.float32))

        def update_activation(self, spikes, activation):
            return activation * 0.5 + spikes.reshape(-1, 1) * 0.25

    s, out = np.full(37, 0.5), []
    for _ in range(30):
        z = 0.25 * arriving(NET.edge_index, W, s[:, None]) + np.linspace(0.0, 0.5, 37) - 0.25
        assert np.abs(z).min() > 1e-6
        out.append(z > 0)
        s = s * 0.5 + out[-1] * 0.25
    model = Own(r=0.25, theta=0.25, sigma=0.0)
    np.testing.assert_array_equal(quiet(model, 30, initial_state=np.full((37, 1), 0.5)), np.stack(out, 1))


def test_the_response_of_a_built_in_model() -> None:
    class Squared(sim.RectifiedLNP):
        def non_linearity(self, input):
            return F.square(F.relu(input)) * 0.5

    x = np.random.default_rng(2).poisson(0.5, (37, 2))
    u, want = decided(
        lambda u: filtered(NET, x, u, lambda g: 0.5 * np.maximum(g, 0) ** 2, T=2, tau=2.0, r=0.1, b=0.5), (30, 37)
    )
    got = quiet(Squared(lambda_0=9.0, T=2, tau=2.0, r=0.1, b=0.5), 30, initial_state=x, uniforms=u)
    np.testing.assert_array_equal(got, want.spikes)


def test_a_subclass_that_overrides_nothing_stays_fast() -> None:
    class Named(sim.RectifiedLNP):
        """Ours."""

        def __init__(self, **more):
            super().__init__(lambda_0=0.5, theta=-0.5, T=4, tau=2.0, r=0.2, **more)

        def rate(self):
            return 3.0

    x = np.random.default_rng(2).poisson(0.5, (37, 4))
    u, want = decided(lambda u: lnp(NET, x, u, lambda_0=0.5, theta=-0.5, T=4, tau=2.0, r=0.2), (30, 37))
    quiet(Named(), 30, initial_state=x, uniforms=u)
    before = COUNTERS.dispatches
    np.testing.assert_array_equal(quiet(Named(), 30, initial_state=x, uniforms=u), want.spikes)
    assert COUNTERS.dispatches - before < 4 * 30  # reads are dispatches too in staged memory


def test_steps_of_ones_own_run_on_the_device() -> None:
    """Nothing is downloaded within a chunk."""
    model = Sum(rng=1)
    quiet(model)
    before = COUNTERS.downloads
    quiet(model, 32, initial_state=FIRST)
    assert COUNTERS.downloads - before <= 4


def test_a_model_that_is_not_a_history() -> None:
    """Its own next_state: a trace that decays."""

    class Trace(sim.BaseModel):
        T = 2

        def synaptic_input(self, edge_index, W, state, **kwargs):
            return super().synaptic_input(edge_index, W, state=state[:, 1:], **kwargs)

        def emit_spikes(self, mean):
            return (mean > 0.125).astype(np.float32)

        def next_state(self, state, spikes):
            trace = 0.5 * state[:, 1] + spikes
            return F.stack([spikes, trace], 1)

        def coupling_kernel(self):
            return Tensor(np.ones(1, np.float32))

    x = np.stack([FIRST[:, 0], FIRST[:, 0]], 1).astype(float)
    state, out = x, []
    for _ in range(20):
        g = arriving(NET.edge_index, W, state[:, 1:])
        assert np.abs(g - 0.125).min() > 1e-6
        out.append(g > 0.125)
        state = np.stack([out[-1], 0.5 * state[:, 1] + out[-1]], 1)
    model = Trace()
    np.testing.assert_array_equal(quiet(model, 20, initial_state=x), np.stack(out, 1))
    np.testing.assert_allclose(model.state, state)


def test_calls_with_keywords_and_several_networks() -> None:
    model = sim.RectifiedLNP(T=3, tau=2.0, theta=-0.5)
    W3, edge_index = model.connectivity_filter(W0=NET.W0, edge_index=NET.edge_index)
    state = np.random.default_rng(0).poisson(0.5, (37, 3)).astype(np.float32)
    want = arriving(edge_index, W3.numpy().astype(float), state)
    np.testing.assert_allclose(model.synaptic_input(edge_index=edge_index, W=W3, state=state).numpy(), want, 1e-5, 1e-5)
    spikes = model(edge_index=edge_index, W=W3, state=state, t=0)
    assert spikes.shape == (37,)
    assert (spikes.numpy() == np.rint(spikes.numpy())).all()
    same = model.message(Tensor(state[edge_index[0]]), W3)
    np.testing.assert_allclose(np.bincount(edge_index[1], same.numpy()[:, 0], 37), want, 1e-4, 1e-5)
    both = Sum().simulate([NET.graph, network(4, 9).graph], 9, verbose=False)
    assert both.shape == (41, 9)
