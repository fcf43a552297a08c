"""Pooling against a loop over windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.ops import pool as ops
from tests.helpers import check, floats, same

Pair = tuple[int, int]


def pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else value


def windows(
    x: np.ndarray, size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> list[list[tuple]]:
    """For each output row and column: the rows and the columns of its window, those in the padding included."""
    axes = []
    for n, k, s, p, d in zip(x.shape[-2:], size, stride, padding, dilation, strict=True):
        count = (math.ceil if ceil_mode else math.floor)((n + 2 * p - d * (k - 1) - 1) / s) + 1
        if ceil_mode and (count - 1) * s >= n + p:  # a window must start inside the input or the padding before it
            count -= 1
        axes.append([[i * s - p + j * d for j in range(k)] for i in range(count)])
    return [[(rows, columns) for columns in axes[1]] for rows in axes[0]]


def pooled(x: np.ndarray, grid: list[list[tuple]], of: Callable) -> np.ndarray:
    out = np.empty((*x.shape[:-2], len(grid), len(grid[0])))
    inside = [lambda k, n=n: 0 <= k < n for n in x.shape[-2:]]
    for i, line in enumerate(grid):
        for j, (rows, columns) in enumerate(line):
            r, c = [k for k in rows if inside[0](k)], [k for k in columns if inside[1](k)]
            out[..., i, j] = of(x[..., r, :][..., c], rows, columns)
    return out


def max_pool(
    x: np.ndarray, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> np.ndarray:
    stride = size if stride is None else stride
    grid = windows(x, pair(size), pair(stride), pair(padding), pair(dilation), ceil_mode)
    return pooled(x, grid, lambda w, rows, columns: w.max((-1, -2), initial=-np.inf))


def avg_pool(
    x: np.ndarray, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:  # fmt: skip
    stride = size if stride is None else stride
    grid = windows(x, pair(size), pair(stride), pair(padding), (1, 1), ceil_mode)
    bounds = [n + p for n, p in zip(x.shape[-2:], pair(padding), strict=True)]

    def mean(w: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
        counted = sum(k < bounds[0] for k in rows) * sum(
            k < bounds[1] for k in columns
        )  # padding counts, what is past it does not
        return w.sum((-1, -2)) / (divisor_override or (counted if count_include_pad else w.shape[-1] * w.shape[-2]))

    return pooled(x, grid, mean)


@st.composite
def cases(draw: Any, dilated: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """An input (N, C, H, W) or (C, H, W), and options that fit it."""

    def either(low: int, high: int) -> Any:
        number = st.integers(low, high)
        return draw(st.one_of(number, st.tuples(number, number)))

    lead = draw(st.sampled_from([(1,), (2,), (2, 1), (1, 3), (0, 2), (1, 1)]))
    x = draw(floats(shape=(*lead, draw(st.integers(1, 8)), draw(st.integers(1, 8)))))
    size = either(1, 4)
    most = min(pair(size)) // 2
    options = {
        "kernel_size": size, "stride": draw(st.one_of(st.none(), st.just(either(1, 3)))), "padding": either(0, most),
        "ceil_mode": draw(st.booleans()),
    }  # fmt: skip
    if dilated:
        options["dilation"] = either(1, 2)
    spread = pair(options.get("dilation", 1))
    fits = [
        n + 2 * p - d * (k - 1) >= 1
        for n, k, p, d in zip(x.shape[-2:], pair(size), pair(options["padding"]), spread, strict=True)
    ]
    assume(all(fits))
    return x, options


@given(cases(dilated=True))
def test_max_pool2d(case: tuple[np.ndarray, dict[str, Any]]) -> None:
    x, options = case
    known = {"size" if k == "kernel_size" else k: v for k, v in options.items()}
    assume(np.all(np.isfinite(max_pool(x, **known))))  # some window of a dilated one lies in the padding alone
    check(lambda x: F.max_pool2d(x, **options), lambda x: max_pool(x, **known), x)


@given(cases(dilated=False), st.booleans(), st.sampled_from([None, None, 3]))
def test_avg_pool2d(case: tuple[np.ndarray, dict[str, Any]], count_include_pad: bool, divisor: int | None) -> None:
    x, options = case
    options |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    known = {"size" if k == "kernel_size" else k: v for k, v in options.items()}
    check(lambda x: F.avg_pool2d(x, **options), lambda x: avg_pool(x, **known), x)


@pytest.mark.parametrize("size", [2, 3, (3, 2)])
def test_usual_sizes(size: Any) -> None:
    x = (
        np.random.default_rng(0)
        .permutation(2.0 * 3 * 12 * 14 * np.linspace(0, 1, 2 * 3 * 12 * 14))
        .reshape(2, 3, 12, 14)
    )
    t = Tensor(x, requires_grad=True)
    out = F.max_pool2d(t, size, 2, 1)
    same(out, max_pool(x.astype(np.float32), size, 2, 1))
    out.backward(np.ones(out.shape))
    assert t.grad is not None
    assert np.asarray(t.grad).sum() == out.size
    same(F.sum(F.multiply(t, t.grad)), np.float64(np.asarray(out).sum()), rtol=1e-5)  # the gradient sits at the maxima
    same(F.avg_pool2d(x, size), avg_pool(x, size))


def test_the_first_of_equal_values_gets_the_gradient_and_nan_shows() -> None:
    x = Tensor(np.ones((1, 2, 4)), requires_grad=True)
    F.max_pool2d(x, 2).backward([[[1.0, 2.0]]])
    np.testing.assert_array_equal(x.grad, [[[1, 0, 2, 0], [0, 0, 0, 0]]])
    y = np.zeros((1, 2, 4))
    y[0, 1, 2] = np.nan
    for pool in (F.max_pool2d, F.avg_pool2d):
        np.testing.assert_array_equal(np.isnan(pool(y, 2).numpy()), [[[False, True]]])
    low = np.full((1, 3, 3), -1e30)
    same(F.max_pool2d(low, 2, 1, 1), np.full((1, 4, 4), -1e30))  # padding never wins
    same(F.max_pool2d(np.ones((1, 1, 1)), 2, 1, 1, 2), np.full((1, 1, 1), -np.inf))  # only padding, as in torch


@pytest.mark.parametrize("shape", [(1, 5, 4), (1, 4, 5), (1, 7, 7)])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_windows_that_reach_past_the_end(shape: tuple, padding: int, count_include_pad: bool) -> None:
    options = {"padding": padding, "ceil_mode": True, "count_include_pad": count_include_pad}
    x = np.random.default_rng(0).random(shape)
    for size, stride in ((2, 2), (3, 2), ((2, 3), 3)):
        check(lambda x: F.avg_pool2d(x, size, stride, **options), lambda x: avg_pool(x, size, stride, **options), x)


@pytest.mark.parametrize("shape", [(3, 6, 8), (2, 7, 6), (3, 2, 2), (5, 3, 14), (2, 6, 7), (1, 9, 10)])
def test_windows_next_to_each_other(shape: tuple) -> None:
    """Of 2 by 2, in rows of an even length and of an odd one."""
    x = np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape) * 0.25
    for pool, known in ((F.max_pool2d, max_pool), (F.avg_pool2d, avg_pool)):
        check(lambda x, f=pool: f(x, 2), lambda x, f=known: f(x, 2), x)


@pytest.mark.parametrize("shape", [(3, 6, 8), (2, 7, 5), (1, 3, 3)])
def test_an_element_to_a_thread(monkeypatch: pytest.MonkeyPatch, shape: tuple) -> None:
    """As for large windows, in which four elements would make a loop too long."""
    monkeypatch.setattr(ops, "LONGEST_LOOP", 71)
    x = np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape) * 0.25
    for pool, known in ((F.max_pool2d, max_pool), (F.avg_pool2d, avg_pool)):
        check(lambda x, f=pool: f(x, 3, 2, 1), lambda x, f=known: f(x, 3, 2, 1), x)


def test_the_largest_window() -> None:
    x = np.zeros((1, 128, 129))
    x[0, 127, 127], x[0, 3, 128] = 2.0, 3.0
    same(F.max_pool2d(x, 128, 1), np.array([[[2.0, 3.0]]]))
    same(F.avg_pool2d(x, 128, 1), np.array([[[2.0, 5.0]]]) / 128**2)


def test_integers_are_taken_as_numbers() -> None:
    x = np.arange(16).reshape(1, 4, 4)
    same(F.max_pool2d(x, 2), max_pool(1.0 * x, 2))
    same(F.avg_pool2d(x, 2), avg_pool(1.0 * x, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((4, 4)), 2), r"expected an input \(N, C, H, W\) or \(C, H, W\), got shape \(4, 4\)"),
        ((np.ones((1, 1, 1, 4, 4)), 2), "wrap the layer in SeqToANNContainer"),
        ((np.ones((1, 4, 4)), 5), r"a window of \(5, 5\) does not fit into an input of shape \(1, 4, 4\)"),
        ((np.ones((1, 4, 4)), 0), "kernel_size is one or two integers of at least 1, got 0"),
        ((np.ones((1, 4, 4)), 2.5), "kernel_size is one or two integers of at least 1, got 2.5"),
        ((np.ones((1, 4, 4)), (2, 2, 2)), "kernel_size is one or two integers"),
        ((np.ones((1, 4, 4)), 2, 0), "stride is one or two integers of at least 1, got 0"),
        ((np.ones((1, 4, 4)), 2, 2, -1), "padding is one or two integers of at least 0"),
        ((np.ones((1, 4, 4)), 2, 2, 2), "padding is at most half the kernel_size, got 2 for 2"),
        ((np.ones((1, 200, 200)), 150), r"the window is too large, got \(150, 150\)"),
    ],
)
@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_errors(pool: Callable, arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=f"{pool.__name__}: .*{message}"):
        pool(*arguments)


def test_errors_of_one_of_them() -> None:
    with pytest.raises(ValueError, match="max_pool2d: dilation is one or two integers of at least 1"):
        F.max_pool2d(np.ones((1, 4, 4)), 2, dilation=0)
    with pytest.raises(ValueError, match="avg_pool2d: divisor_override must be positive, got 0"):
        F.avg_pool2d(np.ones((1, 4, 4)), 2, divisor_override=0)
