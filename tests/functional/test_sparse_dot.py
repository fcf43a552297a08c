"""Products of rows at the ends of edges, beside NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import Tensor
from grillyx.ops import csr as csr_op
from grillyx.ops import sparse, sparse_relu_dot
from tests.helpers import check, exact

ROWS, COLUMNS = np.array([0, 2, 2, 1, 0, 2, 2]), np.array([1, 0, 3, 3, 1, 4, 0])


@pytest.mark.parametrize("features", [1, 3, 4, 9])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_value_and_gradients(lead: tuple[int, ...], features: int, poisoned: None) -> None:
    csr, csc = sparse.build(ROWS, COLUMNS, 3, 5)
    rng = np.random.default_rng(features)
    x, y = rng.normal(size=(*lead, 5, features)), rng.normal(size=(*lead, 3, features))
    reference = lambda x, y: (x[..., COLUMNS, :] * y[..., ROWS, :]).sum(-1)
    check(lambda x, y: F.sparse_dot(csr, csc, x, y), reference, x, y)


def test_both_ends_of_one_array() -> None:
    csr, csc = sparse.build(ROWS, COLUMNS, 5, 5)
    reference = lambda x: (x[COLUMNS] * x[ROWS]).sum(-1)
    check(lambda x: F.sparse_dot(csr, csc, x), reference, np.random.default_rng(0).normal(size=(5, 6)))


@pytest.mark.parametrize("shape", [(0, 4), (5, 0)])
def test_nothing(shape: tuple[int, int]) -> None:
    none = np.zeros(0, np.int64)
    csr, csc = sparse.build(none, none, shape[0], shape[0])
    assert F.sparse_dot(csr, csc, np.ones(shape)).shape == (0,)


def relu_dot(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, rows: np.ndarray = ROWS, columns: np.ndarray = COLUMNS
) -> Any:
    return np.maximum(x[columns] + y[rows], 0.0) @ w


@pytest.mark.parametrize("part", [256, 2])  # rows as they are, or most of them cut
@pytest.mark.parametrize("features", [1, 3, 4, 9, 16])
def test_relu_of_sums(features: int, part: int, poisoned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csr_op, "PART", part)
    csr, csc = sparse.build(ROWS, COLUMNS, 3, 5)
    assert (csr.split is None) == (part == 256)
    rng = np.random.default_rng(features)
    x, y, w = rng.normal(size=(5, features)), rng.normal(size=(3, features)), rng.normal(size=features)
    check(lambda x, y, w: F.sparse_relu_dot(csr, csc, x, y, w), relu_dot, x, y, w)
    check(lambda x, w: F.sparse_relu_dot(csr, csc, x, y, w), lambda x, w: relu_dot(x, exact(y), w), x, w)


def test_relu_of_sums_at_zero_and_beyond_numbers() -> None:
    csr, csc = sparse.build([0, 1, 2], [0, 1, 2], 3, 3)
    x, y = Tensor([[0.0], [np.nan], [np.inf]], requires_grad=True), np.zeros((3, 1), np.float32)
    z = F.sparse_relu_dot(csr, csc, x, y, [2.0])
    np.testing.assert_array_equal(z.numpy(), [0.0, np.nan, np.inf])
    z.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[[0, 2], 0], [0.0, 2.0])


def test_relu_of_many_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 40, 3000), rng.integers(0, 3, 3000)  # a column has about a thousand entries
    csr, csc = sparse.build(rows, columns, 40, 3)
    monkeypatch.setattr(sparse_relu_dot, "LONGEST_LOOP", 2)
    x, y, w = rng.normal(size=(3, 20)), rng.normal(size=(40, 20)), rng.normal(size=20)
    check(
        lambda x, y, w: F.sparse_relu_dot(csr, csc, x, y, w), lambda *v: relu_dot(*v, rows, columns), x, y, w, atol=2e-4
    )


@pytest.mark.parametrize(("rows", "columns", "features"), [(0, 0, 4), (5, 5, 0), (2, 3, 4)])
def test_relu_of_nothing(rows: int, columns: int, features: int) -> None:
    none = np.zeros(0, np.int64)
    csr, csc = sparse.build(none, none, rows, columns)
    x = Tensor(np.ones((columns, features)), requires_grad=True)
    z = F.sparse_relu_dot(csr, csc, x, np.ones((rows, features)), np.ones(features))
    assert z.shape == (0,)
    z.sum().backward()
    assert not x.grad.numpy().any()


def test_errors() -> None:
    csr, csc = sparse.build(ROWS, COLUMNS, 3, 5)
    with pytest.raises(ValueError, match=r"sparse_dot: x has the wrong shape, got \(4, 2\)"):
        F.sparse_dot(csr, csc, np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"sparse_dot: y does not fit x, got \(5, 2\).*expected \(3, 2\)"):
        F.sparse_dot(csr, csc, np.ones((5, 2)))
    x, y = np.ones((5, 2)), np.ones((3, 2))
    with pytest.raises(ValueError, match=r"sparse_relu_dot: x has the wrong shape, got \(3, 2\)"):
        F.sparse_relu_dot(csr, csc, y, y, np.ones(2))
    with pytest.raises(ValueError, match=r"sparse_relu_dot: x has the wrong shape, got \(1, 5, 2\); expected \(5, F\)"):
        F.sparse_relu_dot(csr, csc, x[None], y, np.ones(2))
    with pytest.raises(ValueError, match=r"sparse_relu_dot: y does not fit x, got \(5, 2\).*expected \(3, 2\)"):
        F.sparse_relu_dot(csr, csc, x, x, np.ones(2))
    with pytest.raises(ValueError, match=r"sparse_relu_dot: weight does not fit x, got \(3,\).*expected \(2,\)"):
        F.sparse_relu_dot(csr, csc, x, y, np.ones(3))
