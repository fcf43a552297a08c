import numpy as np
import pytest

from grillyx import Tensor
from grillyx.fractional import odeint


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4)])
def test_orders(method, order):
    want = np.exp(np.sin(2.0))
    sizes = (4, 8) if method == "rk4" else (40, 80)
    e = [
        abs(float(odeint(lambda t, y: y * np.cos(t), np.float32(1.0), np.linspace(0, 2, n + 1), method)[-1]) - want)
        for n in sizes
    ]
    assert abs(np.log2(e[0] / e[1]) - order) < 0.5


def test_uneven_times_smaller_steps_and_backwards():
    f = lambda t, y: -2.0 * y
    t = np.array([0.0, 0.3, 0.5, 1.4])
    y = odeint(f, np.ones((2, 3)), t, options={"step_size": 0.05}).numpy()
    assert y.shape == (4, 2, 3)
    np.testing.assert_allclose(y[:, 0, 0], np.exp(-2 * t), 1e-5)
    back = odeint(f, y[-1], t[::-1], options={"step_size": 0.05}).numpy()
    np.testing.assert_allclose(back[-1], 1.0, 1e-4)


def test_gradients():
    w, y0 = Tensor(np.float32(0.7), requires_grad=True), Tensor(np.float32([0.2, 1.0]), requires_grad=True)
    odeint(lambda t, y: w * y, y0, np.linspace(0, 1, 11), "rk4")[-1].sum().backward()
    np.testing.assert_allclose(y0.grad.numpy(), np.exp(0.7), 1e-5)
    np.testing.assert_allclose(float(w.grad), 1.2 * np.exp(0.7), 1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gl"}, "unknown method"),
        ({"t": [0.0, 0.0]}, "t must be"),
        ({"t": [[0.0, 1.0]]}, "t must be"),
        ({"t": []}, "t must be"),
        ({"options": {"step_size": 0.0}}, "step_size"),
        ({"options": {"rtol": 0.1}}, "unknown options"),
        ({"f": lambda t, y: np.zeros((3, 2))}, "shape of y0"),
    ],
)
def test_refuses(options, message):
    given = {"f": lambda t, y: -y, "y0": np.zeros(2), "t": [0.0, 0.1], **options}
    with pytest.raises(ValueError, match=message):
        odeint(given.pop("f"), given.pop("y0"), given.pop("t"), **given)
