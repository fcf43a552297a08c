"""Picking values: basic and advanced indexing, take, gather and one_hot, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.ops import index as index_ops
from tests.helpers import check, floats, integers, same, shapes


def pick(key: Any) -> Callable:
    return lambda x: F.getitem(x, key)


@given(st.data())
def test_slices_integers_none_and_ellipsis(data: st.DataObject) -> None:
    x = data.draw(floats(shape=data.draw(shapes(low=1))))
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True, max_dims=8))
    check(pick(key), lambda x: x[key], x)


@pytest.mark.parametrize(
    "key",
    [
        np.s_[::-1], np.s_[:, ::-2], np.s_[3:0:-2, 1:1], np.s_[-1], np.s_[None, ..., None], np.s_[..., 0], np.s_[...],
        np.s_[:, None, 2, None, ::3], np.s_[99:], np.s_[np.int64(1), :, np.array(0)], (), np.s_[1, 2, 3], np.s_[::-1, ::-1, ::-1],
    ],
    ids=str,
)  # fmt: skip
def test_basic_keys(key: Any) -> None:
    x = np.arange(4 * 5 * 6.0).reshape(4, 5, 6)
    check(pick(key), lambda x: x[key], x)


@given(st.data())
def test_one_array_of_integers(data: st.DataObject) -> None:
    x = data.draw(floats(shape=data.draw(shapes(low=1, empty=False))))
    axis = data.draw(st.integers(0, x.ndim - 1))
    index = data.draw(integers(-x.shape[axis], x.shape[axis], data.draw(shapes(high=2, budget=9))))
    key = (slice(None),) * axis + (index,)
    check(pick(key), lambda x: x[key], x)
    rest = (..., index, *[slice(None, None, -1)] * (x.ndim - axis - 1))
    check(pick(rest), lambda x: x[rest], x)
    check(lambda x: F.take(x, index, axis), lambda x: np.take(x, index, axis), x)
    check(lambda x: F.take(x, index), lambda x: np.take(x, index), x[:1] if axis else x)


@given(st.data())
def test_masks(data: st.DataObject) -> None:
    x = data.draw(floats(shape=data.draw(shapes(low=1))))
    first = data.draw(st.integers(0, x.ndim - 1))
    last = data.draw(st.integers(first + 1, x.ndim))
    mask = data.draw(integers(0, 2, x.shape[first:last], dtypes=[np.bool_]))
    key = (slice(None),) * first + (mask,)
    for k in (key, (*key[:-1], Tensor(mask)), (*key[:-1], mask.tolist()) if mask.size and mask.ndim == 1 else key):
        check(pick(k), lambda x: x[key], x)


X = np.arange(3 * 4 * 5 * 2.0).reshape(3, 4, 5, 2)
PICKS = [0, 3, 0, -1]
MASK = np.array([True, False, True])


@pytest.mark.parametrize(
    "key",
    [
        np.s_[0, PICKS], np.s_[:, PICKS, 1], np.s_[:, 2, [1, 1, -1]], np.s_[1, PICKS, 2], np.s_[..., [1, 0, 1]],
        np.s_[::-1, PICKS, ::2, None], np.s_[None, MASK, 1], np.s_[MASK, ::-1], np.s_[[]], np.s_[:, []], np.s_[MASK & False],
        np.s_[:, np.zeros((4, 5), bool)], np.s_[:, np.array([[0, 1], [2, 0]])], np.s_[[True, False, True]],
        # an integer apart from the array: NumPy puts the axes of the array in front
        np.s_[0, :, [1, 2, 2]], np.s_[:, 1, :, [0, 1, 1]], np.s_[[0, 2], :, 3], np.s_[0, ..., [1, 0]], np.s_[0, None, PICKS],
        np.s_[None, 0, 1, ..., 2, [1, 0]], np.s_[None, 1, [1, 0]],
        np.s_[MASK, :, 2], np.s_[1, :, np.ones((5, 2), bool)], np.s_[:, 0, None, [[1, 2]]],
    ],
    ids=str,
)  # fmt: skip
def test_arrays_among_other_keys(key: Any) -> None:
    check(pick(key), lambda x: x[key], X)


def test_repeated_indices_add_up_their_gradients() -> None:
    x = Tensor(np.zeros(4), requires_grad=True)
    F.getitem(x, [1, 3, 1, -1, 1]).backward([1.0, 2.0, 4.0, 8.0, 16.0])
    np.testing.assert_array_equal(x.grad, [0.0, 21.0, 0.0, 10.0])


def test_many_picks() -> None:
    count = 40_000
    index = np.arange(count) % 3
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = F.take(x, index)
    np.testing.assert_array_equal(out, index + 1.0)
    out.backward(np.ones(count))
    np.testing.assert_array_equal(x.grad, np.bincount(index))


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("shape", "picks"), [((7, 5), 11), ((6, 3, 8), 1000), ((2,), 70_000), ((500, 4), 500)])
@pytest.mark.parametrize(("little", "most"), [(-1, 1 << 24), (1 << 60, 1 << 24), (-1, 0)])
def test_chains_of_picks(
    shape: tuple[int, ...], picks: int, little: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chains and the search for the picks of a row add up the same, in the same order."""
    monkeypatch.setattr(index_ops, "_LITTLE", little)
    monkeypatch.setattr(index_ops, "_MOST", most)
    rng = np.random.default_rng(0)
    index = rng.integers(-shape[0], shape[0], picks)
    each = rng.integers(-shape[-1], shape[-1], (*shape[:-1], picks // 10))
    x = Tensor(rng.standard_normal(shape), requires_grad=True)
    for out, of, axis in ((F.take(x, index, 0), index, 0), (F.gather(x, -1, each), each, -1)):
        g = rng.integers(-8, 8, out.shape).astype(np.float32)  # sums are exact
        out.backward(g)
        want = np.zeros(shape)
        if axis == 0:
            np.add.at(want, of, g)
        else:
            np.add.at(want, (*np.indices(of.shape)[:-1], of), g)
        np.testing.assert_array_equal(x.grad, want)
        x.grad = None


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.bool_])
def test_other_dtypes(dtype: type) -> None:
    x = np.array([[2**30, 0, 3], [1, 2**24 + 1, 0]]).astype(dtype)
    for key in (np.s_[:, ::-1], np.s_[1], np.s_[:, [2, 0]], x > 1):
        out = check(pick(key), lambda x, key=key: x[key], x)
        assert out.dtype == dtype


