"""Sparse matrices against loops over their entries, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx import Tensor
from grillyx.ops import csr, sparse
from tests.helpers import check, same, use_body

rng = np.random.default_rng(0)
Lead = tuple[int, ...]


class Case:
    """A random matrix (n, m) with e entries, of which `hub` are in row 2 % n; entries may be named twice."""

    def __init__(self, n: int, m: int, e: int, hub: int = 0) -> None:
        self.n, self.m, self.e = n, m, e
        self.rows, self.columns = rng.integers(0, n, e), rng.integers(0, m, e)
        self.rows[:hub] = 2 % n if n else 0
        self.both = sparse.build(self.rows, self.columns, n, m)

    def dense(self, w: Any) -> Any:
        return scipy.sparse.coo_array((w, (self.rows, self.columns)), (self.n, self.m)).toarray()

    def over_rows(self, values: np.ndarray, what: Callable[..., Any]) -> np.ndarray:
        """Values (*, E, F) to (*, n, F), with `what` over the entries of each row."""
        out = np.zeros((*values.shape[:-2], self.n, values.shape[-1]))
        for i in set(self.rows):
            out[..., i, :] = what(values[..., self.rows == i, :], axis=-2)
        return out

    def softmax(self, s: np.ndarray) -> np.ndarray:
        e = np.exp(s - self.over_rows(s, np.max)[..., self.rows, :])
        return e / self.over_rows(e, np.sum)[..., self.rows, :]


@pytest.fixture(params=["whole", "split", "tiled"])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows as they are, or most of them cut into parts, also with the kernels of GPUs."""
    monkeypatch.setattr(csr, "PART", 256 if request.param == "whole" else 2)
    if request.param == "tiled":
        use_body(monkeypatch, "tiled")


CASES = [(5, 6, 17, 9), (1, 1, 1, 0), (3, 2, 40, 12), (7, 4, 3, 0), (4, 3, 0, 0), (0, 3, 0, 0), (3, 0, 0, 0)]
SHAPES = [((), 1), ((), 4), ((3,), 3), ((2, 2), 8), ((0,), 4), ((2,), 0), ((), 33)]
LITTLE = [(CASES[0], lead, f) for lead, f in SHAPES] + [(case, (2,), 4) for case in CASES[1:]]


@pytest.mark.parametrize(("case", "lead", "f"), LITTLE)
def test_product(poisoned: None, part: None, case: Any, lead: Lead, f: int) -> None:
    c = Case(*case)
    x, w = rng.normal(size=(*lead, c.m, f)), rng.normal(size=c.e)
    check(lambda x, w: F.sparse_matmul(*c.both, x, w), lambda x, w: c.dense(w) @ x, x, w)
    check(lambda x: F.sparse_matmul(*c.both, x), lambda x: c.dense(np.ones(c.e)) @ x, x)
    check(lambda x, w: F.sparse_reduce(*c.both, x, w), lambda x, w: c.dense(w) @ x, x, w)


SPIKES = [*LITTLE, *((CASES[0], lead, f) for lead, f in [((), 96), ((5,), 40), ((), 300), ((3, 3), 31)])]


@pytest.mark.parametrize(("case", "lead", "f"), SPIKES)
def test_spikes(poisoned: None, part: None, case: Any, lead: Lead, f: int) -> None:
    c = Case(*case)
    s, w = rng.integers(0, 2, (*lead, c.m, f)).astype(np.float32), rng.normal(size=c.e).astype(np.float32)
    g = rng.normal(size=(*lead, c.n, f)).astype(np.float32)
    same(F.sparse_spikes(*c.both, s), c.dense(np.ones(c.e)) @ s.astype(float), rtol=0, atol=0)
    x, weight = Tensor(s, requires_grad=True), Tensor(w, requires_grad=True)
    y = F.sparse_spikes(*c.both, x, weight)
    same(y, c.dense(w.astype(float)) @ s, atol=1e-5)
    y.backward(g)
    same(x.grad, c.dense(w.astype(float)).T @ g, atol=1e-5)
    want = np.sum(g[..., c.rows, :].astype(float) * s[..., c.columns, :], (*range(len(lead)), -1))
    same(weight.grad, want, atol=1e-4)


