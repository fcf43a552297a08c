"""Products of rows at the ends of edges, beside NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.functional as F
from grillyx.ops import sparse
from tests.helpers import check

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


def test_errors() -> None:
    csr, csc = sparse.build(ROWS, COLUMNS, 3, 5)
    with pytest.raises(ValueError, match=r"sparse_dot: x has the wrong shape, got \(4, 2\)"):
        F.sparse_dot(csr, csc, np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"sparse_dot: y does not fit x, got \(5, 2\).*expected \(3, 2\)"):
        F.sparse_dot(csr, csc, np.ones((5, 2)))
