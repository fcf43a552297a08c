import numpy as np
import pytest
from scipy.special import gamma

from grillyx import Tensor
from grillyx.fractional import _fdeint as module
from grillyx.fractional import _history, fdeint, mittag_leffler, odeint

METHODS = ("gl", "glmulti", "l1", "pred", "trap")


def solve(f, y0, t, *args, **options):
    return fdeint(f, np.float32([y0]), t, *args, **options).numpy()[:, 0].astype(np.float64)


def errors(method, alpha, f, want, y0, sizes, **options):
    return [abs(solve(f, y0, np.linspace(0, 1, n + 1), method, alpha=alpha, **options)[-1] - want) for n in sizes]


@pytest.mark.parametrize("alpha", [1.0, 0.9, 0.7, 0.5])
@pytest.mark.parametrize("method", METHODS)
def test_orders_where_the_solution_is_smooth(method, alpha):
    # y = t^2 + 0.5, D^alpha t^2 = 2 t^(2 - alpha) / Gamma(3 - alpha)
    f = lambda t, y: 2 * t ** (2 - alpha) / gamma(3 - alpha) + t * t + 0.5 - y
    order = {"l1": 2 - alpha, "pred": min(2, 1 + alpha), "trap": min(2, 1 + alpha)}.get(method, 1.0)
    e = errors(method, alpha, f, 1.5, 0.5, (40, 160))
    assert np.log2(e[0] / e[1]) / 2 > order - 0.2 or e[1] < 1e-4
    assert e[1] < 0.05


@pytest.mark.parametrize("alpha", [1.0, 0.7, 0.3])
@pytest.mark.parametrize("method", METHODS)
def test_relaxation_keeps_its_start(method, alpha):
    want = float(mittag_leffler(-1.0, alpha))
    for f, options in ((lambda t, y: -y, {}), (lambda t, y: 0.0 * y, {"leak": 1.0})):
        e = errors(method, alpha, f, want, 1.0, (20, 80), **options)
        assert e[1] < (2e-3 if method in ("pred", "trap") else 6e-3)
        assert e[0] / e[1] > 3.0