@pytest.mark.parametrize(("case", "lead", "f"), LITTLE)
@pytest.mark.parametrize("reduce", ["mean", "max", "min"])
def test_reductions(poisoned: None, part: None, reduce: str, case: Any, lead: Lead, f: int) -> None:
    c = Case(*case)
    x, w = rng.normal(size=(*lead, c.m, f)), rng.normal(size=c.e)
    what = getattr(np, reduce)
    check(
        lambda x, w: F.sparse_reduce(*c.both, x, w, reduce),
        lambda x, w: c.over_rows(w[:, None] * x[..., c.columns, :], what), x, w,
    )  # fmt: skip
    if len(set(zip(c.rows, c.columns, strict=True))) == c.e or reduce == "mean":  # else equal values, and a kink
        check(
            lambda x: F.sparse_reduce(*c.both, x, reduce=reduce), lambda x: c.over_rows(x[..., c.columns, :], what), x
        )


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("heads", "each"), [(1, 4), (3, 4), (2, 3), (2, 1)])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_product_with_heads(poisoned: None, part: None, lead: Lead, heads: int, each: int, own: bool) -> None:
    c = Case(5, 6, 17, 9)
    x, w = rng.normal(size=(*lead, 6, heads, each)), rng.normal(size=(*(lead if own else ()), 17, heads))

    def reference(x: Any, w: Any) -> Any:
        values = w[..., None] * x[..., c.columns, :, :]
        flat = values.reshape(*values.shape[:-2], heads * each)
        return c.over_rows(flat, np.sum).reshape(*lead, 5, heads, each)

    check(lambda x, w: F.sparse_matmul(*c.both, x, w), reference, x, w)


@pytest.mark.parametrize(("case", "lead", "heads"), LITTLE)
def test_softmax_and_attention(poisoned: None, part: None, case: Any, lead: Lead, heads: int) -> None:
    c = Case(*case)
    s = 3.0 * rng.normal(size=(*lead, c.e, heads))
    check(lambda s: F.edge_softmax(*c.both, s), c.softmax, s)
    check(lambda s: F.sparse_sum(c.both[0], s), lambda s: c.over_rows(s, np.sum), s)
    source, target = rng.normal(size=(*lead, c.m, heads)), rng.normal(size=(*lead, c.n, heads))
    x = rng.normal(size=(*lead, c.m, heads, 2))

    def weights(source: Any, target: Any) -> Any:
        z = source[..., c.columns, :] + target[..., c.rows, :]
        return c.softmax(np.where(z < 0, 0.1 * z, z))

    def reference(x: Any, source: Any, target: Any) -> Any:
        values = weights(source, target)[..., None] * x[..., c.columns, :, :]
        flat = values.reshape(*values.shape[:-2], 2 * heads)
        return c.over_rows(flat, np.sum).reshape(*lead, c.n, heads, 2)

    check(lambda s, t: F.attention_weights(*c.both, s, t, 0.1), weights, source, target)
    check(lambda x, s, t: F.attend(*c.both, x, s, t, 0.1), reference, x, source, target)


def test_one_number_for_each_edge(part: None) -> None:
    c = Case(5, 6, 17, 9)
    s = rng.normal(size=17)
    check(lambda s: F.edge_softmax(*c.both, s), lambda s: c.softmax(s[:, None])[:, 0], s)
    check(lambda s: F.sparse_sum(c.both[0], s), lambda s: c.over_rows(s[:, None], np.sum)[:, 0], s)


def test_scores_may_be_large(part: None) -> None:
    c = Case(3, 3, 20, 12)
    same(F.edge_softmax(*c.both, 1e4 * np.ones((20, 1))), c.softmax(np.ones((20, 1))))


def test_scores_may_be_minus_infinity(part: None) -> None:
    both = sparse.build([0] * 6, [0] * 6, 1, 1)
    s = np.array([-np.inf, -np.inf, 1.0, -np.inf, 1.0, -np.inf])
    np.testing.assert_array_equal(F.edge_softmax(*both, s).numpy(), [0, 0, 0.5, 0, 0.5, 0])


def test_dropped_attention(part: None) -> None:
    c = Case(4, 4, 30)
    x, source, target = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    want = F.attend(*c.both, x, source, target).numpy()
    np.testing.assert_array_equal(F.attend(*c.both, x, source, target, dropout=0.5, training=False).numpy(), want)
    assert not F.attend(*c.both, x, source, target, dropout=1.0).numpy().any()
    assert (F.attend(*c.both, x, source, target, dropout=0.5).numpy() != want).any()


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_the_first_of_equal_entries_gets_the_gradient(poisoned: None, part: None, reduce: str) -> None:
    both = sparse.build([1] * 7, [3, 0, 2, 0, 1, 3, 3], 2, 4)
    x = Tensor(np.ones((4, 4)), requires_grad=True)
    F.sparse_reduce(*both, x, reduce=reduce).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0] * 4, [0] * 4, [0] * 4, [1] * 4])


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_extrema_keep_nan(part: None, reduce: str) -> None:
    both = sparse.build([0] * 5, [0, 1, 2, 1, 0], 1, 3)
    assert np.isnan(F.sparse_reduce(*both, [[1.0], [np.nan], [2.0]], reduce=reduce).numpy()).all()


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 300),
    st.integers(0, 60),
    st.sampled_from([1, 2, 5, 8, 12, 64, 100]),
)
def test_products_like_scipy(poisoned: None, n: int, m: int, e: int, hub: int, f: int) -> None:
    c = Case(n, m, e, hub)
    x, w = rng.normal(size=(m, f)).astype(np.float32), rng.normal(size=e).astype(np.float32)
    g = rng.normal(size=(n, f)).astype(np.float32)
    t, u = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    y = F.sparse_matmul(*c.both, t, u)
    y.backward(g)
    same(y, c.dense(w.astype(float)) @ x, atol=1e-4)
    same(t.grad, c.dense(w.astype(float)).T @ g, atol=1e-4)
    same(u.grad, np.sum(g.astype(float)[c.rows] * x[c.columns], -1), atol=1e-4)


