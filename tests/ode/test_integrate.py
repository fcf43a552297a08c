"""Adaptive integration: spikes at borders, long runs, records, going on, and what is refused."""

import numpy as np
import pytest

from grillyx import Tensor, ode
from grillyx.ops import ode_rk
from tests.ode import ivp


def exact(current: np.ndarray, interval: float, tau: float = 20.0) -> list[float]:
    """Times of the spikes of ode.LIF() by its closed form."""
    v, times = 0.0, []
    for k, i in enumerate(current):
        t = 0.0
        while i > 1.0 and (wait := tau * np.log((i - v) / (i - 1.0))) <= interval - t:
            t, v = t + wait, 0.0
            times.append(k * interval + t)
        v = i + (v - i) * np.exp(-(interval - t) / tau)
    return times


def test_many_neurons_each_with_its_own_steps():
    current = np.random.default_rng(0).uniform(0.0, 6.0, (5, 40, 3)).astype(np.float32)
    got = ode.integrate(ode.LIF(), current, 20.0, rtol=1e-6)
    rows = got.times.numpy()
    assert rows.shape[1] == 4
    assert len(rows) == got.counts.numpy().sum()
    assert (np.diff(rows[:, -1]) >= 0.0).all()
    counts = np.zeros((5, 40, 3))
    np.add.at(counts, tuple(rows[:, :3].astype(int).T), 1.0)
    np.testing.assert_array_equal(counts, got.counts.numpy())
    for at in np.ndindex(40, 3):
        own = rows[(rows[:, 1:3] == at).all(axis=1), -1]
        np.testing.assert_allclose(own, exact(current[:, *at].astype(np.float64), 20.0), atol=2e-3)
    assert len(np.unique(got.steps)) > 5


def test_spikes_beyond_the_slots_of_a_dispatch(monkeypatch):
    monkeypatch.setattr(ode_rk, "_SLOT_WORDS", 1)  # eight slots a neuron
    current = np.full((3, 2), [4.0, 30.0], np.float32)
    got = ode.integrate(ode.LIF(), current, 50.0, rtol=1e-6)
    rows = got.times.numpy()
    for neuron in range(2):
        want = exact(current[:, neuron], 50.0)
        assert len(want) > 20
        np.testing.assert_allclose(rows[rows[:, 1] == neuron, 2], want, atol=2e-3)


def test_more_steps_than_a_loop_may_have():
    got = ode.integrate(ode.HodgkinHuxley(), np.zeros((1, 1)), 2000.0, max_step=0.02, max_steps=200_000)
    assert got.steps[0] >= 100_000
    assert got.state["V"].numpy()[0] == pytest.approx(-65.0, abs=0.01)


def test_a_spike_at_the_start_and_one_at_the_end():
    got = ode.integrate(ode.LIF(), np.zeros((1, 2)), 1.0, initial={"V": [1.0, 0.999]})
    assert got.counts.numpy().tolist() == [[1.0, 0.0]]
    assert got.times.numpy().tolist() == [[0.0, 0.0, 0.0]]
    assert got.state["V"].numpy()[0] == 0.0

    class Ramp(ode.Dynamics):
        derivative, spike, reset = {"V": "I"}, "V - 1.0", {"V": "0.0"}

    got = ode.integrate(Ramp(), np.full((4, 1), 1.0), 0.5)
    assert got.counts.numpy()[:, 0].tolist() == [0.0, 1.0, 0.0, 1.0]  # a spike at the end belongs to the interval
    np.testing.assert_allclose(got.times.numpy()[:, 2], [1.0, 2.0], rtol=1e-6)


def test_a_rise_without_a_reset_counts_once():
    class Wave(ode.Dynamics):
        derivative, spike = {"V": "cos(t)"}, "V - 0.5"

    got = ode.integrate(Wave(), np.zeros((8, 1)), np.pi, rtol=1e-6)
    assert got.counts.numpy()[:, 0].tolist() == [1.0, 0.0] * 4
    np.testing.assert_allclose(got.times.numpy()[:, 2], np.pi / 6 + 2 * np.pi * np.arange(4), atol=1e-4)
    high = ode.integrate(Wave(), np.zeros((1, 1)), 3.0, initial={"V": 0.7})
    assert high.counts.numpy().sum() == 0.0  # it began above