@given(st.data())
def test_gather(data: st.DataObject) -> None:
    x = data.draw(floats(shape=data.draw(shapes(low=1, empty=False))))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    size = list(x.shape)
    size[axis] = data.draw(st.integers(0, 4))
    index = data.draw(integers(-x.shape[axis], x.shape[axis], tuple(size)))
    check(lambda x: F.gather(x, axis, index), lambda x: np.take_along_axis(x, index.astype(int), axis), x)


@given(st.data())
def test_one_hot(data: st.DataObject) -> None:
    index = data.draw(integers(0, 5, data.draw(shapes()), dtypes=[np.int64, np.uint32, np.uint8]))
    same(F.one_hot(index, 5), np.eye(5)[index.astype(int)])
    if index.size:
        same(F.one_hot(index), np.eye(index.max() + 1)[index.astype(int)])
    assert not F.one_hot(index, 5).requires_grad


def test_indices_from_the_device_are_checked_too() -> None:
    index = F.astype(Tensor([0.0, 2.0]), np.int32)
    same(F.take([1.0, 2.0, 3.0], index), np.array([1.0, 3.0]))
    with pytest.raises(ValueError, match="take: indices out of range, got values from 0 to 2; expected -2 to 1"):
        F.take([1.0, 2.0], index)
    index.copy_([0, 1])
    same(F.take([1.0, 2.0], index), np.array([1.0, 2.0]))
    known = Tensor([0, 1])
    known.copy_([0, 7])  # what was known of it is no longer true
    with pytest.raises(ValueError, match="got values from 0 to 7"):
        F.take([1.0, 2.0], known)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (4, IndexError, r"index out of range, got 4 for axis 0 of shape \(4, 3\)"),
        (-5, IndexError, "index out of range, got -5"),
        ((0, 3), IndexError, "index out of range, got 3 for axis 1"),
        ((0, 0, 0), IndexError, r"too many indices, got 3 for shape \(4, 3\)"),
        ((..., ...), IndexError, "only one"),
        (1.0, IndexError, "an index is an integer"),
        ("a", IndexError, "an index is an integer"),
        (True, IndexError, "an index is an integer"),
        ([0, 4], ValueError, "indices out of range, got values from 0 to 4; expected -4 to 3"),
        ([0.5], TypeError, "indices must be integers"),
        ([True, False], IndexError, r"a mask must have the shape of the axes that it covers, got \(2,\) for \(4,\)"),
        (np.ones((4, 2), bool), IndexError, "a mask must have the shape"),
        (([0], [1]), NotImplementedError, "only one array in an index"),
    ],
)  # fmt: skip
def test_wrong_keys(key: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        F.getitem(np.ones((4, 3)), key)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: F.take(x, [2], 0),
            ValueError,
            "take: indices out of range, got values from 2 to 2; expected -2 to 1",
        ),
        (lambda x: F.take(x, [-7]), ValueError, "take: indices out of range"),
        (lambda x: F.take(x, [0], 2), ValueError, "take: axis out of range"),
        (lambda x: F.take(x, [0.0], 0), TypeError, "take: indices must be integers, got float32"),
        (lambda x: F.gather(x, 0, [[0, 1, 2]]), ValueError, "gather: indices out of range"),
        (
            lambda x: F.gather(x, 0, [[0, 1]]),
            ValueError,
            r"must have x's shape but along axis 0, got \(1, 2\) and \(2, 3\)",
        ),
        (lambda x: F.gather(x, 1, [0, 1]), ValueError, "must have x's shape"),
        (
            lambda x: F.one_hot([3], 3),
            ValueError,
            "one_hot: indices out of range, got values from 3 to 3; expected 0 to 2",
        ),
        (lambda x: F.one_hot([-1], 3), ValueError, "one_hot: indices out of range"),
        (lambda x: F.one_hot([0.5]), TypeError, "one_hot: indices must be integers"),
    ],
)
def test_errors(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((2, 3)))


@given(data=st.data())
def test_embedding(data: st.DataObject) -> None:
    rows, padding = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([None, 0, -1]))
    weight = data.draw(floats(shape=(rows, data.draw(st.integers(1, 5)))))
    index = data.draw(integers(0, rows, data.draw(shapes(0, 3, budget=30))))
    frozen = np.zeros((rows, 1)) if padding is None else np.eye(rows)[:, [padding]]

    def reference(w: np.ndarray) -> np.ndarray:
        return (w * (1 - frozen) + (weight.astype(np.float32) * frozen))[index]

    check(lambda w: F.embedding(index, w, padding), reference, weight)
