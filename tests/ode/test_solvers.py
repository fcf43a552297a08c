"""Embedded Runge–Kutta methods: their orders in NumPy, and tableaus of one's own in the shader."""

import dataclasses

import numpy as np
import pytest

from grillyx import ode

HEUN = ode.Solver(
    "heun", order=1, a=((1.0,), (0.5, 0.5)), c=(0.0, 1.0, 1.0), e=(-0.5, 0.5, 0.0),
    p=((1.0, -1.5, 1.0), (0.0, 1.5, -1.0), (0.0, 0.0, 0.0)),
)  # fmt: skip


class Pendulum(ode.Dynamics):
    derivative = {"x": "v", "v": "0.1 * t - sin(x)"}


def pendulum(t, y):
    return np.array([y[1], -np.sin(y[0]) + 0.1 * t])


def truth(t):
    from scipy.integrate import solve_ivp

    return solve_ivp(pendulum, (0.0, t), [1.0, 0.5], "DOP853", rtol=1e-13, atol=1e-14).y[:, -1]


@pytest.mark.parametrize(
    ("solver", "order", "inside"), [(ode.Dopri5(), 5, 4), (ode.Bosh3(), 3, 3)], ids=lambda s: getattr(s, "name", s)
)
def test_the_orders(solver, order, inside):
    errors = []
    for h in (0.2, 0.1):
        end, estimate, k = solver.step(pendulum, 0.0, [1.0, 0.5], h)
        middle = solver.interpolate([1.0, 0.5], k, h, 0.4)
        np.testing.assert_allclose(solver.interpolate([1.0, 0.5], k, h, 1.0), end, rtol=1e-14)
        errors.append([np.abs(x).max() for x in (end - truth(h), estimate, middle - truth(0.4 * h))])
    rates = np.log2(np.divide(*errors))
    assert rates[0] > order + 0.6  # one power more, as it is the error of a step
    assert rates[1] > solver.order + 0.6
    assert rates[2] > inside + 0.6


@pytest.mark.parametrize("solver", [ode.Dopri5(), ode.Bosh3(), HEUN], ids=lambda s: s.name)
def test_the_shader_takes_the_steps_of_numpy(solver):
    """With a tolerance that refuses nothing, all steps are as long as `max_step`: NumPy takes the same ones."""
    got = ode.integrate(
        Pendulum(), np.zeros((2, 1)), 1.0, solver=solver, rtol=1.0, atol=1.0, max_step=1 / 8, initial={"x": 1.0, "v": 0.5},
        record="trace", samples=24,
    )  # fmt: skip
    assert got.refused.tolist() == [0]
    assert got.steps.tolist() == [16]
    y, wanted = np.array([1.0, 0.5]), [np.array([1.0, 0.5])]
    for n in range(16):
        end, _, k = solver.step(pendulum, n / 8, y, 1 / 8)
        wanted += [solver.interpolate(y, k, 1 / 8, x / 3) for x in (1, 2)] + [end]
        y = end
    for name, values in zip("xv", np.transpose(wanted), strict=True):
        np.testing.assert_allclose(got.trace[name].numpy()[:, 0], values, atol=1e-6)
        np.testing.assert_allclose(got.state[name].numpy()[0], values[-1], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"c": (0.0, 1.0)}, "got 2 rows a, 2 c"),
        ({"a": ((1.0,), (0.5,))}, "row i of a has i"),
        ({"c": (0.0, 0.5, 1.0)}, "expected that row i of a adds up to c_i"),
        ({"e": (0.5, 0.5, 0.0)}, "expected that e adds up to 0"),
        ({"p": ((1.0,), (0.0,), (0.0,))}, "expected that the polynomial ends at the solution"),
        ({"p": ((),) * 3}, "1 to 4 coefficients, got 0"),
        ({"order": 0}, "order is at least 1, got 0"),
        ({"a": ((1.0,), (0.25, 0.25)), "c": (0.0, 1.0, 0.5)}, "the last stage is at the end of the step"),
    ],
)
def test_tableaus_are_checked(change, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(HEUN, **change)