def test_a_short_excursion_inside_a_step():
    class Bump(ode.Dynamics):
        derivative, spike, reset = (
            {"x": "1.0", "V": "0.0 * x"},
            "4.05 - (x - 2.0) * (x - 2.0) - 4.0",
            {"V": "V + 1.0", "x": "9.0"},
        )

    got = ode.integrate(Bump(), np.zeros((1, 1)), 4.0, max_step=1.7)  # it is above from 1.78 to 2.22 only
    assert got.counts.numpy().sum() == 1.0
    assert got.times.numpy()[0, 2] == pytest.approx(2.0 - np.sqrt(0.05), abs=1e-5)


def test_a_pause_longer_than_an_interval():
    current = np.full((8, 1), 3.0)
    got = ode.integrate(ode.LIF(t_ref=25.0), current, 10.0, rtol=1e-6, record=("times", "trace"), samples=2)
    first = 20.0 * np.log(3.0 / 2.0)
    np.testing.assert_allclose(got.times.numpy()[:, 2], first + (first + 25.0) * np.arange(3), atol=1e-4)
    held = (got.trace_times > first) & (got.trace_times < first + 25.0)
    assert held.sum() == 5
    assert (got.trace["V"].numpy()[held] == 0.0).all()


@pytest.mark.parametrize("dynamics", [ode.AdEx(t_ref=4.0), ode.HodgkinHuxley()], ids=lambda d: type(d).__name__)
def test_going_on_is_one_run(dynamics):
    current = np.random.default_rng(3).uniform(0.5, 1.5, (6, 5)) * (900.0 if "w" in dynamics.states else 12.0)
    whole = ode.integrate(dynamics, current, 8.0)
    first = ode.integrate(dynamics, current[:2], 8.0)
    second = ode.integrate(dynamics, current[2:], 8.0, initial=first)
    again = ode.integrate(dynamics, current[2:], 8.0, initial=first)
    assert (first.end, second.end) == (16.0, 48.0)
    np.testing.assert_array_equal(np.concatenate([first.counts.numpy(), second.counts.numpy()]), whole.counts.numpy())
    np.testing.assert_allclose(
        np.concatenate([first.times.numpy()[:, 2], first.end + second.times.numpy()[:, 2]]),
        whole.times.numpy()[:, 2],
        rtol=1e-6,
    )
    for name, state in whole.state.items():
        np.testing.assert_allclose(second.state[name].numpy(), state.numpy(), rtol=1e-5)
        np.testing.assert_array_equal(second.state[name].numpy(), again.state[name].numpy())
    with pytest.raises(ValueError, match=r"initial is a solution for other neurons.*expected .* of shape \(3,\)"):
        ode.integrate(dynamics, current[:, :3], 8.0, initial=first)


def test_parameters_and_starts_of_each_neuron():
    taus, start = np.array([5.0, 20.0, 80.0]), np.array([[0.5, 0.0, 0.2]])
    got = ode.integrate(ode.LIF(tau_m=taus), np.zeros((1, 4, 3)), 10.0, initial={"V": start}, rtol=1e-6)
    want = np.broadcast_to(start * np.exp(-10.0 / taus), (4, 3))
    np.testing.assert_allclose(got.state["V"].numpy(), want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"tau_m does not broadcast to the neurons, got shape \(3,\); expected \(4,\)"):
        ode.integrate(ode.LIF(tau_m=taus), np.zeros((1, 4)))


def test_records_are_a_choice():
    current = np.full((2, 1), 2.0)
    bare = ode.integrate(ode.LIF(), current, 30.0, record=())
    assert bare.times is bare.trace is bare.trace_times is None
    assert bare.counts.numpy().tolist() == [[2.0], [2.0]]
    traced = ode.integrate(ode.LIF(), current, 30.0, record="trace", samples=100)
    assert traced.times is None
    assert traced.trace["V"].shape == (201, 1)
    assert traced.trace_times.shape == (201,)
    v = traced.trace["V"].numpy()[:, 0]
    early = traced.trace_times < 13.0
    np.testing.assert_allclose(v[early], 2.0 * (1.0 - np.exp(-traced.trace_times[early] / 20.0)), atol=1e-4)


def test_a_tensor_from_the_device_and_no_gradient():
    current = Tensor(np.full((1, 2), 2.0, np.float32), requires_grad=True)
    got = ode.integrate(ode.LIF(), current * 1.5, 30.0)
    with pytest.raises(NotImplementedError, match="adaptive steps have no gradient. Use ode.SpikingODELayer"):
        got.counts.sum().backward()
    with pytest.raises(NotImplementedError, match="no gradient"):
        ode.integrate(ode.LIF(), current, 30.0).state["V"].sum().backward()


