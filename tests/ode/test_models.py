"""The models of neurons against scipy's solver in float64, and what they refuse."""

import re
from pathlib import Path

import numpy as np
import pytest

from grillyx import ode
from tests.ode import ivp

MODELS = [
    (ode.LIF(t_ref=3.0), 1.5),
    (ode.CurrentLIF(t_ref=2.0), 1.5),
    (ode.QuadraticIF(), 2.2),
    (ode.ExponentialIF(t_ref=1.5), 0.8),
    (ode.AdEx(), 800.0),
    (ode.Izhikevich(), 10.0),
    (ode.HodgkinHuxley(), 10.0),
]
INTERVAL = 15.0


def drive(mean: float, linear: bool) -> np.ndarray:
    return (mean * np.random.default_rng(1).uniform(0.5, 1.5, (6 + linear, 1))).astype(np.float32)


@pytest.fixture(scope="module", params=[False, True], ids=["hold", "linear"])
def linear(request):
    return request.param


@pytest.fixture(scope="module", params=MODELS, ids=lambda case: type(case[0]).__name__)
def case(request, linear):
    dynamics, mean = request.param
    current = drive(mean, linear)
    start = dynamics.start((1,), {}, "test")[:, 0]
    return (
        dynamics,
        current,
        ivp.solve(ivp.of(dynamics), current[:, 0].astype(np.float64), INTERVAL, start, linear),
    )


@pytest.mark.parametrize("solver", ["dopri5", "bosh3"])
@pytest.mark.parametrize("rtol", [1e-4, 1e-5, 1e-6])
def test_the_tolerance_is_kept(case, linear, solver, rtol):
    dynamics, current, (counts, times, states) = case
    got = ode.integrate(
        dynamics, current, INTERVAL, solver=solver, rtol=rtol, input="linear" if linear else "hold",
        record=("times", "trace"), samples=4,
    )  # fmt: skip
    np.testing.assert_array_equal(got.counts.numpy()[:, 0], counts)
    rows = got.times.numpy()
    assert len(times) >= 2
    np.testing.assert_array_equal(rows[:, 0], times // INTERVAL)
    # a step errs by rtol |y|; many of them, and the reset that comes early or late, by some more
    np.testing.assert_allclose(rows[:, 2], times, rtol=1e-6, atol=2e3 * rtol)
    # close to a spike, all that counts is when it comes
    far = np.abs(got.trace_times[:, None] - times).min(axis=1) > 0.5 + 2e3 * rtol
    assert far.sum() > 12
    at = got.trace_times[far]
    want = np.array([states(t) for t in at])
    slopes = np.array([states(t + 1e-3) - states(t - 1e-3) for t in at[1:-1]]) / 2e-3
    for k, name in enumerate(dynamics.states):
        scale = np.abs(want[:, k]).max()
        slope = np.abs(slopes[:, k]).max()
        error = np.abs(got.trace[name].numpy()[far, 0] - want[:, k]).max()
        assert error < 50 * rtol * scale + 500 * rtol * slope
        end = got.state[name].numpy()[0]
        np.testing.assert_allclose(end, states(np.inf)[k], atol=50 * rtol * scale + 500 * rtol * slope)


def test_a_smaller_tolerance_is_nearer():
    dynamics, mean = MODELS[4]
    current = drive(mean, False)
    _, times, _ = ivp.solve(
        ivp.of(dynamics), current[:, 0].astype(np.float64), INTERVAL, dynamics.start((1,), {}, "test")[:, 0]
    )
    errors, steps = [], []
    for rtol in (1e-4, 1e-6):
        got = ode.integrate(dynamics, current, INTERVAL, rtol=rtol)
        errors.append(np.abs(got.times.numpy()[:, 2] - times).max())
        steps.append(got.steps.sum())
    assert errors[1] < errors[0] / 20
    assert steps[1] > steps[0]


def test_the_compiled_models_are_the_classes():
    text = (Path(__file__).parents[2] / "shaders" / "include" / "ode_models.glsl").read_text().replace("\\\n", " ")
    compiled = {name: " ".join(line.split()) for name, line in re.findall(r"^#define (\w+)(.*)$", text, re.M)}
    for dynamics, _ in MODELS:
        assert dynamics.model.line == type(dynamics).__name__
        for name, line in dynamics.macros().items():
            assert compiled[f"{name}_{type(dynamics).__name__}"] == line


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ode.LIF(tau_m=0.0), "tau_m must be above 0, got 0.0"),
        (lambda: ode.LIF(V_reset=1.0), "V_reset must be below V_th, got V_reset 1.0 and V_th 1.0"),
        (lambda: ode.AdEx(t_ref=-1.0), "t_ref must not be negative, got -1.0"),
        (lambda: ode.AdEx(C_m=[1.0, -2.0]), r"C_m must be above 0, got \[1.0, -2.0\]"),
        (lambda: ode.HodgkinHuxley(C_m=0.0), "C_m must be above 0"),
        (lambda: ode.Izhikevich(a=np.nan), "a must be finite, got nan"),
        (lambda: ode.QuadraticIF(V_c=-80.0), "E_L must be below V_c"),
        (lambda: ode.ExponentialIF(V_peak=-60.0), "V_T must be below V_peak"),
    ],
)
def test_parameters_are_checked(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_parameters_have_names():
    with pytest.raises(TypeError, match=r"LIF: unknown parameters \['tau'\]; expected some of \['tau_m'"):
        ode.LIF(tau=3.0)
    with pytest.raises(TypeError, match="tau_m must be a number or an array, got 'x'"):
        ode.LIF(tau_m="x")
    neuron = ode.AdEx(a=2.0)
    assert neuron.a == 2.0
    assert neuron.states == ("V", "w")
    assert repr(ode.LIF()) == "LIF(tau_m=20.0, R=1.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)"
    with pytest.raises(AttributeError, match="LIF has no attribute 'w'"):
        _ = ode.LIF().w
    assert set(ode.AdEx.units) == {*ode.AdEx.parameters, *ode.AdEx.derivative, "I"}


@pytest.mark.parametrize("rtol", [1e-3, 1e-5])
@pytest.mark.parametrize(
    ("dynamics", "current"),
    [
        (ode.QuadraticIF(t_ref=5.0), [3.0] * 5),  # the membrane stands still after each spike
        (ode.QuadraticIF(), [0.0, 0.0, 3.0, 3.0, 3.0, 0.0, 3.0]),  # and here before the current comes
    ],
    ids=["pause", "silence"],
)
def test_steps_that_grew_in_silence_start_anew(dynamics, current, rtol):
    """The estimate of an error can be small by chance, where a step is many times too long."""
    current, h = np.array(current), 40.0
    _, times, _ = ivp.solve(ivp.of(dynamics), current, h, dynamics.start((1,), {}, "test")[:, 0])
    got = ode.integrate(dynamics, current[:, None], h, rtol=rtol, atol=1e-2 * rtol)
    np.testing.assert_allclose(got.times.numpy()[:, 2], times, rtol=1e-6, atol=10 * rtol + 1e-3)