def test_a_hub_of_many_entries() -> None:
    e, m = 200_000, 1000
    rows, columns = np.zeros(e, int), rng.integers(0, m, e)
    rows[::1000] = rng.integers(0, 5, e // 1000)
    both = sparse.build(rows, columns, 5, m)
    x, w = rng.normal(size=(m, 4)).astype(np.float32), rng.random(e).astype(np.float32)
    a = scipy.sparse.coo_array((w.astype(float), (rows, columns)), (5, m)).tocsr()
    t, u = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    y = F.sparse_matmul(*both, t, u)
    y.backward(np.ones((5, 4)))
    same(y, a @ x, rtol=1e-4, atol=1e-2)
    same(t.grad, a.T @ np.ones((5, 4)), rtol=1e-4)
    same(u.grad, x.astype(float).sum(1)[columns], rtol=1e-4, atol=1e-5)
    spikes = (x > 0).astype(np.float32)
    same(
        F.sparse_spikes(*both, spikes),
        scipy.sparse.coo_array((np.ones(e), (rows, columns)), (5, m)) @ spikes,
        rtol=0,
        atol=0,
    )
    same(F.sparse_reduce(*both, x, reduce="max"), np.array([x[columns[rows == i]].max(0) for i in range(5)], float))
    s = F.edge_softmax(*both, 5.0 * w)
    total = np.bincount(rows, np.exp(5.0 * w.astype(float)))
    same(s, np.exp(5.0 * w.astype(float)) / total[rows], rtol=1e-4, atol=1e-9)


def test_long_rows_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    c = Case(5, 6, 17)
    x, w = rng.normal(size=(4, 6, 7)), rng.normal(size=17)
    for most in (3, 1100):  # the gradient of a weight in many dispatches
        monkeypatch.setattr(sparse, "LONGEST_LOOP", most)
        check(lambda x, w: F.sparse_matmul(*c.both, x, w), lambda x, w: c.dense(w) @ x, x, w)


BOTH = sparse.build([0, 1, 1], [2, 0, 3], 2, 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: F.sparse_matmul(*BOTH, np.ones((3, 5))), r"got \(3, 5\); expected \(..., 4, F\)"),
        (lambda: F.sparse_matmul(*BOTH, np.ones(4)), r"got \(4,\)"),
        (lambda: F.sparse_matmul(*BOTH, np.ones((4, 5)), np.ones(4)), r"weight .* got \(4,\); expected \(3,\)"),
        (lambda: F.sparse_matmul(*BOTH, np.ones((4, 2, 5)), np.ones((3, 3))), r"weight does not fit x"),
        (lambda: F.sparse_matmul(*BOTH, np.ones((4, 5)), np.ones((3, 2))), r"expected \(..., 4, H, C\)"),
        (lambda: F.sparse_reduce(*BOTH, np.ones((4, 5)), reduce="prod"), "unknown reduction, got 'prod'"),
        (lambda: F.sparse_reduce(*BOTH, np.ones((4, 5)), np.ones((3, 1))), "weight has the wrong shape"),
        (lambda: F.sparse_sum(BOTH[0], np.ones((4, 1))), r"sparse_sum: the weight .* expected \(..., 3, H\)"),
        (lambda: F.edge_softmax(*BOTH, np.ones(2)), r"scores .* expected \(..., 3, H\)"),
        (lambda: F.attention_weights(*BOTH, np.ones((4, 2)), np.ones((2, 3))), r"target does not fit source"),
        (lambda: F.attention_weights(*BOTH, np.ones((3, 2)), np.ones((2, 2))), r"source has the wrong shape"),
        (lambda: F.attention_weights(*BOTH, np.ones((4, 2)), np.ones((2, 2)), np.nan), "negative_slope must be finite"),
        (lambda: F.attend(*BOTH, np.ones((4, 3, 5)), np.ones((4, 2)), np.ones((2, 2))), "source does not fit x"),
    ],
)
def test_errors(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
