"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import check, exact, floats, same, shapes

BOTH = [(F.softmax, special.softmax), (F.log_softmax, special.log_softmax)]


@pytest.mark.parametrize(("op", "reference"), BOTH)
@given(data=st.data())
def test_value_and_gradient(op: Callable, reference: Callable, data: st.DataObject) -> None:
    x = data.draw(floats(-9, 9, shape=data.draw(shapes(low=1, empty=False))))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    check(lambda x: op(x, axis), lambda x: reference(x, axis), x, rtol=2e-5)
    check(op, lambda x: reference(x, -1), x, rtol=2e-5)


@pytest.mark.parametrize(("op", "reference"), BOTH)
def test_large_and_infinite_numbers(op: Callable, reference: Callable) -> None:
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4 + 1], [1e4, 1e4, 1e4 - 2]])
    check(op, lambda x: reference(x, -1), x)
    hidden = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 3.0]])  # masked with -inf
    same(op(hidden), reference(hidden, -1))
    x[0, 1] = np.nan
    with np.errstate(all="ignore"):
        same(op(x), reference(exact(x), -1))


@pytest.mark.parametrize(("op", "reference"), BOTH)
@pytest.mark.parametrize(("shape", "axis"), [((2, 16385), 1), ((70_001, 3), 0), ((16384,), 0)])
def test_long_axes(op: Callable, reference: Callable, shape: tuple[int, ...], axis: int) -> None:
    rng = np.random.default_rng(0)
    x, g = exact(rng.standard_normal(shape)), exact(rng.standard_normal(shape))
    t = Tensor(x, requires_grad=True)
    out = op(t, axis)
    same(out, reference(x, axis), atol=1e-12)
    out.backward(g)
    y, total = special.softmax(x, axis), lambda v: np.sum(v, axis, keepdims=True)
    same(t.grad, g - y * total(g) if op is F.log_softmax else y * (g - total(g * y)), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("op", "reference"), BOTH)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 4)])
def test_nothing(op: Callable, reference: Callable, shape: tuple[int, ...]) -> None:
    check(lambda x: op(x, 1), lambda x: np.zeros(shape), np.zeros(shape))


def test_integers_and_booleans_are_taken_as_numbers() -> None:
    same(F.softmax([1, 2, 3]), special.softmax([1.0, 2.0, 3.0]))
    same(F.log_softmax([True, False]), special.log_softmax([1.0, 0.0]))


@pytest.mark.parametrize(("op", "name"), [(F.softmax, "softmax"), (F.log_softmax, "log_softmax")])
def test_wrong_axes(op: Callable, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: axis out of range, got 1"):
        op(np.ones(3), 1)
    with pytest.raises(ValueError, match="axis out of range"):
        op(1.0)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("body", ["runs", "neighbours"])
@pytest.mark.parametrize("shape", [(3, 4), (70, 40), (5, 1001), (2, 20_000), (17, 130)])
def test_rows_of_any_length(shape: tuple[int, int], body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRILLYX_REDUCE", body)
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    wide, y = x.astype(np.float64), special.softmax(x.astype(np.float64), 1)
    for ours, want, slope in (
        (F.softmax, y, y * (g - (g * y).sum(1, keepdims=True))),
        (F.log_softmax, special.log_softmax(wide, 1), g - y * g.sum(1, keepdims=True, dtype=np.float64)),
    ):
        t = Tensor(x, requires_grad=True)
        out = ours(t)
        out.backward(g)
        same(out, want, 2e-5, 1e-7)
        same(t.grad, slope, 2e-5, 2e-6)
