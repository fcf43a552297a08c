"""MSG and its manifolds: points stay on them, and walks are those of the exponential map."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor
from grillyx.graph.models import MSG
from grillyx.graph.models._manifolds import MANIFOLDS
from tests.graph.models.graphs import CLASSES, COUNT, WIDTH, made
from tests.helpers import check

RNG = np.random.default_rng(0)
SIGNS = {"sphere": 1.0, "lorentz": -1.0}


def product(a: np.ndarray, b: np.ndarray, sign: float) -> np.ndarray:
    return sign * a[:, :1] * b[:, :1] + (a[:, 1:] * b[:, 1:]).sum(1, keepdims=True)


def walked(z: np.ndarray, y: np.ndarray, sign: float) -> np.ndarray:
    """Parallel transport of (0, y) from the origin to z, then the exponential map, in float64."""
    o = np.eye(1, z.shape[1]).repeat(len(z), 0)
    v = np.concatenate([np.zeros((len(y), 1)), y], 1)
    v = v - product(z, v, sign) / (sign + product(o, z, sign)) * (o + z)
    r = np.sqrt(np.maximum(product(v, v, sign), 1e-30))
    return (np.cos(r) * z + np.sin(r) / r * v) if sign > 0 else (np.cosh(r) * z + np.sinh(r) / r * v)


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("scale", [1e-7, 1e-3, 0.3, 0.9])
def test_walks_are_geodesics(name, scale):
    space, sign = MANIFOLDS[name], SIGNS[name]
    y, then = (RNG.normal(size=(9, 3)) * scale / 1.5 for _ in range(2))
    z = walked(np.eye(1, 4).repeat(9, 0), y, sign)
    found = space.walk(
        space.walk(space.origin(9, 3), Tensor(y.astype(np.float32))), Tensor(then.astype(np.float32))
    ).numpy()
    np.testing.assert_allclose(found, walked(z, then, sign), rtol=3e-5, atol=3e-6)
    np.testing.assert_allclose(product(found, found, sign), sign, rtol=3e-6)


@pytest.mark.parametrize("name", MANIFOLDS)
@pytest.mark.parametrize("scale", [0.0, 1e-4, 0.5, 1.5])
def test_flat_undoes_a_walk_from_the_origin(name, scale):
    space = MANIFOLDS[name]
    y = RNG.uniform(-1.0, 1.0, (9, 3)).astype(np.float32) * np.float32(scale)
    np.testing.assert_allclose(space.flat(space.walk(space.origin(9, 3), Tensor(y))).numpy(), y, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", SIGNS)
def test_gradients_of_walks(name):
    sign = SIGNS[name]
    z = walked(np.eye(1, 4).repeat(5, 0), RNG.normal(size=(5, 3)) * 0.5, sign)
    kept = Tensor(z.astype(np.float32))
    check(lambda y: MANIFOLDS[name].walk(kept, y), lambda y: walked(z, y, sign), RNG.normal(size=(5, 3)) * 0.5)


def test_gradients_at_the_origin_are_finite():
    for space in MANIFOLDS.values():
        y = Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
        F.sum(space.flat(space.walk(space.origin(2, 3), y))).backward()
        np.testing.assert_allclose(y.grad.numpy(), 1.0, rtol=1e-4)


@pytest.mark.parametrize("name", MANIFOLDS)
def test_points_stay_on_the_manifold(name):
    grillyx.manual_seed(0)
    model, graph = MSG(WIDTH, 8, CLASSES, manifold=name, layers=3, step_size=0.5).eval(), made()
    z = model.points(graph.x, graph).numpy()
    assert z.shape == (COUNT, 8 + (name != "euclidean"))
    assert np.ptp(z) > 0.1
    if name in SIGNS:
        np.testing.assert_allclose(product(z, z, SIGNS[name]), SIGNS[name], rtol=1e-5)
        assert name == "sphere" or (z[:, 0] >= 1.0).all()


def test_the_gradient_goes_through_points_or_spikes_too():
    graph, found = made(), []
    for bptt in (False, True):
        grillyx.manual_seed(0)
        model = MSG(WIDTH, 8, CLASSES, dropout=0.0, layers=2, bptt=bptt)
        F.cross_entropy(model(graph.x, graph), np.arange(COUNT) % CLASSES).backward()
        found.append([p.grad.numpy() for p in (model.enter.lin.weight, model.convs[1].lin.weight)])
    assert np.abs(found[0][0] - found[1][0]).max() > 1e-6
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5, atol=1e-8)  # nothing spikes behind the last


def test_an_unknown_manifold_is_refused():
    with pytest.raises(ValueError, match="manifold"):
        MSG(WIDTH, 8, CLASSES, manifold="torus")
