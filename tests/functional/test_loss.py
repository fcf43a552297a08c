"""Losses against formulas of their own in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.engine.counters import counters
from tests.helpers import broadcastable, check, exact, floats, integers, same, shapes

REDUCTIONS = ["mean", "sum", "none"]
REDUCE: dict[str, Callable] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def soft_cross_entropy(
    x: np.ndarray, target: np.ndarray, weight: Any = None, reduction: str = "mean", label_smoothing: float = 0.0
) -> np.ndarray:
    """The cross-entropy of probabilities along axis 1."""
    w = np.ones(x.shape[1]) if weight is None else weight
    w = w.reshape(-1, *[1] * (x.ndim - 2))
    q = target * (1 - label_smoothing) + label_smoothing / x.shape[1]
    return REDUCE[reduction](-np.sum(w * q * special.log_softmax(x, 1), 1))


def cross_entropy(
    x: np.ndarray,
    label: np.ndarray,
    weight: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore: int = -100,
) -> np.ndarray:
    """The cross-entropy of class numbers: a mean divides by the weights of the labels that count."""
    kept = label != ignore
    target = np.moveaxis(np.eye(x.shape[1])[np.where(kept, label, 0)], -1, 1)
    loss = kept * soft_cross_entropy(x, target, weight, "none", label_smoothing)
    if reduction != "mean":
        return REDUCE[reduction](loss)
    w = np.ones(x.shape[1]) if weight is None else weight
    return loss.sum() / (kept * w[np.where(kept, label, 0)]).sum()


@st.composite
def cases(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Logits (N, C, *), labels (N, *), weights (C,), and options."""
    shape = draw(shapes(2, 4, empty=False, budget=80))
    x = draw(floats(-4, 4, shape=shape))
    label = draw(integers(0, shape[1], (shape[0], *shape[2:]), dtypes=[np.int64, np.int32, np.uint32]))
    weight = draw(floats(0.2, 2, shape=shape[1:2]))
    options = {
        "reduction": draw(st.sampled_from(REDUCTIONS)),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }
    return x, label, weight, options


@given(cases())
def test_cross_entropy(case: tuple) -> None:
    x, label, weight, options = case
    check(lambda x: F.cross_entropy(x, label, **options), lambda x: cross_entropy(x, label, **options), x)
    w = exact(weight)
    check(lambda x: F.cross_entropy(x, label, weight, **options), lambda x: cross_entropy(x, label, w, **options), x)


@given(cases(), st.integers(0, 4))
def test_cross_entropy_ignores_a_label(case: tuple, ignore: int) -> None:
    x, label, weight, options = case
    label = label.astype(np.int64)
    label.flat[0] = 0 if ignore else -100  # some count, as a rule
    skip = -100 if ignore == 0 else min(ignore, x.shape[1] - 1)
    if options["reduction"] == "mean" and np.all(label == skip):
        assert np.isnan(F.cross_entropy(x, label, ignore_index=skip, **options).item())
        return
    w = exact(weight)
    for ours, theirs in ((None, None), (weight, w)):
        check(
            lambda x: F.cross_entropy(x, label, ours, ignore_index=skip, **options),
            lambda x: cross_entropy(x, label, theirs, ignore=skip, **options), x,
        )  # fmt: skip


