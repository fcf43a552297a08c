"""Batch normalisation against its formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx import Tensor
from grillyx.ops import batch_norm as norm
from tests.helpers import check, same

SHAPES = [(2, 1), (5, 3), (3, 2, 5), (2, 3, 4), (4, 2, 3, 4), (3, 5, 3, 3), (1, 3, 2, 2), (9, 2, 1, 1), (0, 3, 2, 2)]


def reference(
    x: np.ndarray, w: np.ndarray | float = 1.0, b: np.ndarray | float = 0.0, mean: np.ndarray | None = None,
    var: np.ndarray | None = None, eps: float = 1e-5,
) -> np.ndarray:  # fmt: skip
    axes, full = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    if x.size == 0:
        return x
    mean = x.mean(axes) if mean is None else mean
    var = ((x - mean.reshape(full)) ** 2).mean(axes) if var is None else var
    w, b = (np.broadcast_to(v, x.shape[1]).reshape(full) for v in (w, b))
    return (x - mean.reshape(full)) / np.sqrt(var.reshape(full) + eps) * w + b


@given(st.sampled_from(SHAPES), st.integers(0, 99), st.sampled_from([1e-5, 0.1]), st.booleans())
def test_batch_norm_of_the_batch(shape: tuple, seed: int, eps: float, affine: bool) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(1.0, 2.0, shape), *(rng.normal(size=(2, shape[1])) if affine else ())]
    check(
        lambda x, w=None, b=None: F.batch_norm(x, None, None, w, b, True, eps=eps),
        lambda x, w=1.0, b=0.0: reference(x, w, b, eps=eps),
        *arrays, rtol=1e-4, atol=1e-4,
    )  # fmt: skip


@given(st.sampled_from(SHAPES), st.integers(0, 99))
def test_batch_norm_with_running_statistics(shape: tuple, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, var = rng.normal(size=shape[1]), rng.uniform(0.5, 2, size=shape[1])
    running = Tensor(mean), Tensor(var)
    check(
        lambda x, w, b: F.batch_norm(x, *running, w, b), lambda x, w, b: reference(x, w, b, mean, var),
        rng.normal(size=shape), *rng.normal(size=(2, shape[1])), rtol=1e-4, atol=1e-4,
    )  # fmt: skip
    same(running[0], mean)
    same(running[1], var)


@pytest.mark.parametrize("shape", [(700, 3, 5, 5), (40, 3, 16, 16), (3000, 2), (2, 600, 4)])
@pytest.mark.parametrize("loop", [None, 50])
def test_sums_in_parts(monkeypatch: pytest.MonkeyPatch, poisoned: object, shape: tuple, loop: int | None) -> None:
    """Far from zero, where the mean of squares less the squared mean would have lost all digits."""
    if loop:
        monkeypatch.setattr(norm, "LONGEST_LOOP", loop)
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * 0.125 + 100.0).astype(np.float32).astype(np.float64)
    t, w = Tensor(x, requires_grad=True), Tensor(np.ones(shape[1]), requires_grad=True)
    out = F.batch_norm(t, None, None, w, np.zeros(shape[1]), True)
    want = reference(x)
    same(out, want, 1e-3, 2e-3)
    g = rng.normal(size=shape).astype(np.float32).astype(np.float64)
    out.backward(g)
    axes, full = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    gw = (g * want).sum(axes)
    std = np.sqrt(x.var(axes) + 1e-5).reshape(full)
    gx = (g - g.mean(axes).reshape(full) - want * (gw / (x.size / shape[1])).reshape(full)) / std
    same(t.grad, gx, 1e-3, 1e-2)
    same(w.grad, gw, 1e-3, 2e-2)


@pytest.mark.parametrize("shape", [(64, 2, 16, 16), (301, 3)])
def test_the_first_value_lies_far_away(poisoned: object, shape: tuple) -> None:
    """It is what distances are first taken to: what is lost is a share of its own part of the variance."""
    x = np.random.default_rng(0).normal(size=shape) * 0.125 + 100.0
    x[0] = np.where(np.arange(x[0].size).reshape(x[0].shape) % 7 == 0, -900.0, x[0])
    x = x.astype(np.float32).astype(np.float64)
    same(F.batch_norm(x, None, None, training=True), reference(x), 1e-3, 1e-4)


def test_running_statistics_move() -> None:
    rng = np.random.default_rng(0)
    for momentum in (0.1, 1.0, 0.0, None):
        mean, var, count = Tensor(np.zeros(70)), Tensor(np.ones(70)), Tensor(np.zeros((), np.int32))
        want = [np.zeros(70), np.ones(70)]
        for k in range(3):
            x = rng.normal(2.0, 3.0, (4, 70, 3))
            before = mean + 0.0
            kept = want[0].copy()
            F.batch_norm(x, mean, var, training=True, momentum=momentum, num_batches_tracked=count)
            factor = 1.0 / (k + 1) if momentum is None else momentum
            batch = x.mean((0, 2)), x.transpose(1, 0, 2).reshape(70, -1).var(1, ddof=1)
            want = [(1 - factor) * old + factor * new for old, new in zip(want, batch, strict=True)]
            same(before, kept, 1e-5, 1e-5)  # what was put off sees the values from before
            same(mean, want[0], 1e-5, 1e-5)
            same(var, want[1], 1e-5, 1e-5)
            assert int(count) == k + 1


def test_a_graph_through_statistics_that_moved_is_refused() -> None:
    mean, var, x = Tensor(np.zeros(2)), Tensor(np.ones(2)), Tensor(np.ones((3, 2)), requires_grad=True)
    out = F.batch_norm(x, mean, var, np.ones(2), np.zeros(2))
    F.batch_norm(np.random.default_rng(0).normal(size=(4, 2)), mean, var, training=True)
    with pytest.raises(RuntimeError, match="changed"):
        out.sum().backward()


def test_errors() -> None:
    x, one, zero = np.ones((2, 3)), Tensor(np.ones(3)), Tensor(np.zeros(3))
    for arguments, options, message in (
        ((np.ones(3),), {}, r"expected an input \(N, C, ...\)"),
        ((x,), {}, "no statistics"),
        ((x, zero), {}, "one of running_mean and running_var"),
        ((x, zero, Tensor(np.ones(2))), {}, r"running_var has the wrong shape, got \(2,\); expected \(3,\)"),
        ((x, zero, one, np.ones(4)), {}, r"weight has the wrong shape, got \(4,\)"),
        ((x, zero, one), {"eps": 0.0}, "eps must be positive"),
        ((x, zero, one), {"momentum": 2.0}, "momentum is a number from 0 to 1"),
        ((x, zero, one), {"momentum": None, "training": True}, "momentum=None needs num_batches_tracked"),
        ((np.ones((1, 3)), zero, one), {"training": True}, "expected more than one value a channel"),
    ):
        with pytest.raises(ValueError, match=f"batch_norm: .*{message}"):
            F.batch_norm(*arguments, **options)
    with pytest.raises(TypeError, match="batch_norm: running_mean and running_var are tensors of float32"):
        F.batch_norm(x, Tensor(np.zeros(3, np.int32)), one)
