"""The loop of a simulation: what it returns, that it goes on, ends early, and says what is wrong."""

from __future__ import annotations

import gc
import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from grillyx import sim
from grillyx.engine.counters import COUNTERS
from grillyx.engine.device import current_device
from grillyx.graph import Graph
from tests.sim.reference import NETWORKS, by_methods

GRAPH = NETWORKS["many"].graph
EVERY = {
    "bernoulli": lambda **k: sim.BernoulliGLM(theta=1.0, **k),
    "bernoulli compat": lambda **k: sim.BernoulliGLM(theta=1.0, r=0.5, compat=True, **k),
    "poisson": lambda **k: sim.PoissonGLM(alpha=4.0, beta=0.5, T=6, tau=2.0, r=0.2, **k),
    "rectified": lambda **k: sim.RectifiedLNP(lambda_0=0.5, theta=-0.5, T=40, tau=10.0, r=0.1, **k),
    "threshold": lambda **k: sim.ThresholdSAM(r=0.3, b=0.125, tau=5.0, dt=0.5, theta=0.2, sigma=1.0, rho=0.4, **k),
    "rectified sam": lambda **k: sim.RectifiedSAM(lambda_0=2.0, theta=-0.25, tau=5.0, dt=0.5, r=0.2, **k),
    "lif": lambda **k: sim.LIFNetwork(b=1.2, dt=0.5, r=0.3, sigma=0.2, **k),
}  # fmt: skip


def quiet(model, data=GRAPH, n_steps: int = 60, **more):
    return model.simulate(data, n_steps, verbose=False, **more)


@pytest.mark.parametrize("name", EVERY)
def test_a_seed_gives_the_same_spikes_also_method_by_method(name: str) -> None:
    first = quiet(EVERY[name](rng=3))
    assert first.shape == (37, 60)
    assert first.dtype == np.int32
    assert 0 < first.mean() < 20
    np.testing.assert_array_equal(first, quiet(EVERY[name](rng=3)))
    np.testing.assert_array_equal(first, quiet(EVERY[name](rng=np.int64(3))))
    assert (first != quiet(EVERY[name](rng=4))).any()
    own = EVERY[name](rng=3)
    own.emit_spikes = own.emit_spikes  # a method that an instance has of its own
    assert own._program(GRAPH, np.dtype(np.int32)) is None
    np.testing.assert_array_equal(first, quiet(own))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("own", [False, True], ids=["fused", "by methods"])