@given(cases(), st.booleans())
def test_cross_entropy_of_probabilities(case: tuple, weighted: bool) -> None:
    x, _, weight, options = case
    target = exact(special.softmax(np.sin(7 * exact(x)), 1))
    ours, theirs = (weight, exact(weight)) if weighted else (None, None)
    check(
        lambda x, q: F.cross_entropy(x, q, ours, **options),
        lambda x, q: soft_cross_entropy(x, q, theirs, **options),
        x,
        target,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_one_sample(reduction: str) -> None:
    x = np.array([0.5, -1.0, 2.0])
    check(
        lambda x: F.cross_entropy(x, 2, reduction=reduction), lambda x: -special.log_softmax(x)[2], x
    )  # the number is a label () for logits (C,)
    q = np.array([0.25, 0.25, 0.5])
    check(lambda x: F.cross_entropy(x, q, reduction=reduction), lambda x: -np.sum(q * special.log_softmax(x)), x)


def test_cross_entropy_of_large_logits() -> None:
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4 + 1], [30.0, -30.0, 0.0]])
    for label in ([0, 1, 2], [1, 2, 1], [2, 0, 0]):
        check(lambda x: F.cross_entropy(x, label), lambda x: cross_entropy(x, np.array(label)), x)
    hidden = Tensor([[0.0, -np.inf, 1.0]], requires_grad=True)
    loss = F.cross_entropy(hidden, [2])
    loss.backward()
    same(loss, np.log1p(np.exp(-1.0)))
    same(hidden.grad, special.softmax([[0.0, -np.inf, 1.0]], 1) - np.array([[0, 0, 1]]))


def test_cross_entropy_takes_weights_of_integers_and_labels_from_the_device() -> None:
    x, label = np.arange(12.0).reshape(4, 3) % 5, np.array([2, 0, 1, 1])
    same(F.cross_entropy(x, label, [1, 2, 3]), cross_entropy(x, label, np.array([1, 2, 3])))
    same(F.cross_entropy(x, F.argmax(x, 1)), cross_entropy(x, x.argmax(1)))
    same(F.cross_entropy(x.astype(int), label), cross_entropy(x, label))


