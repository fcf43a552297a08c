"""Clipping of gradients against NumPy, on the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grillyx import nn, optim
from grillyx.autograd import Tensor
from grillyx.engine.counters import counters
from tests.helpers import shapes
from tests.optim.reference import SHAPES, arrays, close, give, parameters


def norm(grads: list[np.ndarray], order: float) -> float:
    flat = np.concatenate([g.reshape(-1) for g in grads])
    return float(np.abs(flat).max(initial=0.0) if order == math.inf else np.sqrt((flat**2).sum()))


def clipped(grads: list[np.ndarray], limit: float, order: float) -> list[np.ndarray]:
    factor = min(1.0, limit / (norm(grads, order) + 1e-6))
    return [g * factor for g in grads]


@pytest.mark.parametrize("order", [2, 2.0, math.inf, "inf"])
@pytest.mark.parametrize("limit", [0.0, 0.5, 3, 1e9, math.inf])
def test_norm(order: Any, limit: float) -> None:
    sizes = (*SHAPES, (), (2, 3, 4), (70, 90))
    params, grads = parameters(arrays(sizes, 1)), arrays(sizes, 2)
    give(params, grads)
    total = optim.clip_grad_norm_((p for p in params), limit, order)
    assert isinstance(total, Tensor)
    close(total, np.array(norm(grads, float(order))))
    for p, g, start in zip(params, clipped(grads, limit, float(order)), arrays(sizes, 1), strict=True):
        assert p.grad is not None
        close(p.grad, g)
        np.testing.assert_array_equal(p.numpy(), start)


@pytest.mark.parametrize("order", [2, math.inf])
def test_tiny_norms_are_not_blown_up(order: float) -> None:
    """The 1e-6 in the divisor counts here; a norm of 0 gives no NaN."""
    a, b = parameters([np.zeros(1), np.zeros(2)])
    give([a, b], [np.array([1e-6]), np.zeros(2)])
    optim.clip_grad_norm_([a, b], 1e-6, order)
    assert a.grad is not None
    assert float(a.grad) == pytest.approx(0.5e-6, rel=1e-5)
    optim.clip_grad_norm_(b, 0.0, order)
    assert b.grad is not None
    assert b.grad.numpy().tolist() == [0.0, 0.0]


@given(sizes=st.lists(shapes(budget=40), min_size=1, max_size=9), order=st.sampled_from([2.0, math.inf]))
def test_norm_of_any_shapes(sizes: list[tuple[int, ...]], order: float) -> None:
    params, grads = parameters(arrays(sizes, 1)), arrays(sizes, 2)
    give(params, grads)
    close(optim.clip_grad_norm_(params, 0.1, order), np.array(norm(grads, order)))
    for p, g in zip(params, clipped(grads, 0.1, order), strict=True):
        assert p.grad is not None
        close(p.grad, g)


@pytest.mark.parametrize("order", [2.0, math.inf])
def test_nothing_is_read(order: float) -> None:
    params = parameters(arrays(SHAPES, 1))
    give(params, arrays(SHAPES, 2))
    before = counters()
    optim.clip_grad_norm_(params, 0.1, order)
    optim.clip_grad_value_(params, 0.1)
    assert [counters()[key] - before[key] for key in ("downloads", "uploads")] == [0, 0]


def test_one_tensor_and_those_without_gradients() -> None:
    a, b, c = parameters([np.zeros(2), np.zeros(3), np.zeros(1)])
    a.grad = Tensor([3.0, 4.0])
    assert float(optim.clip_grad_norm_(a, 1.0)) == 5.0
    np.testing.assert_allclose(a.grad.numpy(), [0.6, 0.8], rtol=1e-6)
    b.grad = np.array([0, 12, 0])
    assert float(optim.clip_grad_norm_([a, b, c, a], 1.0)) == pytest.approx(math.sqrt(145), rel=1e-6)
    assert c.grad is None
    np.testing.assert_allclose(b.grad.numpy(), [0, 12 / math.sqrt(145), 0], rtol=1e-6)
    assert float(optim.clip_grad_norm_([c], 1.0)) == float(optim.clip_grad_norm_([], 1.0)) == 0.0


def test_gradients_that_share_memory_are_scaled_once() -> None:
    a, b = parameters([np.zeros(2), np.zeros(2)])
    (a + b).backward(np.array([3.0, 4.0]))
    optim.clip_grad_norm_([a, b], math.sqrt(50) / 2)
    for p in (a, b):
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), [1.5, 2.0], rtol=1e-6)


@pytest.mark.parametrize("order", [2.0, math.inf])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite(value: float, order: float) -> None:
    a, b = parameters([np.zeros(3), np.zeros(2)])
    give([a, b], [np.array([1.0, value, 2.0]), np.ones(2)])
    with pytest.raises(RuntimeError) as caught:
        optim.clip_grad_norm_([a, b], 1.0, order, error_if_nonfinite=True)
    message = f"clip_grad_norm_: the norm of the gradients is not finite, got {value}; expected a number."
    assert message in str(caught.value)
    assert b.grad is not None
    assert b.grad.numpy().tolist() == [1.0, 1.0]
    assert str(float(optim.clip_grad_norm_([a, b], 1.0, order))) == str(value)
    assert b.grad.numpy().tolist() == [0.0, 0.0] if value == math.inf else np.isnan(b.grad.numpy()).all()


def test_a_finite_norm_raises_nothing() -> None:
    p = Tensor([0.0], requires_grad=True)
    p.grad = Tensor([2.0])
    assert float(optim.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)) == 2.0


@pytest.mark.parametrize("limit", [0, 0.3, math.inf])
def test_values(limit: float) -> None:
    params, grads = parameters(arrays(SHAPES, 1)), arrays(SHAPES, 2)
    grads[1][1] = math.nan
    give(params, grads)
    extra = Tensor([1.0], requires_grad=True)
    assert optim.clip_grad_value_(iter([*params, extra]), limit) is None
    assert extra.grad is None
    for p, g in zip(params, grads, strict=True):
        assert p.grad is not None
        np.testing.assert_array_equal(p.grad.numpy(), np.clip(g, -limit, limit).astype(np.float32))


def test_nn_utils_has_the_same_functions() -> None:
    assert nn.utils.clip_grad_norm_ is optim.clip_grad_norm_
    assert nn.utils.clip_grad_value_ is optim.clip_grad_value_


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: optim.clip_grad_norm_([], 1.0, 3), ValueError,
     "clip_grad_norm_: unknown norm_type, got 3; expected 2 or math.inf."),
    (lambda: optim.clip_grad_norm_([], 1.0, "two"), ValueError, "clip_grad_norm_: unknown norm_type, got 'two';"),
    (lambda: optim.clip_grad_norm_([], -1.0), ValueError,
     "clip_grad_norm_: max_norm must not be negative, got -1.0; expected 0 or more."),
    (lambda: optim.clip_grad_norm_([], math.nan), ValueError, "clip_grad_norm_: max_norm must be finite, got nan"),
    (lambda: optim.clip_grad_norm_([], None), TypeError, "clip_grad_norm_: max_norm must be a number, got None"),
    (lambda: optim.clip_grad_norm_(3, 1.0), TypeError,
     "clip_grad_norm_: parameters must be tensors, got int; expected a Tensor or an iterable of them. Pass "
     "model.parameters()."),
    (lambda: optim.clip_grad_value_([np.ones(2)], 1.0), TypeError,
     "clip_grad_value_: parameters must be tensors, got ndarray among them; expected grillyx Tensors. Pass "
     "model.parameters()."),
    (lambda: optim.clip_grad_value_([], -0.1), ValueError,
     "clip_grad_value_: clip_value must not be negative, got -0.1; expected 0 or more."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[message[:60] for _, _, message in ERRORS])
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