def test_two_pieces_are_one_run(name: str, own: bool) -> None:
    def made():
        model = EVERY[name](rng=5)
        model.add_stimulus(lambda t: np.float32(t % 10 == 3) / 2)
        if own:
            model.emit_spikes = model.emit_spikes
        return model

    steps = 60 if own else 400
    whole, model = quiet(a := made(), n_steps=steps), made()
    pieces = [quiet(model, n_steps=steps // 3)]
    pieces += [quiet(model, n_steps=n, initial_state=model.state) for n in (1, 0, steps - steps // 3 - 1)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces, 1))
    np.testing.assert_array_equal(a.state, model.state)
    assert (model.state.t, model.state.drawn) == (steps, a.state.drawn)
    other = made()  # a state goes on in another model too
    np.testing.assert_array_equal(whole[:, -20:], quiet_from(other, made(), steps - 20))


def quiet_from(other, model, n: int):
    quiet(model, n_steps=n)
    return quiet(other, n_steps=20, initial_state=model.state)


@pytest.mark.parametrize("name", ["threshold", "lif"])
def test_a_state_that_was_changed_is_used_as_it_is(name: str) -> None:
    model = EVERY[name](rng=5)
    quiet(model)
    changed = sim.State(np.zeros_like(model.state.x), 60, 5, model.state.drawn, model.state.kept)
    plain = sim.State(np.zeros_like(model.state.x), 60, 5, model.state.drawn)
    np.testing.assert_array_equal(quiet(model, initial_state=changed), quiet(model, initial_state=plain))
    quiet(model)
    heavier = Graph(GRAPH.edge_index, GRAPH.edge_weight * 10, 37)
    a = quiet(model, heavier, initial_state=model.state)  # of other weights: nothing of the old ones arrives
    assert a.shape == (37, 60)


def test_equilibration() -> None:
    asked: list[int] = []

    def stimulus(t):
        asked.append(t)
        return 0.0

    model = sim.BernoulliGLM(theta=1.0, rng=1)
    model.add_stimulus(stimulus)
    quiet(model, n_steps=3)
    assert asked == [-1] * 100 + [0, 1, 2]
    asked.clear()
    quiet(model, n_steps=2, initial_state=model.state)
    assert asked == [3, 4]
    asked.clear()
    quiet(model, n_steps=1, initial_state=model.state, equilibration_steps=4)
    assert asked == [-1] * 4 + [5]
    a, b = sim.BernoulliGLM(theta=1.0, rng=1), sim.BernoulliGLM(theta=1.0, rng=1)
    x = quiet(a, n_steps=150, equilibration_steps=0)
    np.testing.assert_array_equal(x[:, 50:], quiet(b, equilibration_steps=50, n_steps=100))


@pytest.mark.parametrize("own", [False, True], ids=["fused", "by methods"])
def test_no_steps(own: bool) -> None:
    model = by_methods(sim.BernoulliGLM)(theta=1.0) if own else sim.BernoulliGLM(theta=1.0)
    assert quiet(model, n_steps=0).shape == (37, 0)
    assert np.asarray(model.state).shape == (37, 10)
    assert quiet(model, n_steps=0, uniforms=np.zeros((0, 37)), equilibration_steps=0).shape == (37, 0)


def test_no_neurons() -> None:
    nothing = Graph(np.zeros((2, 0), int), np.zeros(0), 0)
    for make in EVERY.values():
        assert quiet(make(), nothing, 5).shape == (0, 5)


def test_data() -> None:
    net = NETWORKS["many"]
    want = quiet(sim.BernoulliGLM(theta=1.0, rng=1), net.graph)
    for data in (
        net, SimpleNamespace(edge_index=net.edge_index.tolist(), W0=net.W0.tolist(), num_nodes=37), [net],
        SimpleNamespace(edge_index=net.edge_index, W0=net.W0[:, None], num_nodes=np.int64(37)),
        SimpleNamespace(edge_index=net.edge_index, edge_weight=net.W0, num_nodes=37),
    ):  # fmt: skip
        np.testing.assert_array_equal(quiet(sim.BernoulliGLM(theta=1.0, rng=1), data), want)
    without = SimpleNamespace(edge_index=net.edge_index, W0=net.W0)
    assert quiet(sim.BernoulliGLM(), without).shape == (net.edge_index.max() + 1, 60)


# --- dtypes
def test_dtypes() -> None:
    want = quiet(EVERY["bernoulli"](rng=1))
    for dtype in (np.int8, bool, np.float16, "uint8", np.int64, np.float64, "torch.int32", float):
        got = quiet(EVERY["bernoulli"](rng=1), store_as_dtype=dtype)
        assert got.dtype == np.dtype(str(dtype).removeprefix("torch.") if isinstance(dtype, str) else dtype)
        np.testing.assert_array_equal(got, want)


def test_counts_that_a_dtype_cannot_hold() -> None:
    model = lambda: sim.RectifiedLNP(lambda_0=300.0, theta=-1.0, r=0.0, T=1, rng=1)
    want = quiet(model())
    assert want.max() > 300
    for dtype, top in ((np.uint8, 255), (np.int8, 127), (bool, 1)):
        with pytest.warns(UserWarning, match="cut off"):
            got = quiet(model(), store_as_dtype=dtype)
        np.testing.assert_array_equal(got, np.minimum(want, top))
    np.testing.assert_array_equal(quiet(model(), store_as_dtype=np.float32), want)


def test_many_counts_in_half_precision() -> None:
    model = sim.RectifiedLNP(lambda_0=65_530.0, theta=-1.0, r=0.0, T=1)
    with pytest.warns(UserWarning, match="cut off"):
        assert np.isfinite(quiet(model, store_as_dtype=np.float16)).all()


def test_spikes_of_ones_own_that_are_no_counts() -> None:
    class Graded(sim.BaseModel):
        def emit_spikes(self, mean):
            return mean * 0.0 - 1.5

    with pytest.warns(UserWarning, match="cut off"):
        assert (quiet(Graded(), n_steps=4) == -1).all()
    with pytest.warns(UserWarning, match="cut off"):
        assert (quiet(Graded(), n_steps=4, store_as_dtype=np.uint8) == 0).all()
    assert (quiet(Graded(), n_steps=4, store_as_dtype=np.float32) == -1.5).all()


# --- rates that run away
@pytest.mark.filterwarnings("ignore:.*more than 65535 spikes")
@pytest.mark.parametrize("kind", [sim.PoissonGLM, by_methods(sim.PoissonGLM)], ids=["fused", "by methods"])
def test_rates_that_overflow(kind) -> None:
    model = kind(alpha=1.0, beta=1.0, T=5, tau=5.0, r=5.0)
    graph = Graph([[0, 1], [1, 0]], [1.0, 1.0])
    with pytest.raises(FloatingPointError, match="PoissonGLM"):
        quiet(model, graph, 400)


@pytest.mark.parametrize("kind", [sim.RectifiedLNP, by_methods(sim.RectifiedLNP)], ids=["fused", "by methods"])
def test_counts_that_saturate_say_so(kind) -> None:
    model = kind(lambda_0=1.0, theta=0.0, b=1e5, T=1, r=0.0)
    with pytest.warns(UserWarning, match="more than 65535 spikes") as caught:
        x = quiet(model, n_steps=20)
    assert (x == 65_535).all()
    assert len(caught) == 1


@pytest.mark.parametrize("kind", [sim.RectifiedLNP, by_methods(sim.RectifiedLNP)], ids=["fused", "by methods"])
def test_inputs_that_overflow(kind) -> None:
    graph = Graph([[0], [1]], [3e38])
    model = kind(lambda_0=1.0, r=100.0, T=3)
    with pytest.raises(FloatingPointError, match="RectifiedLNP"):
        quiet(model, graph, 5, initial_state=np.ones((2, 3)))
    assert quiet(kind(lambda_0=1.0, r=-100.0, T=3), graph, 5, initial_state=np.ones((2, 3))).sum() == 0


# --- ends
class Failing:
    """A stimulus that raises an error at a step."""

    def __init__(self, at: int, error: type[BaseException] = RuntimeError):
        self.at, self.error = at, error

    def __call__(self, t):
        if t == self.at:
            raise self.error("at midnight")
        return 0.0


@pytest.mark.parametrize("own", [False, True], ids=["fused", "by methods"])
def test_a_stimulus_that_fails(own: bool, tmp_path) -> None:
    whole = quiet(EVERY["bernoulli"](rng=1), n_steps=200)
    model = EVERY["bernoulli"](rng=1)
    if own:
        model.emit_spikes = model.emit_spikes
    model.add_stimulus(Failing(100))
    with pytest.raises(RuntimeError, match="at midnight"):
        quiet(model, n_steps=200, out=tmp_path / "x.npy")
    done = model.result.shape[1]
    assert 0 < done <= 100
    assert model.state.t == done
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), whole[:, :done])
    model.add_stimulus(None)
    rest = quiet(model, n_steps=200 - done, initial_state=model.state)
    np.testing.assert_array_equal(rest, whole[:, done:])


def test_a_failure_before_the_first_step_leaves_nothing(tmp_path) -> None:
    model, before = EVERY["bernoulli"](rng=1), EVERY["bernoulli"](rng=1)
    model.add_stimulus(lambda t: np.zeros(36))
    for name in ("x.npy", "x.h5", "x.zarr"):
        with pytest.raises(ValueError, match="stimulus"):
            quiet(model, out=tmp_path / name)
        assert not (tmp_path / name).exists()
        with pytest.raises(ValueError, match="initial_state"):
            quiet(model, out=tmp_path / name, initial_state=np.full((37, 10), 0.5))
        assert not (tmp_path / name).exists()
    assert model.result is None
    model.add_stimulus(None)
    np.testing.assert_array_equal(quiet(model), quiet(before))


@pytest.mark.parametrize("own", [False, True], ids=["fused", "by methods"])
@pytest.mark.parametrize("out", [None, "x.npy", "x.h5", "x.zarr"])
def test_ctrl_c(own: bool, out: str | None, tmp_path) -> None:
    whole = quiet(EVERY["threshold"](rng=1), n_steps=300)
    model, handler = EVERY["threshold"](rng=1), signal.getsignal(signal.SIGINT)
    if own:
        model.emit_spikes = model.emit_spikes
    model.add_stimulus(lambda t: (os.kill(os.getpid(), signal.SIGINT) if t == 70 else None) or 0.0)
    where = None if out is None else tmp_path / out
    with pytest.raises(KeyboardInterrupt, match="interrupted"):
        quiet(model, n_steps=300, out=where)
    assert signal.getsignal(signal.SIGINT) is handler
    done = model.result.shape[1]
    assert 70 < done < 300
    np.testing.assert_array_equal(model.result[:, :], whole[:, :done])
    if out == "x.npy":
        np.testing.assert_array_equal(np.load(where), whole[:, :done])
    rest = quiet(model, n_steps=300 - done, initial_state=model.state)
    np.testing.assert_array_equal(rest, whole[:, done:])


def test_ctrl_c_while_it_settles() -> None:
    model = EVERY["bernoulli"](rng=1)
    asked: list[int] = []

    def stimulus(t):
        asked.append(t)
        if len(asked) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    model.add_stimulus(stimulus)
    with pytest.raises(KeyboardInterrupt):
        quiet(model)
    assert model.result.shape == (37, 0)
    assert model.state.t == 0
    model.add_stimulus(None)
    assert quiet(model, initial_state=model.state).shape == (37, 60)


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    model, asked = EVERY["bernoulli"](rng=1), []

    def stimulus(t):
        asked.append(t)
        if t in (3, 5):
            os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    model.add_stimulus(stimulus)
    with pytest.raises(KeyboardInterrupt):
        quiet(model, n_steps=300)
    assert asked[-1] == 5
    assert model.result.shape == (37, 0)


def test_in_another_thread() -> None:
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(quiet(EVERY["bernoulli"](rng=1))))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], quiet(EVERY["bernoulli"](rng=1)))


