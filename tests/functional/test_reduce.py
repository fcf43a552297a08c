"""Sums, means, extremes and their places, over any axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import check, exact, floats, integers, same, shapes

SMOOTH: dict[str, tuple[Callable, Callable]] = {
    "sum": (F.sum, np.sum),
    "mean": (F.mean, np.mean),
    "var": (F.var, np.var),
    "std": (F.std, np.std),
    "amax": (F.amax, np.max),
    "amin": (F.amin, np.min),
    "logsumexp": (F.logsumexp, lambda x, *args, **options: np.log(np.sum(np.exp(x), *args, **options))),
}
PLACES = {"argmax": (F.argmax, np.argmax), "argmin": (F.argmin, np.argmin)}


def some_axes(data: st.DataObject, ndim: int) -> Any:
    """None, one axis or several, counted from either end."""
    if ndim == 0 or data.draw(st.integers(0, 3)) == 0:
        return None
    chosen = data.draw(st.permutations(range(ndim)))[: data.draw(st.integers(1, ndim))]
    axes = tuple(k - ndim if data.draw(st.booleans()) else k for k in chosen)
    return axes[0] if len(axes) == 1 else axes


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_value_and_gradient(name: str, data: st.DataObject) -> None:
    op, reference = SMOOTH[name]
    x = data.draw(floats(empty=name == "sum"))
    axis, keep = some_axes(data, x.ndim), data.draw(st.booleans())
    if name == "std":  # the root of no spread has no slope: let there be some
        assume(np.all(np.std(x, axis) > 0.1))
    check(
        lambda x: op(x, axis=axis, keepdims=keep),
        lambda x: reference(x, axis=axis, keepdims=keep),
        x,
        rtol=2e-5,
        atol=5e-6,
    )


@pytest.mark.parametrize("name", PLACES)
@given(data=st.data())
def test_places(name: str, data: st.DataObject) -> None:
    op, reference = PLACES[name]
    x = np.round(data.draw(floats(empty=False)))  # rounded: of equal ones the first counts
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1))) if x.ndim else None
    keep = data.draw(st.booleans())
    for array in (x, x.astype(np.int32), x > 0):
        out = check(
            lambda x: op(x, axis=axis, keepdims=keep),
            lambda x: reference(x, axis=axis, keepdims=keep),
            array,
            grad=False,
        )
        assert out.dtype == np.int32


@pytest.mark.parametrize("axis", [(0, 2), (0, 2, 4), (1, 3), (0, 4), (0, 1, 3), (1, 2, 4), (2, 4), (), (3, 1, 0)])
@pytest.mark.parametrize("name", ["sum", "mean", "amax"])
def test_axes_that_are_not_neighbours(name: str, axis: tuple[int, ...]) -> None:
    op, reference = SMOOTH[name]
    x = np.random.default_rng(0).standard_normal((2, 3, 1, 4, 3))
    check(lambda x: op(x, axis=axis), lambda x: reference(x, axis=axis), x)
    check(lambda x: op(x, axis=axis), lambda x: reference(x, axis=axis), x[:, :, :, :2, :1])


@pytest.mark.parametrize("name", ["var", "std"])
def test_correction(name: str) -> None:
    op, reference = SMOOTH[name]
    x = np.random.default_rng(0).standard_normal((5, 7))
    check(lambda x: op(x, 1, correction=1), lambda x: reference(x, 1, ddof=1), x)
    far = x + 1e4  # a mean far from 0 must not eat the digits
    same(op(far, 1), reference(exact(far), 1), rtol=1e-3)
    with np.errstate(all="ignore"):
        same(op(x[:, :1], 1, correction=1), np.full(5, np.nan))


# (shape, axis): outer, rows and inner of every size and divisibility, so that each body of the shader is used
LARGE = [
    ((1_000_003,), None), ((1_000_000,), None), ((1000, 1000), 0), ((1000, 1000), 1), ((250_001, 4), 0), ((333_333, 3), 0),
    ((3, 333_333), 1), ((4, 65_536), 1), ((10, 50_000, 2), 1), ((100, 100, 100), (0, 2)), ((70_000, 14), 1),
    ((5, 67, 8), 1), ((5, 68), 1), ((2, 4096, 512), 1),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "axis"), LARGE)
def test_large_sums_are_accurate(shape: tuple[int, ...], axis: Any) -> None:
    x = np.random.default_rng(0).random(shape, np.float32)
    wide = x.astype(np.float64)
    t = Tensor(x)
    same(F.sum(t, axis), wide.sum(axis), rtol=1e-6, atol=0)
    same(F.mean(t, axis), wide.mean(axis), rtol=1e-6, atol=0)
    x[(0,) * x.ndim], x[(-1,) * x.ndim] = 5.0, -5.0
    t = Tensor(x)
    np.testing.assert_array_equal(F.amax(t, axis), x.max(axis))
    np.testing.assert_array_equal(F.amin(t, axis), x.min(axis))
    whole = (x * 1000).astype(np.int32)
    np.testing.assert_array_equal(F.sum(whole, axis), whole.sum(axis))
    np.testing.assert_array_equal(F.amax(whole, axis), whole.max(axis))


def test_sums_over_both_signs_and_their_gradient() -> None:
    x = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
    t = Tensor(x, requires_grad=True)
    total = F.sum(t)
    assert abs(total.item() - x.astype(np.float64).sum()) < 1e-6 * np.abs(x).sum()
    F.mean(F.square(t)).backward()
    same(t.grad, x * 2e-6, rtol=1e-5, atol=1e-12)


@given(st.data())
def test_integers_are_exact(data: st.DataObject) -> None:
    x = data.draw(integers(-(2**24) - 99, 2**24 + 99, data.draw(shapes(low=1, empty=False))))
    axis = some_axes(data, x.ndim)
    for op, reference in (SMOOTH["sum"], SMOOTH["amax"], SMOOTH["amin"]):
        check(lambda x: op(x, axis), lambda x: reference(x, axis), x)
    near = np.array([2**24, 2**24 + 1, 2**24 + 1, 2**24 - 1])
    for op, reference in PLACES.values():
        check(op, reference, near)
        check(op, reference, -near)


def test_unsigned_and_boolean_reductions() -> None:
    x = np.array([[2**32 - 1, 1, 7], [5, 2**31, 2**31 - 1]], np.uint32)
    for op, reference in (SMOOTH["amax"], SMOOTH["amin"], *PLACES.values()):
        check(lambda x: op(x, 1), lambda x: reference(x, 1), x)
        check(op, reference, x)
    assert F.sum(np.array([2**31, 2**31 - 6, 5], np.uint32)).item() == 2**32 - 1
    mask = np.array([[True, False, True], [False, False, False]])
    for op, reference in (SMOOTH["sum"], SMOOTH["amax"], SMOOTH["amin"]):
        check(lambda x: op(x, 1), lambda x: reference(x, 1), mask)
    same(F.mean(mask, 1), mask.mean(1))
    same(F.mean([2, 3, 5]), np.mean([2, 3, 5]))


def test_more_than_two_to_the_24_booleans_are_counted() -> None:
    count = 2**24 + 3
    assert F.sum(np.ones(count, bool)).item() == count


@pytest.mark.parametrize("at", [0, 3, 6, 9, 99])
@pytest.mark.parametrize("name", ["amax", "amin", "sum", "mean", "argmax", "argmin"])
def test_nan_shows(name: str, at: int) -> None:
    op, reference = (SMOOTH | PLACES)[name]
    x = np.random.default_rng(0).standard_normal((100, 8))
    x[at, 2] = np.nan
    for array in (x, x[:, 2], x[:, :3]):  # each body of the shader
        same(op(array, axis=0), reference(exact(array), axis=0))
        same(op(array.T, axis=-1), reference(exact(array.T), axis=-1))


def test_infinities() -> None:
    x = np.array([[np.inf, 1.0], [-np.inf, 2.0], [-np.inf, -np.inf], [1e4, 1e4], [-1e4, -1e4 + 1]])
    same(F.amax(x, 1), x.max(1))
    same(F.amin(x, 1), x.min(1))
    same(F.logsumexp(x, 1), special.logsumexp(x, 1))


def test_logsumexp_of_large_numbers_has_finite_gradients() -> None:
    check(
        lambda x: F.logsumexp(x, 1),
        lambda x: special.logsumexp(x, 1),
        np.array([[1e4, 1e4], [-1e4, -1e4], [1e4, -1e4]]),
    )


@pytest.mark.parametrize(("op", "at"), [(F.amax, [0, 3]), (F.amin, [1, 2])])
def test_equal_extremes_share_the_gradient(op: Callable, at: list[int]) -> None:
    x = Tensor([[5.0, 1.0, 1.0, 5.0], [2.0, 2.0, 2.0, 2.0]], requires_grad=True)
    op(x, 1).backward([1.0, 1.0])
    want = np.zeros(4)
    want[at] = 0.5
    np.testing.assert_array_equal(x.grad, [want, [0.25] * 4])


def test_reducing_nothing() -> None:
    x = np.ones((3, 0, 2))
    same(F.sum(x, 1), np.zeros((3, 2)))
    assert F.sum(x).item() == 0.0
    same(F.mean(x, 1), np.full((3, 2), np.nan))
    same(F.amax(x, 0), np.zeros((0, 2)))
    for op in (F.amax, F.amin, F.argmax, F.argmin):
        with pytest.raises(ValueError, match=r"nothing to choose from in an empty tensor of shape \(3, 0, 2\)"):
            op(x, 1)


@pytest.mark.parametrize("op", [F.sum, F.mean, F.var, F.std, F.amax, F.amin, F.logsumexp])
def test_wrong_axes(op: Callable) -> None:
    with pytest.raises(ValueError, match="axis out of range, got 2; expected -2 to 1 for 2 axes"):
        op(np.ones((2, 3)), 2)
    with pytest.raises(ValueError, match="an axis is named twice"):
        op(np.ones((2, 3)), (0, -2))
    with pytest.raises(TypeError, match="an axis is an integer"):
        op(np.ones((2, 3)), 0.5)


BODIES = ["runs", "neighbours"]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((4, 4099), 0), ((16, 1025), 0), ((8192, 10), 0), ((8192, 10), 1), ((4099, 7), 1), ((33, 1023), 0), ((33, 1023), 1),
        ((140_001,), None), ((600, 2052), 0), ((2, 3, 5, 7), (0, 2)), ((2, 9, 5, 7), (0, 2, 3)), ((3, 300_000), 1), ((5, 1, 3), 1),
    ],
)  # fmt: skip
def test_both_ways_through_memory(
    shape: tuple[int, ...], axis: Any, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRILLYX_REDUCE", body)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    i = np.arange(x.size, dtype=np.int32).reshape(shape) - 5
    for name in ("sum", "max", "min"):
        ours = getattr(F, {"max": "amax", "min": "amin"}.get(name, name))
        want = getattr(np, name)(x.astype(np.float64), axis)
        np.testing.assert_allclose(ours(x, axis).numpy(), want, 1e-5, 2e-3 if name == "sum" else 0)
        options = {"dtype": np.int32} if name == "sum" else {}
        np.testing.assert_array_equal(ours(i, axis).numpy(), getattr(np, name)(i, axis, **options))
    x.reshape(-1)[x.size // 2] = np.nan
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(F.amax(x, axis).numpy(), np.max(x, axis))


def test_an_unknown_way_through_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRILLYX_REDUCE", "magic")
    with pytest.raises(ValueError, match="GRILLYX_REDUCE: got 'magic'; expected one of runs, neighbours"):
        F.sum(np.ones(3))


@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 3, 8), 1), ((5, 8), 1), ((6, 7), 1), ((4, 6), 0), ((3, 4, 5, 4), (0, 2)), ((3, 1, 4), 1)]
)
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_gradients_are_spread(shape: tuple[int, ...], axis: Any, name: str) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    check(lambda x: getattr(F, name)(x, axis), lambda x: getattr(np, name)(x, axis), x)
    t = Tensor(x, requires_grad=True)
    F.mean(t).backward()
    np.testing.assert_allclose(t.grad, np.full(shape, 1 / x.size), rtol=1e-6)
