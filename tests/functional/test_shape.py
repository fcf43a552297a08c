"""Moving values about: every shape function, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from tests.helpers import broadcastable, check, floats, integers, shapes

DTYPES = [np.float32, np.int32, np.uint32, np.bool_]


def permutation(data: st.DataObject, ndim: int) -> list[int]:
    return data.draw(st.permutations(range(ndim)))


@given(st.data())
def test_transpose(data: st.DataObject) -> None:
    x = data.draw(floats())
    order = permutation(data, x.ndim)
    check(lambda x: F.transpose(x, order), lambda x: np.transpose(x, order), x)
    check(lambda x: F.transpose(x, *[k - x.ndim for k in order]), lambda x: np.transpose(x, order), x)
    check(F.transpose, np.transpose, x)


@given(st.data())
def test_swapaxes(data: st.DataObject) -> None:
    x = data.draw(floats(low=-3, shape=data.draw(shapes(low=1))))
    a, b = (data.draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2))
    check(lambda x: F.swapaxes(x, a, b), lambda x: np.swapaxes(x, a, b), x)


@given(st.data())
def test_reshape_and_flatten(data: st.DataObject) -> None:
    x = data.draw(floats())
    order = permutation(data, x.ndim)
    target = tuple(x.shape[k] for k in order)
    check(lambda x: F.reshape(x, target), lambda x: x.reshape(target), x)
    check(lambda x: F.reshape(x, -1), lambda x: x.reshape(-1), x)
    check(F.flatten, np.ravel, x)
    if x.ndim:
        first = data.draw(st.integers(0, x.ndim - 1))
        last = data.draw(st.integers(first, x.ndim - 1))
        joined = (*x.shape[:first], int(np.prod(x.shape[first : last + 1])), *x.shape[last + 1 :])
        check(lambda x: F.flatten(x, first, last - x.ndim), lambda x: x.reshape(joined), x)
    if x.size and x.ndim:
        unknown = (*target[:-1], -1)
        check(lambda x: F.reshape(x, unknown), lambda x: x.reshape(unknown), x)


@given(st.data())
def test_squeeze_and_expand_dims(data: st.DataObject) -> None:
    x = data.draw(floats())
    axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
    check(lambda x: F.expand_dims(x, axis), lambda x: np.expand_dims(x, axis), x)
    check(F.squeeze, np.squeeze, x)
    ones = tuple(k - x.ndim * (k % 2) for k, n in enumerate(x.shape) if n == 1)
    check(lambda x: F.squeeze(x, ones), lambda x: np.squeeze(x, ones), x)
    check(lambda x: F.squeeze(F.expand_dims(x, axis), axis), lambda x: x, x)


@given(st.data())
def test_broadcast_to(data: st.DataObject) -> None:
    small, other = data.draw(broadcastable())
    target = np.broadcast_shapes(small, other)
    check(lambda x: F.broadcast_to(x, target), lambda x: np.broadcast_to(x, target), data.draw(floats(shape=small)))


def test_broadcast_to_a_number_and_to_nothing() -> None:
    check(lambda x: F.broadcast_to(x, 3), lambda x: np.broadcast_to(x, 3), np.array([2.0]))
    check(lambda x: F.broadcast_to(x, (0, 1)), lambda x: np.broadcast_to(x, (0, 1)), np.array([2.0]))


@pytest.mark.parametrize("join", [F.concatenate, F.cat])
@given(data=st.data())
def test_concatenate(join: Callable, data: st.DataObject) -> None:
    shape = data.draw(shapes(low=1, budget=40))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        size = list(shape)
        size[axis] = data.draw(st.integers(0, 3))
        parts.append(data.draw(floats(shape=tuple(size))))
    check(lambda *x: join(x, axis), lambda *x: np.concatenate(x, axis), *parts)


@given(st.data())
def test_stack(data: st.DataObject) -> None:
    shape = data.draw(shapes(budget=40))
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    parts = [data.draw(floats(shape=shape)) for _ in range(data.draw(st.integers(1, 3)))]
    check(lambda *x: F.stack(x, axis), lambda *x: np.stack(x, axis), *parts)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_every_dtype_moves(dtype: type, data: st.DataObject) -> None:
    x = data.draw(integers(0 if dtype in (np.uint32, np.bool_) else -9, 9, data.draw(shapes(low=2)), [dtype]))
    options: dict[str, Any] = {"grad": dtype is np.float32}
    check(F.transpose, np.transpose, x, **options)
    check(lambda *x: F.concatenate(x), lambda *x: np.concatenate(x), x, x, **options)
    check(lambda *x: F.stack(x, 1), lambda *x: np.stack(x, 1), x, x, **options)
    check(lambda x: F.broadcast_to(x, (2, *x.shape)), lambda x: np.broadcast_to(x, (2, *x.shape)), x, **options)
    assert F.transpose(x).dtype == F.concatenate([x, x]).dtype == dtype


def test_concatenate_brings_dtypes_together() -> None:
    big = np.array([2**24 + 1])
    check(lambda *x: F.concatenate(x), lambda *x: np.concatenate(x), big, np.array([True, False]))
    check(lambda *x: F.concatenate(x), lambda *x: np.concatenate(x), big, np.array([7], np.uint32))
    check(lambda *x: F.stack(x), lambda *x: np.stack(x), np.array([1, 2]), np.array([0.5, 1.5]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5, 7), (3, 0, 2)])
def test_filled_like(dtype: type, shape: tuple[int, ...]) -> None:
    x = np.ones(shape, dtype)
    for ours, theirs in (
        (F.ones_like, np.ones_like),
        (F.zeros_like, np.zeros_like),
        (lambda x, **o: F.full_like(x, 5, **o), lambda x, **o: np.full_like(x, 5, **o)),
    ):
        for options in ({}, {"dtype": np.int32}, {"dtype": np.float32}, {"dtype": bool}):
            out = ours(x, **options)
            want = theirs(x, **options)
            assert out.dtype == want.dtype
            assert not out.requires_grad
            np.testing.assert_array_equal(out, want)
            np.testing.assert_array_equal(F.astype(out, np.float32), want)  # how booleans are kept


def test_full_like_is_exact() -> None:
    assert F.full_like([1.0], 2**24 + 1, np.int32).item() == 2**24 + 1
    assert F.full_like(np.uint32([1]), 2**32 - 1).item() == 2**32 - 1
    assert F.full_like([1.0], 0.1).item() == np.float32(0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.reshape(x, (4, 2)), r"reshape: 6 elements of shape \(2, 3\) do not fit, got \(4, 2\)"),
        (lambda x: F.reshape(x, (-1, -1)), "reshape: 6 elements"),
        (lambda x: F.reshape(x, (-1, 4)), "reshape: 6 elements"),
        (lambda x: F.reshape(x, (-2, -3)), "reshape: 6 elements"),
        (lambda x: F.flatten(x, 1, 0), "start_dim comes after end_dim"),
        (lambda x: F.flatten(x, 0, 2), "flatten: axis out of range, got 2; expected -2 to 1"),
        (lambda x: F.transpose(x, 0), "transpose: each axis once"),
        (lambda x: F.transpose(x, 0, 0), "transpose: an axis is named twice"),
        (lambda x: F.transpose(x, 0, 2), "transpose: axis out of range"),
        (lambda x: F.swapaxes(x, 0, 2), "swapaxes: axis out of range"),
        (lambda x: F.squeeze(x, 0), "squeeze: only axes of length 1"),
        (lambda x: F.expand_dims(x, 3), "expand_dims: axis out of range"),
        (lambda x: F.broadcast_to(x, (3, 2)), r"broadcast_to: the shapes do not fit together"),
        (lambda x: F.broadcast_to(x, (3,)), r"broadcast_to: shape \(2, 3\) does not fit into \(3,\)"),
        (lambda x: F.concatenate([]), "at least one"),
        (lambda x: F.concatenate([x, np.ones((3, 2))]), "shapes must agree"),
        (lambda x: F.concatenate([x, np.ones(3)]), "shapes must agree"),
        (lambda x: F.concatenate([x], 2), "axis out of range"),
        (lambda x: F.stack([]), "got none"),
        (lambda x: F.stack([x, np.ones((3, 2))]), r"one shape, got \(2, 3\), \(3, 2\)"),
    ],
)
def test_errors(call: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.ones((2, 3)))


def test_an_axis_is_an_integer() -> None:
    with pytest.raises(TypeError, match=r"expand_dims: an axis is an integer, got 1\.0"):
        F.expand_dims(np.ones(2), 1.0)  # type: ignore[arg-type]


def test_large_transposes_and_more_than_65535_groups() -> None:
    x = np.arange(2049 * 2047, dtype=np.float32).reshape(2049, 2047)
    np.testing.assert_array_equal(F.transpose(Tensor(x)), x.T)
    y = np.arange(65536 * 64 + 5, dtype=np.float32)
    np.testing.assert_array_equal(F.neg(F.getitem(y, slice(None, None, -1))), -y[::-1])


TURNED = [
    ((8, 12), (1, 0)), ((4, 4), (1, 0)), ((100, 68), (1, 0)), ((3, 8, 12), (0, 2, 1)), ((3, 5, 8, 12), (0, 1, 3, 2)),
    ((2, 8, 12, 4), (0, 2, 3, 1)), ((2, 8, 12, 4), (0, 3, 1, 2)), ((8, 12, 5), (1, 0, 2)), ((7, 9), (1, 0)),
    ((3, 8, 12), (2, 1, 0)), ((4, 1, 8), (2, 1, 0)), ((1, 36, 64), (0, 2, 1)), ((64, 4, 132), (2, 1, 0)),
]  # fmt: skip


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("shape", "order"), TURNED, ids=str)
def test_matrices_are_turned_by_tiles(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    check(lambda x: F.transpose(x, order) * 1.0, lambda x: x.transpose(order), x)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("inner", [8, 7])
def test_quads_and_words(inner: int) -> None:
    """Slices, joins and axes in another order, where everything is aligned to four words and where it is not."""
    x = np.arange(5 * 6 * inner, dtype=np.float32).reshape(5, 6, inner)
    t = Tensor(x)
    for got, want in (
        (t[1:4, 2:5], x[1:4, 2:5]), (t[:, :, 4:], x[:, :, 4:]), (t[::2], x[::2]), (t[::-1], x[::-1]), (t[:, :, ::-1], x[:, :, ::-1]),
        (t[:, :, 1:5], x[:, :, 1:5]), (t.transpose(1, 0, 2), x.transpose(1, 0, 2)),
        (F.concatenate([t, t[:, :, :4]], -1), np.concatenate([x, x[:, :, :4]], -1)), (F.stack([t, t], 1), np.stack([x, x], 1)),
    ):  # fmt: skip
        np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shape", [(3, 5, 2), (1, 7, 4), (4, 1, 8)])
def test_unstack(shape: tuple[int, ...], axis: int, poisoned: None) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    t = Tensor(x, requires_grad=True)
    parts = F.unstack(t, axis)
    want = np.moveaxis(x, axis, 0)
    assert len(parts) == len(want)
    for part, row in zip(parts, want, strict=True):
        np.testing.assert_array_equal(part.numpy(), row)
    # each by a factor of its own; the last one is not used
    sum(((k + 2.0) * part * part).sum() for k, part in enumerate(parts[: max(1, len(parts) - 1)])).backward()
    factor = np.zeros((len(want), *[1] * (len(shape) - 1)))
    for k in range(max(1, len(parts) - 1)):
        factor[k] = 2.0 * (k + 2.0)
    np.testing.assert_allclose(t.grad.numpy(), np.moveaxis(factor * want, 0, axis), 1e-6)
    assert F.unstack(np.zeros((0, 3))) == ()
    with pytest.raises(ValueError, match="axis out of range"):
        F.unstack(x, 3)
