"""Functions of one variable, and of one variable and a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import check, exact, floats, integers, same, shapes

sigmoid = special.expit


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0.0)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * special.ndtr(x)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


# name: the function, NumPy's, and where it is drawn from
SMOOTH: dict[str, tuple[Callable, Callable, float, float]] = {
    "abs": (F.abs, np.abs, -3, 3),
    "neg": (F.neg, np.negative, -3, 3),
    "exp": (F.exp, np.exp, -4, 4),
    "expm1": (F.expm1, np.expm1, -4, 4),
    "expm1 near 0": (lambda x: F.expm1(x * 1e-3) * 1e3, lambda x: 1e3 * np.expm1(x * 1e-3), -1, 1),
    "log": (F.log, np.log, 0.1, 9),
    "log1p": (F.log1p, np.log1p, -0.9, 9),
    "log1p near 0": (lambda x: F.log1p(x * 1e-3) * 1e3, lambda x: 1e3 * np.log1p(x * 1e-3), -1, 1),
    "sqrt": (F.sqrt, np.sqrt, 0.1, 9),
    "rsqrt": (F.rsqrt, lambda x: 1 / np.sqrt(x), 0.1, 9),
    "square": (F.square, np.square, -3, 3),
    "reciprocal": (F.reciprocal, np.reciprocal, -3, -0.2),
    "sin": (F.sin, np.sin, -6, 6),
    "cos": (F.cos, np.cos, -6, 6),
    "tanh": (F.tanh, np.tanh, -5, 5),
    "sigmoid": (F.sigmoid, sigmoid, -9, 9),
    "erf": (F.erf, special.erf, -3, 3),
    "relu": (F.relu, lambda x: np.maximum(x, 0), -3, 3),
    "leaky_relu": (F.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), -3, 3),
    "leaky_relu 0.3": (lambda x: F.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x), -3, 3),
    "gelu": (F.gelu, gelu, -3, 3),
    "gelu tanh": (lambda x: F.gelu(x, "tanh"), gelu_tanh, -3, 3),
    "silu": (F.silu, silu, -9, 9),
    "softplus": (F.softplus, softplus, -9, 9),
    "softplus 3, 2": (lambda x: F.softplus(x, 3, 2), lambda x: np.where(3 * x > 2, x, softplus(3 * x) / 3), -3, 3),
    "softplus -1": (lambda x: F.softplus(x, -1), lambda x: -softplus(-x), -3, 3),
    "elu": (F.elu, lambda x: np.where(x > 0, x, np.expm1(x)), -5, 3),
    "elu -0.3": (lambda x: F.elu(x, -0.3), lambda x: np.where(x > 0, x, -0.3 * np.expm1(x)), -5, 3),
    "hardtanh": (F.hardtanh, lambda x: np.clip(x, -1, 1), -3, 3),
    "hardtanh 0.5, 2": (lambda x: F.hardtanh(x, 0.5, 2), lambda x: np.clip(x, 0.5, 2), -3, 3),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6), -3, 9),
    "clip": (lambda x: F.clip(x, -1, 1.5), lambda x: np.clip(x, -1, 1.5), -3, 3),
    "clip from below": (lambda x: F.clip(x, min=-1), lambda x: np.clip(x, -1, None), -3, 3),
    "clip from above": (lambda x: F.clip(x, max=0.5), lambda x: np.clip(x, None, 0.5), -3, 3),
    "+ number": (lambda x: F.add(x, 0.7), lambda x: x + 0.7, -3, 3),
    "number +": (lambda x: F.add(2, x), lambda x: 2 + x, -3, 3),
    "- number": (lambda x: F.subtract(x, 0.7), lambda x: x - 0.7, -3, 3),
    "number -": (lambda x: F.subtract(0.7, x), lambda x: 0.7 - x, -3, 3),
    "* number": (lambda x: F.multiply(x, np.float64(-1.7)), lambda x: x * -1.7, -3, 3),
    "number *": (lambda x: F.multiply(3, x), lambda x: 3 * x, -3, 3),
    "/ number": (lambda x: F.divide(x, 3), lambda x: x / 3, -3, 3),
    "number /": (lambda x: F.divide(2, x), lambda x: 2 / x, 0.2, 3),
    "** 3": (lambda x: F.power(x, 3), lambda x: x**3, -3, 3),
    "** 2": (lambda x: F.power(x, 2), lambda x: x**2, -3, 3),
    "** 0": (lambda x: F.power(x, 0), lambda x: x**0, -3, 3),
    "** -1.5": (lambda x: F.power(x, -1.5), lambda x: x**-1.5, 0.2, 3),
    "2.5 **": (lambda x: F.power(2.5, x), lambda x: 2.5**x, -3, 3),
    "maximum number": (lambda x: F.maximum(x, 0.5), lambda x: np.maximum(x, 0.5), -3, 3),
    "number minimum": (lambda x: F.minimum(0.5, x), lambda x: np.minimum(x, 0.5), -3, 3),
    "% number": (lambda x: F.remainder(x, 0.7), lambda x: np.remainder(x, exact(0.7)), -3, 3),
}
FLAT: dict[str, tuple[Callable, Callable]] = {
    "sign": (F.sign, np.sign),
    "floor": (F.floor, np.floor),
    "ceil": (F.ceil, np.ceil),
    "round": (F.round, np.round),
    "// number": (lambda x: F.floor_divide(x, 0.7), lambda x: np.floor_divide(x, exact(0.7))),
    "> number": (lambda x: F.greater(x, 0.5), lambda x: x > 0.5),
    "number <": (lambda x: F.less(0.5, x), lambda x: x > 0.5),
    "number >=": (lambda x: F.greater_equal(0.5, x), lambda x: x <= 0.5),
    "<= number": (lambda x: F.less_equal(x, 0.5), lambda x: x <= 0.5),
    "not": (F.logical_not, np.logical_not),
}
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30], np.float32)


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_value_and_gradient(name: str, data: st.DataObject) -> None:
    op, reference, low, high = SMOOTH[name]
    check(op, reference, data.draw(floats(low, high)), rtol=2e-5)


@pytest.mark.parametrize("name", FLAT)
@given(x=floats())
def test_flat_functions_have_no_gradient(name: str, x: np.ndarray) -> None:
    check(*FLAT[name], x, grad=False)


@pytest.mark.parametrize("name", [name for name in SMOOTH if "near" not in name] + list(FLAT))
def test_special_values(name: str) -> None:
    op, reference = (SMOOTH | FLAT)[name][:2]
    x = SPECIAL
    if name in ("sin", "cos"):
        x = x[np.abs(x) < 1e4]
    if name == "gelu tanh":
        x = x[~np.isinf(x)]  # inf**3 * 0 is NaN in the reference as written above
    with np.errstate(all="ignore"):
        want = np.asarray(reference(exact(x)))
        want = want.astype(np.float32).astype(np.float64) if want.dtype.kind == "f" else want
    same(op(Tensor(x)), want, atol=1e-30)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "gelu tanh", "erf", "relu", "log1p"])
def test_gradients_at_large_arguments_are_finite_and_right(name: str) -> None:
    x = np.array([1e4, 88.0, 30.0, 0.0] if name == "log1p" else [1e4, -1e4, 100.0, -100.0, 30.0, -30.0])
    check(*SMOOTH[name][:2], x)


def test_halves_round_to_the_even_number() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.0**22 + 0.5])
    same(F.round(x), np.round(x))


def test_gradients_at_the_kinks() -> None:
    ties = {
        "relu": (F.relu, 0.0, 0.0),
        "abs": (F.abs, 0.0, 0.0),
        "clip": (lambda x: F.clip(x, -1, 1), 1.0, 1.0),
        "maximum": (lambda x: F.maximum(x, 2.0), 2.0, 0.5),
        "minimum": (lambda x: F.minimum(x, 2.0), 2.0, 0.5),
    }
    for name, (op, at, want) in ties.items():
        x = Tensor([at], requires_grad=True)
        op(x).backward()
        assert x.grad is not None, name
        assert x.grad.item() == want, name


@given(st.data())
def test_whole_numbers_stay_whole_and_exact(data: st.DataObject) -> None:
    x = data.draw(integers(-(2**15), 2**15, data.draw(shapes())))
    big = data.draw(integers(2**24, 2**31 - 10, x.shape))
    for array in (x, big, -big):
        check(F.neg, np.negative, array)
        check(F.abs, np.abs, array)
        check(F.floor, lambda a: a, array)
        check(F.ceil, lambda a: a, array)
        check(F.round, lambda a: a, array)
        check(lambda a: F.clip(a, 5, 2**24 + 1), lambda a: np.clip(a, 5, 2**24 + 1), array)
        check(lambda a: F.add(a, 3), lambda a: a + 3, array)
        check(lambda a: F.equal(a, 2**24 + 1), lambda a: a == 2**24 + 1, array)
    check(F.square, np.square, x)


def test_unsigned_numbers() -> None:
    x = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    assert F.add(x, 0).dtype == np.uint32
    check(F.abs, np.abs, x)
    check(lambda a: F.greater(a, 5), lambda a: a > 5, x)
    check(lambda a: F.maximum(7, a), lambda a: np.maximum(7, a), x)
    check(lambda a: F.floor_divide(a, 7), lambda a: a // 7, x)
    check(lambda a: F.clip(a, 7, 2**31), lambda a: np.clip(a, 7, 2**31), x)


@pytest.mark.parametrize("source", [np.float32, np.int32, np.uint32, np.bool_])
@pytest.mark.parametrize("target", [np.float32, np.float64, np.int32, np.int64, np.uint32, np.bool_])
def test_astype(source: type, target: type) -> None:
    values = [0, 1, 3, 250.75, 7] if source in (np.float32,) else [0, 1, 3, 250, 7]
    x = np.array(values if target is np.uint32 or source is np.uint32 else [*values, -2.5, -9]).astype(source)
    out = F.astype(x, target)
    assert out.dtype == {np.float64: np.float32, np.int64: np.int32}.get(target, target)
    np.testing.assert_array_equal(out, x.astype(target))


def test_astype_passes_gradients_between_floats() -> None:
    check(lambda x: F.astype(x, np.float64), lambda x: x, np.array([1.5, -2.0]))
    check(lambda x: F.astype(x, np.int32), lambda x: x.astype(np.int64), np.array([1.5, -2.0]), grad=False)
    check(lambda x: F.astype(x, bool), lambda x: x != 0, np.array([1.5, 0.0]), grad=False)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.complex64, "U3", "O"])
def test_astype_refuses_what_the_device_cannot_hold(dtype: type) -> None:
    with pytest.raises(TypeError, match="astype: no such dtype"):
        F.astype([1.0], dtype)


def test_no_gradient_at_the_ends_of_hardtanh() -> None:
    x = Tensor([0.0, 6.0, 3.0], requires_grad=True)
    F.relu6(x).backward(np.ones(3))
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 1])


def test_errors() -> None:
    with pytest.raises(ValueError, match="clip: give"):
        F.clip([1.0])
    with pytest.raises(ValueError, match="must not exceed"):
        F.clip([1.0], 2, 1)
    with pytest.raises(ValueError, match="must not exceed"):
        F.clip([1.0], np.nan, 1)
    with pytest.raises(ValueError, match="negative_slope must be finite"):
        F.leaky_relu([1.0], np.nan)
    with pytest.raises(TypeError, match="negative_slope must be a number"):
        F.leaky_relu([1.0], "steep")
    with pytest.raises(ValueError, match="softplus: beta divides, got 0"):
        F.softplus([1.0], 0)
    with pytest.raises(ValueError, match="threshold must be finite"):
        F.softplus([1.0], threshold=np.inf)
    with pytest.raises(ValueError, match="elu: alpha must be finite"):
        F.elu([1.0], np.nan)
    with pytest.raises(ValueError, match="hardtanh: min_val must be below max_val, got 1 and 1"):
        F.hardtanh([1.0], 1, 1)
    with pytest.raises(ValueError, match="unknown approximate"):
        F.gelu([1.0], "fast")
    with pytest.raises(TypeError, match="cannot hold this dtype"):
        F.exp(np.array([1j]))