def test_cross_entropy_of_nothing() -> None:
    x, label = np.zeros((0, 3)), np.zeros(0, int)
    assert np.isnan(F.cross_entropy(x, label).item())
    assert F.cross_entropy(x, label, reduction="sum").item() == 0.0
    assert F.cross_entropy(x, label, reduction="none").shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([[1.0, 2.0]], [2]), {}, ValueError, r"labels out of range, got values from 2 to 2; expected 0 to 1"),
        (([[1.0, 2.0]], [-1]), {}, ValueError, r"labels out of range, got values from -1 to -1"),
        (([[1.0, 2.0]] * 2, [-100, 5]), {}, ValueError, "labels out of range, got values from 5 to 5"),
        (
            ([[1.0, 2.0]], [0, 1]),
            {},
            ValueError,
            r"labels have the wrong shape, got \(2,\) for logits \(1, 2\); expected \(1,\)",
        ),
        (([[[1.0, 2.0]]], [0]), {}, ValueError, "Average the time axis first"),
        (([[1.0, 2.0]], [0.0]), {}, TypeError, "labels must be integers, got float32"),
        (([[1.0, 2.0]], [True]), {}, TypeError, "labels must be integers, got bool"),
        (([[1.0, 2.0]], [[0, 1]]), {}, ValueError, "labels have the wrong shape"),
        ((1.0, 0), {}, ValueError, "logits need a class axis"),
        ((np.ones((2, 0)), [0, 0]), {}, ValueError, "number of classes is out of range, got 0"),
        ((np.ones((1, 20000)), [0]), {}, ValueError, "number of classes is out of range, got 20000"),
        (([[1.0, 2.0]], [0], [1.0]), {}, ValueError, r"one weight a class, got shape \(1,\); expected \(2,\)"),
        (([[1.0, 2.0]], [0]), {"reduction": "max"}, ValueError, "unknown reduction, got 'max'"),
        (([[1.0, 2.0]], [0]), {"label_smoothing": np.nan}, ValueError, "label_smoothing must be finite"),
        (([[1.0, 2.0]], [0]), {"label_smoothing": 1.5}, ValueError, "label_smoothing out of range, got 1.5"),
        (([[1.0, 2.0]], [0]), {"label_smoothing": "a lot"}, TypeError, "label_smoothing must be a number"),
    ],
)
def test_cross_entropy_errors(arguments: tuple, options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        F.cross_entropy(*arguments, **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@given(data=st.data())
def test_mse_and_l1(reduction: str, data: st.DataObject) -> None:
    x = data.draw(floats(empty=False))
    y = data.draw(floats(shape=x.shape))
    total = REDUCE[reduction]
    check(lambda x, y: F.mse_loss(x, y, reduction), lambda x, y: total((x - y) ** 2), x, y)
    check(lambda x, y: F.l1_loss(x, y, reduction), lambda x, y: total(np.abs(x - y)), x, y)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@given(data=st.data())
def test_binary_cross_entropy(reduction: str, data: st.DataObject) -> None:
    shape, other = data.draw(broadcastable(empty=False, budget=12))
    shape = np.broadcast_shapes(shape, other)
    x, y = data.draw(floats(-9, 9, shape=shape)), data.draw(floats(0, 1, shape=shape))
    w, p = (data.draw(floats(0.1, 2, shape=other)) for _ in range(2))

    def reference(x: np.ndarray, y: np.ndarray, w: Any = 1.0, p: Any = 1.0) -> np.ndarray:
        return REDUCE[reduction](-w * (p * y * special.log_expit(x) + (1 - y) * special.log_expit(-x)))

    check(lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction=reduction), reference, x, y)
    check(lambda x, y, w, p: F.binary_cross_entropy_with_logits(x, y, w, reduction, p), reference, x, y, w, p)


def test_binary_cross_entropy_of_large_logits_and_small_losses() -> None:
    x, y = np.array([1e4, -1e4, 1e4, -1e4, 0.0, 20.0, -20.0]), np.array([1, 0, 0, 1, 1, 1, 0])
    t = Tensor(x, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(t, y, reduction="none")
    want = np.where(y == 1, -special.log_expit(x), -special.log_expit(-x))
    same(loss, want, atol=1e-30)
    loss.backward(np.ones(7))
    same(t.grad, special.expit(x) - y, atol=1e-8)


def test_integer_targets_are_taken_as_numbers() -> None:
    same(F.mse_loss([1.5, 2.0], [1, 0]), np.float64((0.25 + 4) / 2))
    same(F.l1_loss([1, 2], [0.5, 0]), np.float64((0.5 + 2) / 2))


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits])
def test_errors(loss: Callable) -> None:
    with pytest.raises(ValueError, match=r"input and target must have one shape, got \(2, 3\) and \(3,\)"):
        loss(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="unknown reduction, got 'average'; expected one of 'mean', 'sum', 'none'"):
        loss([1.0], [1.0], reduction="average")


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("body", ["runs", "neighbours"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (300, 10), (9, 1001), (70, 1000)])
def test_cross_entropy_of_rows(
    shape: tuple[int, int], reduction: str, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRILLYX_REDUCE", body)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape).astype(np.float32), rng.random(shape[1]).astype(np.float32)
    label = rng.integers(0, shape[1], shape[0])
    label[1] = -100
    for weight, smooth in ((None, 0.0), (w, 0.0), (w, 0.2)):
        t = Tensor(x, requires_grad=True)
        out = F.cross_entropy(t, label, weight, reduction, smooth)
        same(out, cross_entropy(x.astype(np.float64), label, weight, reduction, smooth), 2e-5)
        g = np.ones(out.shape) if out.shape else np.float64(1)
        out.backward(g)
        kept, wide = (label != -100)[:, None], np.ones(shape[1]) if weight is None else w.astype(np.float64)
        q = ((1 - smooth) * np.eye(shape[1])[np.where(kept[:, 0], label, 0)] + smooth / shape[1]) * wide * kept
        slope = special.softmax(x.astype(np.float64), 1) * q.sum(1, keepdims=True) - q
        if reduction == "mean":
            slope /= np.sum(wide[label[label >= 0]])
        same(t.grad, slope, 5e-5, 1e-6)


def test_the_mean_of_a_small_batch_is_one_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # poisoning dispatches too
    x, label = Tensor(np.ones((32, 10))), Tensor(np.arange(32) % 10)
    for weight in (None, np.ones(10)):
        weight = None if weight is None else Tensor(weight)
        before = counters()["dispatches"]
        F.cross_entropy(x, label, weight)
        assert counters()["dispatches"] == before + 1
