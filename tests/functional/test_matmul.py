"""Matrix products, by both bodies of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.ops import gemm
from tests.helpers import broadcastable, check, exact, floats, same, use_body


@pytest.fixture(params=gemm.BODIES, autouse=True)
def body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    use_body(monkeypatch, request.param)
    return request.param


@st.composite
def operands(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Matrices, vectors and stacks of them whose leading axes broadcast."""
    sizes = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 0])
    m, k, n = draw(sizes), draw(sizes), draw(sizes)
    left, right = draw(broadcastable(high=3, budget=6))
    vector = draw(st.sampled_from(["", "", "left", "right", "both"]))
    a = (k,) if vector in ("left", "both") else (*left, m, k)
    b = (k,) if vector in ("right", "both") else (*right, k, n)
    return draw(floats(shape=a)), draw(floats(shape=b))


@given(operands())
def test_matmul(arrays: tuple[np.ndarray, np.ndarray]) -> None:
    check(F.matmul, np.matmul, *arrays)


# every remainder of the tiles of both bodies, and every alignment of rows to four words
@pytest.mark.parametrize("m", [1, 4, 33, 68])
@pytest.mark.parametrize("k", [1, 17, 36])
@pytest.mark.parametrize("n", [1, 4, 35, 68])
def test_tiles(m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(0)
    x, w, b, g = (exact(rng.standard_normal(s)) for s in ((m, k), (n, k), (n,), (m, n)))
    tensors = [Tensor(v, requires_grad=True) for v in (x, w, b)]
    out = F.linear(*tensors)
    same(out, x @ w.T + b, atol=1e-5)
    out.backward(g)
    for t, want in zip(tensors, (g @ w, g.T @ x, g.sum(0)), strict=True):
        same(t.grad, want, atol=2e-5)
    tensors = [Tensor(v, requires_grad=True) for v in (x, w.T)]
    out = F.matmul(*tensors)
    same(out, x @ w.T, atol=1e-5)
    out.backward(g)
    for t, want in zip(tensors, (g @ w, x.T @ g), strict=True):
        same(t.grad, want, atol=2e-5)


@given(st.data())
def test_linear(data: st.DataObject) -> None:
    lead = data.draw(st.sampled_from([(), (1,), (5,), (2, 3), (2, 0), (2, 1, 3)]))
    inputs, outputs = data.draw(st.sampled_from([(1, 1), (4, 4), (3, 5), (7, 2), (0, 3)]))
    x, w, b = (data.draw(floats(shape=s)) for s in ((*lead, inputs), (outputs, inputs), (outputs,)))
    check(F.linear, lambda x, w, b: x @ w.T + b, x, w, b)
    check(F.linear, lambda x, w: x @ w.T, x, w)


@pytest.mark.parametrize(("m", "k", "n"), [(3, 70_001, 2), (4, 70_000, 4), (1, 300_000, 1), (200, 300, 150)])
def test_long_sums(m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (exact(rng.random(s)) for s in ((m, k), (k, n)))
    same(F.matmul(a, b), a @ b, rtol=5e-6, atol=0)
    w = Tensor(b.T, requires_grad=True)
    bias = exact(rng.random(n))
    same(F.linear(a, w, bias), a @ b + bias, rtol=5e-6, atol=0)
    x = Tensor(a.T, requires_grad=True)  # (k, m): the gradient of the weight sums over k rows
    weight = Tensor(rng.random((n, m)), requires_grad=True)
    F.linear(x, weight).backward(b)
    same(weight.grad, b.T @ a.T, rtol=5e-6, atol=0)


def test_batches_share_a_matrix_and_its_gradient() -> None:
    rng = np.random.default_rng(0)
    stack, one = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 6))
    check(F.matmul, np.matmul, stack, one)
    check(F.matmul, np.matmul, one.T, np.swapaxes(stack, -1, -2))
    check(F.matmul, np.matmul, stack[:, :1], rng.standard_normal((3, 4, 2)))
    check(F.matmul, np.matmul, stack, stack[0, 0, 0])
    check(F.matmul, np.matmul, stack[0, 0, :, 0], stack)


def test_nan_and_infinity_stay_in_their_rows_and_columns() -> None:
    a, b = np.ones((6, 5)), np.ones((5, 6))
    a[2, 1], b[4, 3] = np.nan, np.inf
    same(F.matmul(a, b), np.matmul(a, b))
    same(F.linear(a, b.T), np.matmul(a, b))


def test_integers_and_booleans_are_taken_as_numbers() -> None:
    a, b = np.array([[1, 2], [3, 4]]), np.array([[True, False], [True, True]])
    same(F.matmul(a, b), np.matmul(a, 1.0 * b))
    same(F.linear(a, b, [1, 2]), a @ (1.0 * b).T + [1, 2])


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((), (2,), "matmul: needs at least one axis in each operand"),
        ((2,), (), "matmul: needs at least one axis"),
        ((2, 3), (2, 3), r"matmul: the inner sizes differ, got \(2, 3\) @ \(2, 3\)"),
        ((2, 3), (2,), "matmul: the inner sizes differ"),
        ((2, 4, 3), (3, 3, 5), r"matmul: the shapes do not fit together, got \(2,\) and \(3,\)"),
    ],
)
def test_matmul_errors(a: tuple, b: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        F.matmul(np.ones(a), np.ones(b))


@pytest.mark.parametrize(
    ("x", "weight", "bias", "message"),
    [
        ((2, 3), (4, 5), None, r"got an input of shape \(2, 3\); expected \(..., 5\) for a weight of shape \(4, 5\)"),
        ((), (4, 5), None, "the last axis of the input must be in_features"),
        ((2, 5), (5,), None, "the last axis of the input must be in_features"),
        ((2, 5), (4, 5), (5,), r"the bias has the wrong shape, got \(5,\); expected \(4,\)"),
    ],
)
def test_linear_errors(x: tuple, weight: tuple, bias: tuple | None, message: str) -> None:
    with pytest.raises(ValueError, match=f"linear: .*{message}"):
        F.linear(np.ones(x), np.ones(weight), None if bias is None else np.ones(bias))


def test_more_matrices_than_a_dispatch_takes() -> None:
    rng = np.random.default_rng(0)
    a, b = exact(rng.standard_normal((65_537, 1, 2))), exact(rng.standard_normal((65_537, 2, 1)))
    same(F.matmul(a, b), a @ b)


def test_more_tiles_than_one_dimension_of_a_dispatch_takes() -> None:
    rng = np.random.default_rng(0)
    a, b = exact(rng.standard_normal((2_200_000, 1))), exact(rng.standard_normal((1, 1)))
    same(F.matmul(a, b), a @ b)


def test_leading_axes_that_broadcast_in_turns() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 1, 3, 1, 2, 5)), rng.standard_normal((1, 4, 1, 2, 5, 3))
    same(F.matmul(a, b), np.matmul(exact(a), exact(b)))
    check(F.matmul, np.matmul, a[:, 0, :, 0, None], b[0, :1, 0])
