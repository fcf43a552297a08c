"""Surrogate gradients: the built-in ones against their formulas, and those of a user against the built-in ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from grillyx.engine.compile import variants
from grillyx.nn import surrogate
from tests.helpers import exact, floats
from tests.nn.reference import ALPHA
from tests.nn.reference import surrogate as formula

NAMES = sorted(ALPHA)


def gradient_by_firing(function: Any, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    t = Tensor(x, requires_grad=True)
    function(t).backward(g)
    return t.grad.numpy()


def away_from_edges(x: np.ndarray, alpha: float) -> np.ndarray:
    """Rect jumps at 1 / (2 alpha), where float32 may take the other side."""
    return np.where(np.abs(np.abs(x) - 0.5 / alpha) < 1e-5, 0.0, x)


@pytest.mark.parametrize("name", NAMES)
@given(x=floats(-6.0, 6.0), alpha=st.sampled_from([None, 0.25, 1, 2.5, 10.0]))
def test_gradient(name: str, x: np.ndarray, alpha: float | None, poisoned: None) -> None:
    s = getattr(surrogate, name)() if alpha is None else getattr(surrogate, name)(alpha)
    assert s.alpha == (alpha or ALPHA[name])
    x = away_from_edges(exact(x), s.alpha)
    want = formula(name, exact(x), s.alpha)
    np.testing.assert_allclose(s.gradient(x).numpy(), want, 1e-5, 1e-6)
    g = exact(np.random.default_rng(x.size).normal(0.0, 1.0, x.shape))
    np.testing.assert_allclose(gradient_by_firing(s, x, g), g * want, 1e-5, 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_far_away_and_at_the_threshold(name: str) -> None:
    """No overflow turns into NaN, and the value at 0 is the peak."""
    s = getattr(surrogate, name)()
    x = np.array([0.0, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf])
    got = s.gradient(x).numpy()
    assert got[0] == pytest.approx(float(formula(name, np.array(0.0), s.alpha)))
    np.testing.assert_allclose(got[1:], 0.0, atol=1e-4)
    np.testing.assert_allclose(got[3:], 0.0, atol=1e-30)


@pytest.mark.parametrize("name", NAMES)
def test_forward_is_the_step(name: str) -> None:
    x = np.array([-1.0, -1e-30, -0.0, 0.0, 1e-30, 2.0, 0.4])
    out = getattr(surrogate, name)()(x)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out.numpy(), [0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(F.spike(x).numpy(), out.numpy())


def test_every_line_of_the_shader_has_a_class() -> None:
    """Each name the shader knows is a class with that line; SoftSign is FastSigmoid by another name."""
    lines = variants(Path(__file__).parents[2] / "shaders" / "neuron_backward.comp")
    assert [getattr(surrogate, name)._line for name in lines] == lines
    assert {*lines, "SoftSign"} == set(NAMES)
    for name in set(NAMES) - {"Sigmoid"}:
        assert getattr(nn, name) is getattr(surrogate, name)


@pytest.mark.parametrize("name", NAMES)
def test_errors(name: str) -> None:
    cls = getattr(surrogate, name)
    for alpha in (0, -1.0, -1e-9):
        with pytest.raises(ValueError, match=f"{name}: alpha must be positive, got {alpha}"):
            cls(alpha)
    for alpha in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"{name}: alpha must be finite, got {alpha}"):
            cls(alpha=alpha)
    with pytest.raises(TypeError, match="alpha must be a number, got 'sharp'"):
        cls("sharp")
    assert repr(cls(3)) == f"{name}(alpha=3.0)"


# --- nn.Sigmoid: a layer, and a surrogate
def test_sigmoid_is_a_layer_and_a_surrogate() -> None:
    x = np.linspace(-3, 3, 14).reshape(2, 7)
    g = np.random.default_rng(0).normal(0.0, 1.0, x.shape)
    layer, fires = nn.Sigmoid(), nn.Sigmoid(alpha=4.0)
    np.testing.assert_allclose(layer(x).numpy(), 1 / (1 + np.exp(-x)), 1e-5)
    np.testing.assert_array_equal(fires(x).numpy(), x >= 0)
    np.testing.assert_allclose(gradient_by_firing(fires, x, g), g * formula("Sigmoid", x, 4.0), 1e-5, 1e-6)
    s = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(gradient_by_firing(layer, x, g), g * s * (1 - s), 1e-5, 1e-6)
    layer(x)
    np.testing.assert_allclose(layer.backward(g).numpy(), g * s * (1 - s), 1e-5, 1e-6)
    assert repr(layer) == "Sigmoid()"
    assert repr(fires) == "Sigmoid(alpha=4.0)"
    assert repr(nn.Sequential(layer)) == "Sequential(\n  (0): Sigmoid()\n)"
    with pytest.raises(ValueError, match="Sigmoid: alpha must be positive"):
        nn.Sigmoid(alpha=0.0)


@pytest.mark.parametrize("given", [nn.Sigmoid(), nn.Sigmoid(4.0), nn.Sigmoid(alpha=4)])
def test_sigmoid_in_a_neuron(given: nn.Sigmoid) -> None:
    """With or without alpha, a neuron that gets it uses the surrogate, and the model's names do not change."""
    x = np.random.default_rng(0).normal(0.5, 1.0, (6, 5)).astype(np.float32)
    grads = []
    for function in (given, surrogate.Sigmoid(4.0)):
        node, t = nn.ParametricLIFNode(surrogate_function=function, step_mode="m"), Tensor(x, requires_grad=True)
        node(t).sum().backward()
        grads.append(t.grad.numpy())
        assert list(node.state_dict()) == ["w"]
    np.testing.assert_array_equal(*grads)