def test_alpha_of_one_is_euler():
    f = lambda t, y: np.cos(t) - y * y
    t = np.linspace(0, 3, 31)
    y = np.float32([0.3, -0.2])
    want = odeint(f, y, t, "euler").numpy()
    np.testing.assert_allclose(fdeint(f, y, t, "gl", alpha=1.0).numpy(), want, 1e-5, 1e-6)
    np.testing.assert_allclose(fdeint(f, y, t, "l1", alpha=1.0, corrections=0).numpy(), want, 1e-5, 1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_stiff_leak_is_stable(method):
    for alpha in (1.0, 0.4):
        y = solve(lambda t, y: 1e3 + 0.0 * y, 0.0, np.arange(61.0), method, alpha=alpha, leak=1e3)
        assert np.abs(y).max() < 2.01


def test_several_orders_agree_with_one():
    t = np.linspace(0, 2, 41)
    f = lambda t, y: 1.0 - y
    two = solve(f, 0.3, t, "glmulti", alpha=[0.6, 0.6], coefficients=[0.5, 1.5])
    np.testing.assert_allclose(two, solve(f, 0.3, t, "gl", alpha=0.6, coefficients=[2.0]), 1e-5)


def direct(method, steps, h, alpha, f, y0, memory):
    """The scheme as sums over everything, in float64."""
    reach = memory if memory is not None and memory < steps else None
    n = (reach or steps) + 1
    make = module._adams_weights if method in module.ADAMS else module._difference_weights
    rows, first, gain, _ = make(method, n, h, [alpha], [1.0], 0.0, reach)
    w = np.zeros((len(rows), steps + 1))
    w[:, :n] = rows
    y, slope = np.zeros((steps + 1, *y0.shape)), np.zeros((steps + 1, *y0.shape))
    y[0], slope[0] = y0, f(0, y0)
    for k in range(1, steps + 1):
        past = y - y[0] if method == "gl" else slope
        sums = [sum((row[k - j] * past[j] for j in range(1, k)), np.zeros(y0.shape)) for row in w]
        if method == "gl":
            y[k] = y[0] + gain * f((k - 1) * h, y[k - 1]) + sums[0]
        else:
            if reach is None or k <= reach:
                sums = [s + first[r, k] * slope[0] for r, s in enumerate(sums)]
            base = y[0] if reach is None else y[max(0, k - reach)]
            y[k] = base + sums[0] + gain * f(k * h, base + sums[1])
        slope[k] = f(k * h, y[k])
    return y


@pytest.mark.parametrize("memory", [None, 5, 8, 40, 100])
@pytest.mark.parametrize("method", ["gl", "pred"])
def test_blocks_are_the_plain_sums(method, memory, monkeypatch):
    monkeypatch.setattr(_history, "TILE", 32)  # so that squares of several tiles occur
    f = lambda t, y: np.sin(7 * t) - y * y * y
    y0 = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    got = fdeint(f, y0, np.linspace(0, 20, 201), method, alpha=0.6, memory=memory).numpy()
    np.testing.assert_allclose(got, direct(method, 200, 0.1, 0.6, f, y0.astype(np.float64), memory), 2e-5, 2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_exponentials(method):
    t = np.linspace(0, 10, 301)
    for alpha in (0.3, 0.9):
        full, few = (
            solve(lambda t, y: np.sin(t) - y, 0.4, t, method, alpha=alpha, memory=m) for m in (None, "exponentials")
        )
        np.testing.assert_allclose(few, full, 0, 1e-4)


@pytest.mark.parametrize("memory", [None, 7, "exponentials"])
@pytest.mark.parametrize("method", METHODS)
def test_gradients(method, memory):
    orders = [0.6, 0.9] if method == "glmulti" else [0.6]
    given = [[0.7], orders, [1.3, 0.5][: len(orders)], [0.2]]

    def loss(w, alpha, factors, y0):
        f = lambda t, y: (1.0 + np.sin(t)) * w - y * y
        t = np.linspace(0, 2, 31)
        y = fdeint(f, y0, t, method, alpha=alpha, coefficients=factors, memory=memory, leak=0.5)
        return (y * y).mean()

    tensors = [Tensor(np.float32(v), requires_grad=True) for v in given]
    loss(*tensors).backward()
    for i, tensor in enumerate(tensors):
        for j in range(len(given[i])):
            ends = []
            for step in (1e-2, -1e-2):
                moved = [list(v) for v in given]
                moved[i][j] += step
                ends.append(float(loss(*(Tensor(np.float32(v)) for v in moved))))
            np.testing.assert_allclose(tensor.grad.numpy()[j], (ends[0] - ends[1]) / 2e-2, 2e-3, 1e-4)


def test_step_size_takes_steps_between():
    f = lambda t, y: np.cos(t) - y
    fine = fdeint(f, np.zeros(2), np.linspace(0, 4, 41), alpha=0.5).numpy()
    some = fdeint(f, np.zeros(2), np.linspace(0, 4, 5), alpha=0.5, options={"step_size": 0.1}).numpy()
    np.testing.assert_allclose(some, fine[::10], 1e-6)
    assert fdeint(f, np.zeros(2), [1.0]).shape == (1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "rk4"}, "unknown method"),
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": Tensor(0.0)}, "alpha"),
        ({"method": "pred", "alpha": [0.5, 0.7]}, "one alpha"),
        ({"t": [0.0, 0.1, 0.3]}, "equally spaced"),
        ({"t": [0.2, 0.1, 0.0]}, "equally spaced"),
        ({"t": [0.0, 1.0, 0.5]}, "t must be"),
        ({"options": {"step_size": 0.03}}, "divide"),
        ({"options": {"memory": 3}}, "unknown options"),
        ({"leak": -1.0}, "leak"),
        ({"method": "pred", "corrections": 0}, "corrections"),
        ({"memory": 0}, "memory"),
        ({"f": lambda t, y: np.zeros((3, 2))}, "shape of y0"),
    ],
)
def test_refuses(options, message):
    given = {"f": lambda t, y: -y, "y0": np.zeros(2), "t": [0.0, 0.1, 0.2], **options}
    with pytest.raises(ValueError, match=message):
        fdeint(given.pop("f"), given.pop("y0"), given.pop("t"), **given)