CURRENT = np.full((2, 3), 1.5)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"dynamics": 3}, TypeError, r"dynamics must be a Dynamics, such as ode.AdEx\(\), got 3"),
        ({"current": np.full((2, 3), np.nan)}, ValueError, r"current must be finite, got nan at \(0, 0\)"),
        (
            {"current": np.zeros((0, 3))},
            ValueError,
            r"no interval or no neuron, got shape \(0, 3\); expected \(T, \*\)",
        ),
        ({"current": 1.0}, ValueError, r"got shape \(\)"),
        ({"current": np.zeros((1, 3)), "input": "linear"}, ValueError, r"expected \(T \+ 1, \*\)"),
        ({"interval": -1.0}, ValueError, "interval must be above 0, got -1.0"),
        ({"interval": np.inf}, ValueError, "interval must be finite, got inf"),
        ({"rtol": 1e-7}, ValueError, "rtol must be at least 1e-06, got 1e-07"),
        ({"atol": -1.0}, ValueError, "atol must be at least 0, got -1.0"),
        ({"solver": "euler"}, ValueError, "unknown solver, got 'euler'; expected one of 'dopri5', 'bosh3'"),
        ({"input": "step"}, ValueError, "unknown input, got 'step'"),
        ({"record": "spikes"}, ValueError, "unknown record, got 'spikes'; expected one of 'times', 'trace'"),
        ({"record": "trace", "samples": 0}, ValueError, "samples must be a whole number from 1 on, got 0"),
        ({"max_steps": 1.5}, ValueError, "max_steps must be a whole number from 1 on, got 1.5"),
        ({"max_step": 0.0}, ValueError, "max_step must be above 0, got 0.0"),
        ({"initial": {"W": 0.0}}, ValueError, r"initial names unknown states \['W'\]; expected some of \['V'\]"),
        ({"initial": {"V": np.nan}}, ValueError, "initial V must be finite, got nan"),
    ],
)
def test_arguments_are_checked(change, error, said):
    with pytest.raises(error, match=f"ode.integrate: {said}|{said}"):
        ode.integrate(**{"dynamics": ode.LIF(), "current": CURRENT, **change})


class Explosion(ode.Dynamics):
    derivative, initial = {"V": "V * V"}, {"V": 1.0}


class Stairs(ode.Dynamics):
    derivative, spike, reset = {"V": "I"}, "V - 1.0", {"V": "2.0"}


@pytest.mark.parametrize(
    ("dynamics", "current", "options", "said"),
    [
        (Explosion(), [[0.0, 0.0]], {"initial": {"V": [0.0, 1.0]}}, r"Explosion, neuron 1, at time (1|0.99\d+), with V = .* too short"),
        (ode.LIF(), [[1.0, 1.0]], {"max_steps": 2}, r"LIF, neuron 0, at time .*more than max_steps=2 steps in"),
        (Stairs(), [[0.0, 3.0]], {}, r"Stairs, neuron 1, at time 0.333\d+, with V = 2, I = 3: the reset leaves"),
    ],
)  # fmt: skip
def test_what_comes_to_no_end_says_where(dynamics, current, options, said):
    with pytest.raises(ode.IntegrationError, match=said):
        ode.integrate(dynamics, np.array(current), 5.0, **options)


def test_a_current_on_the_device_that_is_not_finite():
    current = Tensor(np.array([[1.0, 1.0], [1.0, 0.0]], np.float32))
    with pytest.raises(ode.IntegrationError, match=r"neuron 1, at time 2, with V = .*, I = inf: .* not finite"):
        ode.integrate(ode.LIF(), 1.0 / current, 2.0)


def test_a_discontinuous_current_needs_no_care():
    """Steps end with the intervals, so that a jump of the current costs no accuracy."""
    current = np.array([[0.0], [50.0], [-40.0], [9.0]])
    got = ode.integrate(ode.CurrentLIF(V_th=30.0), current, 7.0, rtol=1e-6)
    twin = ivp.of(ode.CurrentLIF(V_th=30.0))
    _, _, states = ivp.solve(twin, current[:, 0], 7.0, [0.0, 0.0])
    for k, name in enumerate(("V", "I_syn")):
        np.testing.assert_allclose(got.state[name].numpy()[0], states(np.inf)[k], rtol=1e-5)
