"""Dynamics of one's own, in GLSL that is compiled when it is used."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import grillyx
from grillyx import ode
from grillyx.engine.compile import ShaderError


class Resonator(ode.Dynamics):
    """A subthreshold oscillation, driven by the current and by a wave of the time."""

    parameters = {"omega": 0.7, "damping": 0.05, "theta": 1.0, "pause": 0.5}
    derivative = {"V": "W", "W": "I + 0.2 * sin(t) - omega * omega * V - damping * W"}
    spike = "V - theta"
    reset = {"V": "0.25 * W", "W": "0.5 * V"}  # from the values before the spike
    refractory = "pause"
    initial = {"V": "damping"}
    positive = ("omega",)


def test_expressions_states_and_time():
    got = ode.integrate(Resonator(theta=10.0), np.full((3, 2), [0.3, -0.2]), 2.0, rtol=1e-6, record="trace", samples=5)
    for neuron, current in enumerate((0.3, -0.2)):
        rates = lambda t, y: [y[1], current + 0.2 * np.sin(t) - 0.49 * y[0] - 0.05 * y[1]]
        want = solve_ivp(rates, (0.0, 6.0), [0.05, 0.0], rtol=1e-10, atol=1e-12, t_eval=got.trace_times).y
        for row, name in zip(want, "VW", strict=True):
            np.testing.assert_allclose(got.trace[name].numpy()[:, neuron], row, atol=2e-5)
    assert got.counts.numpy().sum() == 0


def test_a_reset_reads_the_values_before_it_and_a_pause_holds_the_first_state():
    got = ode.integrate(
        Resonator(theta=0.25, pause=0.75), np.full((1, 1), 0.4), 1.8, rtol=1e-6, record=("times", "trace"), samples=200
    )
    assert got.counts.numpy().tolist() == [[1.0]]
    spike = got.times.numpy()[0, 2]
    reach = lambda t, y: y[0] - 0.25
    reach.terminal, reach.direction = True, 1
    rates = lambda t, y: [y[1], 0.4 + 0.2 * np.sin(t) - 0.49 * y[0] - 0.05 * y[1]]
    found = solve_ivp(rates, (0.0, 2.0), [0.05, 0.0], rtol=1e-10, atol=1e-12, events=reach)
    assert spike == pytest.approx(found.t[-1], abs=1e-5)
    held = 0.25 * found.y[1, -1]
    during = (got.trace_times > spike + 0.01) & (got.trace_times < spike + 0.74)
    np.testing.assert_allclose(got.trace["V"].numpy()[during, 0], held, atol=1e-5)
    still = solve_ivp(
        lambda t, y: [0.0, rates(t, y)[1]], (spike, spike + 0.75), [held, 0.125], rtol=1e-10, t_eval=[spike + 0.75]
    ).y[:, 0]
    after = np.flatnonzero(got.trace_times > spike + 0.75)[0]
    assert got.trace["W"].numpy()[after, 0] == pytest.approx(still[1], abs=5e-3)
    assert abs(got.trace["V"].numpy()[-1, 0] - held) > 1e-3  # it moves again


def test_no_spike_and_no_parameters():
    class Decay(ode.Dynamics):
        derivative = {"x": "-x"}

    got = ode.integrate(Decay(), np.zeros((2, 1)), 1.0, initial={"x": 5.0})
    assert got.state["x"].numpy()[0] == pytest.approx(5.0 * np.exp(-2.0), rel=1e-5)
    assert got.counts.numpy().sum() == 0


def test_a_model_can_be_changed():
    class Wavy(ode.LIF):
        derivative = {"V": "(E_L - V + R * I + sin(t)) / tau_m"}

    class Named(ode.LIF):
        """The same equations under another name need no compiler."""

    assert Named().model == ode.LIF().model
    assert Wavy().model.line is None
    current = np.full((1, 1), 0.5)
    plain, wavy = (ode.integrate(d, current, 3.0).state["V"].numpy()[0] for d in (ode.LIF(), Wavy()))
    want = solve_ivp(lambda t, y: (0.5 - y + np.sin(t)) / 20, (0.0, 3.0), [0.0], rtol=1e-10).y[0, -1]
    assert wavy == pytest.approx(want, rel=1e-5)
    assert plain == pytest.approx(0.5 * (1 - np.exp(-3 / 20)), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"derivative": {"V": "-V", "W": "unknown_name - V"}},
            r"the derivative of W .*'unknown_name - V'.*'unknown_name' : undeclared",
        ),
        (
            {"derivative": {"V": "(I - V / tau", "W": "0.0"}},
            r"the derivative of V .*syntax error, unexpected SEMICOLON",
        ),
        ({"derivative": {"V": "I - V**2", "W": "0.0"}}, r"the derivative of V .*syntax error, unexpected STAR"),
        ({"spike": "V > 1.0"}, r"spike .*got 'V > 1.0'; expected an expression of GLSL for a float.*return"),
        ({"reset": {"W": "W + 1.0", "V": "v_reset"}}, r"the reset of V .*'v_reset' : undeclared"),
        ({"refractory": "pause"}, r"refractory .*'pause' : undeclared"),
        ({"parameters": {"float": 1.0, "tau": 1.0}}, r"a name does not compile, got \['V', 'W', 'float', 'tau'\]"),
    ],
)
def test_what_does_not_compile_says_so(change, said):
    body = {
        "parameters": {"tau": 10.0}, "derivative": {"V": "I - V / tau", "W": "0.0"}, "spike": "V - 1.0", "reset": {"V": "0.0"},
    } | change  # fmt: skip
    before = grillyx.counters()["dispatches"]
    with pytest.raises(ShaderError, match=f"(?s)^Wrong: {said}") as caught:
        ode.integrate(type("Wrong", (ode.Dynamics,), body)(), np.zeros((1, 1)))
    assert ".glsl" not in str(caught.value)
    assert "nested scope" not in str(caught.value)
    assert grillyx.counters()["dispatches"] == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "derivative is empty"),
        ({"derivative": {"V": ""}}, "the derivative of V must be one expression of GLSL, got ''"),
        ({"derivative": {"V": "1.0; V"}}, "the derivative of V must be one expression"),
        (
            {"derivative": {"V": "1.0; V"}, "reset": {"V": "0.0"}, "spike": "V"},
            "the derivative of V must be one expression",
        ),
        ({"derivative": {"V": "1.0"}, "reset": {"V": " "}, "spike": "V"}, "the reset of V must be one expression"),
        ({"derivative": {"I": "1.0"}}, "'I' cannot be the name"),
        ({"derivative": {"a__b": "1.0"}}, "'a__b' cannot be the name"),
        ({"derivative": {"V": "a"}, "parameters": {"V": 1.0}}, r"\['V'\] are states and parameters"),
        ({"derivative": {"V": "1.0"}, "reset": {"W": "0.0"}, "spike": "V"}, r"reset names \['W'\]"),
        ({"derivative": {"V": "1.0"}, "reset": {"V": "0.0"}}, "there is a reset and no spike"),
        ({"derivative": {"V": "1.0"}, "initial": {"W": 0.0}}, r"initial names \['W'\]"),
        ({"derivative": {"V": "1.0"}, "positive": ("tau",)}, r"positive names \['tau'\]"),
    ],
)
def test_classes_are_checked(body, said):
    with pytest.raises(TypeError, match=f"Bad: {said}"):
        type("Bad", (ode.Dynamics,), body)