def test_the_progress_bar(capsys) -> None:
    sim.BernoulliGLM().simulate(GRAPH, 70)
    shown = capsys.readouterr().err
    assert "BernoulliGLM" in shown
    assert "70/70" in shown
    quiet(sim.BernoulliGLM())
    assert capsys.readouterr().err == ""


# --- the device
def test_two_kernels_a_step() -> None:
    for name in EVERY:
        model = EVERY[name](rng=1)
        quiet(model)
        counts = []
        for n in (60, 92):  # chunks of 32
            before = COUNTERS.dispatches
            quiet(model, n_steps=n, initial_state=np.zeros((37, model.T)))
            counts.append(COUNTERS.dispatches - before)
        assert 64 <= counts[1] - counts[0] <= 80


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize("own", [False, True], ids=["fused", "by methods"])
def test_runs_do_not_take_more_and_more_memory(own: bool) -> None:
    model = EVERY["bernoulli"](rng=1)
    if own:
        model.emit_spikes = model.emit_spikes

    def run(times: int) -> tuple[int, int]:
        for _ in range(times):
            quiet(model, NETWORKS["many"], 40)  # a new graph each time
        gc.collect()
        current_device().synchronize()
        return COUNTERS.created, len(current_device().pool.arenas) if hasattr(current_device().pool, "arenas") else 0

    run(4)
    known, arenas = run(3)
    again, more = run(10)
    assert again - known <= 2
    assert more == arenas
