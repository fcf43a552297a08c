"""Functions of two and three variables, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import broadcastable, check, exact, floats, integers, same

# name: the function, NumPy's, where the second operand is drawn from, where the first is
SMOOTH: dict[str, tuple[Callable, Callable, tuple[float, float], tuple[float, float]]] = {
    "add": (F.add, np.add, (-3, 3), (-3, 3)),
    "subtract": (F.subtract, np.subtract, (-3, 3), (-3, 3)),
    "multiply": (F.multiply, np.multiply, (-3, 3), (-3, 3)),
    "divide": (F.divide, np.divide, (-3, -0.3), (-3, 3)),
    "power": (F.power, np.power, (-2, 2), (0.3, 3)),
    "maximum": (F.maximum, np.maximum, (-3, 3), (-3, 3)),
    "minimum": (F.minimum, np.minimum, (-3, 3), (-3, 3)),
    "remainder": (F.remainder, np.remainder, (-3, -0.3), (-3, 3)),
}
EXACT: dict[str, tuple[Callable, Callable]] = {
    "floor_divide": (F.floor_divide, np.floor_divide),
    "equal": (F.equal, np.equal),
    "not_equal": (F.not_equal, np.not_equal),
    "less": (F.less, np.less),
    "less_equal": (F.less_equal, np.less_equal),
    "greater": (F.greater, np.greater),
    "greater_equal": (F.greater_equal, np.greater_equal),
    "logical_and": (F.logical_and, np.logical_and),
    "logical_or": (F.logical_or, np.logical_or),
}
INTEGER = ("add", "subtract", "multiply", "maximum", "minimum", "remainder", *EXACT)
LIMITS = np.array([0, 1, -1, 2**24, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31)], np.int32)


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_value_and_gradient(name: str, data: st.DataObject) -> None:
    op, reference, second, first = SMOOTH[name]
    a, b = data.draw(broadcastable(budget=60))
    x, y = data.draw(floats(*first, shape=a)), data.draw(floats(*second, shape=b))
    if name == "remainder":  # it jumps where the quotient is whole
        assume(np.all(np.abs(exact(x) / exact(y) % 1 - 0.5) < 0.499))
    check(op, reference, x, y, rtol=2e-5)


@pytest.mark.parametrize("name", EXACT)
@given(data=st.data())
def test_flat_functions_have_no_gradient(name: str, data: st.DataObject) -> None:
    a, b = data.draw(broadcastable())
    x, y = data.draw(floats(shape=a)), data.draw(floats(0.1, 3, shape=b))
    check(*EXACT[name], np.round(x, 1), np.round(y, 1), grad=False)  # rounded, so that some are equal


@given(st.data())
def test_where(data: st.DataObject) -> None:
    c, a, b = data.draw(broadcastable(3, budget=60))
    condition = data.draw(integers(0, 2, c, dtypes=(np.bool_, np.int32, np.float32)))
    check(
        F.where,
        lambda c, a, b: np.where(c, a, b),
        condition.astype(bool),
        data.draw(floats(shape=a)),
        data.draw(floats(shape=b)),
    )
    numbers = data.draw(integers(-9, 9, a)), data.draw(integers(2**24, 2**30, b))
    check(lambda *x: F.where(condition, *x), lambda *x: np.where(condition, *x), *numbers, grad=False)


def test_where_keeps_booleans_and_takes_numbers() -> None:
    mask, yes = np.array([True, False]), np.array([True, True])
    check(F.where, np.where, mask, yes, ~yes, grad=False)
    check(lambda x: F.where(mask, x, 0), lambda x: np.where(mask, x, 0), np.array([2**31, 5], np.uint32))
    check(lambda x: F.where(mask, 1.5, x), lambda x: np.where(mask, 1.5, x), np.array([2.0, 3.0]))
    out = F.where(mask, [1.0, np.nan], [np.inf, 2.0])
    np.testing.assert_array_equal(out, [1.0, 2.0])


@pytest.mark.parametrize("name", INTEGER)
@given(data=st.data())
def test_integers_are_exact(name: str, data: st.DataObject) -> None:
    op, reference = (SMOOTH | EXACT)[name][:2]
    a, b = data.draw(broadcastable())
    low, high = (2**15, 2**16) if name == "multiply" else (2**24, 2**30)
    x, y = data.draw(integers(low, high, a)), data.draw(integers(low - 5, low, b))
    if name == "multiply":
        x, y = x // 3, y // 3
    for u, v in ((x, y), (-x, y), (x, -y), (-x, -y)):
        check(op, reference, u, v, grad=False)


@pytest.mark.parametrize("name", INTEGER)
def test_32_bit_limits_wrap_as_in_numpy(name: str) -> None:
    op, reference = (SMOOTH | EXACT)[name][:2]
    a, b = LIMITS[:, None], LIMITS[None, :]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(op(a, b), reference(a, b))
        np.testing.assert_array_equal(
            op(a.astype(np.uint32), b.astype(np.uint32)), reference(a.astype(np.uint32), b.astype(np.uint32))
        )


@pytest.mark.parametrize("left", [np.int32, np.uint32, np.bool_, np.float32])
@pytest.mark.parametrize("right", [np.int32, np.uint32, np.bool_, np.float32])
def test_dtypes_meet_as_in_numpy(left: type, right: type) -> None:
    a, b = np.array([0, 1, 3]).astype(left), np.array([1, 1, 2]).astype(right)
    if not left == right == np.bool_:  # two booleans add up to a number here, as in PyTorch's sum
        check(F.add, np.add, a, b, grad=np.float32 in (left, right))
        check(F.multiply, np.multiply, a, b, grad=np.float32 in (left, right))
    same(F.divide(a, b), np.divide(a, b, dtype=np.float32))
    check(F.less, np.less, a, b, grad=False)
    check(F.logical_and, np.logical_and, a, b, grad=False)
    check(F.logical_or, np.logical_or, a, b, grad=False)


def test_masks_keep_integers_exact() -> None:
    x, mask = np.array([2**24 + 1, 2**30 + 1]), np.array([True, False])
    check(F.multiply, np.multiply, x, mask)
    check(F.add, np.add, mask, x)


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division_takes_the_sign_of_the_divisor(name: str) -> None:
    op, reference = (SMOOTH | EXACT)[name][:2]
    a = np.array([7, -7, 6, -6, 0, 1e-3, 5e5, 1e10, -1e10])[:, None]
    b = np.array([3, -3, 0.1, -0.1, 0.7, 1e4, np.inf, -np.inf])[None, :]
    same(op(a, b), reference(exact(a), exact(b)))
    whole = np.array([7, -7, 6, -6, 0])[:, None], np.array([3, -3, 1, -1])[None, :]
    same(op(*whole), reference(*whole))


@pytest.mark.parametrize(
    "name", ["maximum", "minimum", "add", "multiply", "divide", "power", "remainder", "floor_divide"]
)
def test_nan_and_infinity_go_on(name: str) -> None:
    op, reference = (SMOOTH | EXACT)[name][:2]
    values = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -1.0, 2.5, -3.0])
    a, b = values[:, None], values[None, :]
    with np.errstate(all="ignore"):
        same(op(a, b), reference(a, b))
        same(op(*np.broadcast_arrays(a, b)), reference(a, b))  # equal shapes take another kernel


@pytest.mark.parametrize("name", ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
def test_nan_compares_as_in_numpy(name: str) -> None:
    op, reference = EXACT[name]
    a = np.array([np.nan, 1.0, 2.0, 3.0], np.float32)
    for b in (np.full(4, np.nan), np.full(4, 2.0)):
        np.testing.assert_array_equal(op(a, b), reference(a, b))
        np.testing.assert_array_equal(op(Tensor(a), float(b[0])), reference(a, b))
        np.testing.assert_array_equal(op(float(b[0]), Tensor(a)), reference(b, a))


@pytest.mark.parametrize("op", [F.maximum, F.minimum])
def test_equal_values_share_the_gradient(op: Callable) -> None:
    a, b = (Tensor([2.0, 2.0], requires_grad=True) for _ in range(2))
    op(a, b).backward([1.0, 4.0])
    np.testing.assert_array_equal(a.grad, [0.5, 2.0])
    np.testing.assert_array_equal(b.grad, [0.5, 2.0])


def test_gradients_of_powers_at_zero() -> None:
    base, exponent = (Tensor(x, requires_grad=True) for x in ([0.0, 0.0, -2.0, 0.0, 3.0], [2.0, 1.0, 3.0, 0.0, 0.0]))
    out = F.power(base, exponent)
    same(out, np.array([0.0, 0.0, -8.0, 1.0, 1.0]))
    out.backward(np.ones(5))
    same(base.grad, np.array([0.0, 1.0, 12.0, 0.0, 0.0]))
    same(exponent.grad, np.array([0.0, 0.0, np.nan, 0.0, np.log(3.0)]))
    same(F.power(-2, np.array([2.0, 3.0, 0.0])), np.array([4.0, -8.0, 1.0]))


def test_numbers_too_large_for_float32_become_infinite() -> None:
    x = Tensor([1.0, -1.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.testing.assert_array_equal(F.multiply(x, 1e300), [np.inf, -np.inf])
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.testing.assert_array_equal(F.less(x, 1e300), [True, True])


def test_the_sign_of_zero_survives() -> None:
    x = Tensor([0.0, -0.0])
    np.testing.assert_array_equal(np.signbit(F.neg(x).numpy()), [True, False])
    np.testing.assert_array_equal(np.signbit(F.multiply(x, 2.0).numpy()), [False, True])


def test_axes_merge_and_more_than_six_that_cannot_raise() -> None:
    x, y = np.arange(2.0**8).reshape((2,) * 8), np.arange(2.0**4).reshape((1,) * 4 + (2,) * 4)
    same(F.add(x, y), x + y)
    a, b = np.random.default_rng(0).random((2, 1, 3, 1, 2, 1)), np.random.default_rng(1).random((1, 3, 1, 2, 1, 4))
    check(F.multiply, np.multiply, a, b)  # six, none of which merge
    check(F.multiply, np.multiply, b, a)
    with pytest.raises(NotImplementedError, match="expected at most 6"):
        F.add(x, x[:, :1, :, :1, :, :1, :, :1])


@pytest.mark.parametrize("op", [F.add, F.subtract, F.multiply, F.divide, F.power, F.maximum, F.equal, F.logical_and])
def test_shapes_that_do_not_fit(op: Callable) -> None:
    with pytest.raises(ValueError, match=r"\w+: the shapes do not fit together, got \(2, 3\) and \(2,\)\."):
        op(np.ones((2, 3)), np.ones(2))


def test_where_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="where: the shapes do not fit"):
        F.where([True, False], np.ones(3), 0.0)