# --- of a user
class PyRect(nn.SurrogateFunction):
    def gradient(self, x: Tensor) -> Tensor:
        return (abs(x) < 0.5 / self.alpha).float() * self.alpha


class PyExp(nn.SurrogateFunction):
    def gradient(self, x: Tensor) -> Tensor:
        return F.exp(-abs(x) * self.alpha) * (self.alpha / 2)


class PyNumPy(nn.SurrogateFunction):
    default_alpha = 2.0

    def gradient(self, x: Tensor) -> np.ndarray:
        return formula("ATan", x.numpy(), self.alpha)


class GlslTriangle(nn.SurrogateFunction):
    glsl = "max(0.0, alpha - alpha * alpha * abs(x))"


class GlslSuperSpike(nn.SurrogateFunction):
    glsl = "alpha / ((1.0 + abs(x)) * (1.0 + abs(x)))"


OWN = [
    (PyRect, nn.Rect), (PyExp, nn.PiecewiseExp), (PyNumPy, nn.ATan), (GlslTriangle, nn.PiecewiseQuadratic),
    (GlslSuperSpike, nn.SuperSpike),
]  # fmt: skip


@pytest.mark.parametrize(("own", "known"), OWN)
@pytest.mark.parametrize("alpha", [None, 1.7])
def test_own_surrogate(own: type, known: type, alpha: float | None, poisoned: None) -> None:
    """Alone, in every neuron, in both step modes, and in lif_step."""
    a, b = own(alpha), known(alpha)
    assert a.alpha == b.alpha
    rng = np.random.default_rng(3)
    x, g = rng.normal(0.5, 1.0, (5, 3, 3)).astype(np.float32), rng.normal(0.0, 1.0, (5, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(a.gradient(Tensor(x)), b.gradient(x).numpy(), 1e-5, 1e-6)
    np.testing.assert_allclose(gradient_by_firing(a, x, g), gradient_by_firing(b, x, g), 1e-5, 1e-6)
    for make in (nn.IFNode, nn.LIFNode, nn.ParametricLIFNode):
        for mode in ("s", "m"):
            got = gradient_by_firing(make(surrogate_function=a, v_reset=None, step_mode=mode), x, g)
            want = gradient_by_firing(make(surrogate_function=b, v_reset=None, step_mode=mode), x, g)
            np.testing.assert_allclose(got, want, 1e-5, 1e-5)
    got, want = (gradient_by_firing(lambda t, s=s: F.lif_step(t, 0.0, surrogate_function=s)[0], x, g) for s in (a, b))
    np.testing.assert_allclose(got, want, 1e-5, 1e-5)


def test_a_surrogate_in_python_is_not_recorded() -> None:
    """Its own operations are no part of the graph, and it is called once for a sequence."""
    seen = []

    class Watched(nn.SurrogateFunction):
        def gradient(self, x: Tensor) -> Tensor:
            out = x * 0.0 + 1.0
            seen.append((x.shape, out.requires_grad, grillyx.is_grad_enabled()))
            return out

    x = Tensor(np.ones((7, 2)), requires_grad=True)
    nn.LIFNode(surrogate_function=Watched(), step_mode="m")(x).sum().backward()
    assert seen == [((7, 2), False, False)]


def test_wrong_surrogates() -> None:
    class Empty(nn.SurrogateFunction):
        pass

    class Short(nn.SurrogateFunction):
        def gradient(self, x: Tensor) -> Tensor:
            return x[0]

    class Typo(nn.SurrogateFunction):
        glsl = "alpha * nothing"

    x = Tensor(np.ones((2, 3)), requires_grad=True)
    node = nn.LIFNode(surrogate_function=Empty(), step_mode="m")
    with pytest.raises(NotImplementedError, match="Empty: define `glsl` or `gradient"):
        node(x)
    assert node.v == 0.0
    with pytest.raises(NotImplementedError, match="Empty: define"):
        Empty().gradient(x)
    with pytest.raises(ValueError, match=r"Short.gradient: wrong shape, got \(3,\); expected \(2, 3\)"):
        nn.LIFNode(surrogate_function=Short(), step_mode="m")(x).sum().backward()
    with pytest.raises(grillyx.ShaderError, match="nothing"):
        nn.LIFNode(surrogate_function=Typo(), step_mode="m")(x).sum().backward()
