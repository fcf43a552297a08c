"""Losses as modules: values and gradients in float64, and the explicit backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import grillyx
import grillyx.nn as nn
from grillyx import Tensor


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 2.0, shape).astype(np.float32)


def log_softmax(x: np.ndarray) -> np.ndarray:
    return special.log_softmax(x.astype(np.float64), axis=1)


def cross_entropy(
    x: np.ndarray, labels: np.ndarray, weight: Any = None, smoothing: float = 0.0, ignore: int = -100
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each sample's loss, its part in the mean, and its gradient d loss / d x."""
    classes = x.shape[1]
    w = np.ones(classes) if weight is None else np.asarray(weight, np.float64)
    kept = labels != ignore
    target = (1 - smoothing) * np.eye(classes)[np.where(kept, labels, 0)] + smoothing / classes
    weighted = target * w * kept[:, None]
    loss = -(weighted * log_softmax(x)).sum(1)
    grad = special.softmax(x.astype(np.float64), 1) * weighted.sum(1, keepdims=True) - weighted
    return loss, np.where(kept, w[np.where(kept, labels, 0)], 0.0), grad


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"weight": [0.5, 2.0, 1.0]}, {"ignore_index": 1},
                {"weight": [0.5, 2.0, 1.0], "label_smoothing": 0.25, "ignore_index": 0}],
)  # fmt: skip
def test_cross_entropy(reduction: str, options: dict[str, Any]) -> None:
    x, labels = normal(7, 3), np.array([0, 1, 2, 2, 1, 0, 2])
    loss_fn = nn.CrossEntropyLoss(reduction=reduction, **options)
    each, share, grad = cross_entropy(
        x, labels, options.get("weight"), options.get("label_smoothing", 0.0), options.get("ignore_index", -100)
    )
    want = {"mean": each.sum() / share.sum(), "sum": each.sum(), "none": each}[reduction]
    g = normal(7, seed=1) if reduction == "none" else np.float32(1.5)
    by = {"mean": g / share.sum(), "sum": g, "none": g}[reduction]
    expected = grad * (by[:, None] if reduction == "none" else by)
    t = Tensor(x, requires_grad=True)
    loss = loss_fn(t, labels)
    np.testing.assert_allclose(loss.numpy(), want, 1e-5, 1e-6)
    loss.backward(g)
    np.testing.assert_allclose(t.grad.numpy(), expected, 1e-5, 1e-6)
    np.testing.assert_allclose(loss_fn.backward(g, x, labels).numpy(), expected, 1e-5, 1e-6)


def simple(kind: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if kind == "MSELoss":
        return (x - y) ** 2, 2 * (x - y)
    if kind == "L1Loss":
        return np.abs(x - y), np.sign(x - y)
    return np.logaddexp(0, x) - x * y, special.expit(x) - y


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", ["MSELoss", "L1Loss", "BCEWithLogitsLoss"])
def test_elementwise_losses(kind: str, reduction: str) -> None:
    x, y = normal(4, 3), np.random.default_rng(1).uniform(0, 1, (4, 3)).astype(np.float32)
    each, grad = simple(kind, x.astype(np.float64), y)
    loss_fn = getattr(nn, kind)(reduction=reduction)
    loss = loss_fn(x, y)
    np.testing.assert_allclose(
        loss.numpy(), {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction], 1e-5, 1e-6
    )
    g = normal(*loss.shape, seed=2)
    want = grad * g / (12 if reduction == "mean" else 1)
    np.testing.assert_allclose(loss_fn.backward(g).numpy(), want, 1e-5, 1e-6)
    np.testing.assert_allclose(loss_fn.backward(g, x, y).numpy(), want, 1e-5, 1e-6)


def test_bce_weights() -> None:
    x, y = normal(5, 3), (normal(5, 3, seed=1) > 0).astype(np.float32)
    w, pos = np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, 0.25])
    p = special.expit(x.astype(np.float64))
    want = -w * (pos * y * np.log(p) + (1 - y) * np.log1p(-p))
    np.testing.assert_allclose(nn.BCEWithLogitsLoss(w, "none", pos)(x, y).numpy(), want, 1e-4, 1e-5)


def test_extreme_logits_stay_finite() -> None:
    x = np.array([[200.0, -200.0], [-200.0, 200.0]])
    for loss_fn, target in ((nn.CrossEntropyLoss(), [1, 1]), (nn.BCEWithLogitsLoss(), np.ones((2, 2)))):
        loss = loss_fn(x, np.array(target))
        assert float(loss) == pytest.approx(200.0 if isinstance(loss_fn, nn.CrossEntropyLoss) else 100.0)
        assert np.isfinite(loss_fn.backward(1.0).numpy()).all()


# --- the explicit backward
ALL: list[tuple[Callable[[], Any], Any]] = [
    (nn.CrossEntropyLoss, np.array([0, 2, 1, 1])), (nn.MSELoss, normal(4, 3, seed=5)),
    (nn.L1Loss, normal(4, 3, seed=5)),
    (nn.BCEWithLogitsLoss, (normal(4, 3, seed=5) > 0).astype(np.float32)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "target"), ALL)
def test_every_way_to_call_backward(make: Callable[[], Any], target: Any) -> None:
    """With the tensors of the last call, with others, without any; all give the tape's gradient."""
    x, loss_fn = normal(4, 3), make()
    leaf = Tensor(x, requires_grad=True)
    loss_fn(leaf, target).backward()
    want = leaf.grad.numpy()

    output = Tensor(x, requires_grad=True) * 1.0
    loss = loss_fn(output, target)
    ones = np.ones_like(loss)
    for arguments in (
        (ones, output, target),
        (ones, output, target),
        (ones, x, target),
        (np.ones(()), Tensor(x), target),
    ):
        got = loss_fn.backward(*arguments)
        assert isinstance(got, Tensor)
        np.testing.assert_allclose(got.numpy(), want, 1e-5, 1e-6)
    loss_fn(output, target)
    np.testing.assert_allclose(loss_fn.backward(ones).numpy(), want, 1e-5, 1e-6)
    with grillyx.no_grad():
        loss_fn(x, target)
        np.testing.assert_allclose(loss_fn.backward(ones, x, target).numpy(), want, 1e-5, 1e-6)
    np.testing.assert_allclose(make().backward(1.0, x, target).numpy(), want, 1e-5, 1e-6)  # without a call before


def test_backward_uses_what_the_loss_recorded() -> None:
    """The gradient for the very tensors of the last call needs no second forward."""
    loss_fn, labels = nn.CrossEntropyLoss(), Tensor(np.array([0, 1]))
    output = Tensor(normal(2, 3), requires_grad=True) * 1.0
    loss = loss_fn(output, labels)
    ones = np.ones_like(loss)
    grillyx.synchronize()
    before = grillyx.counters()["dispatches"]
    assert loss_fn.backward(ones, output, labels).array.shape == (2, 3)
    assert grillyx.counters()["dispatches"] == before + 1


def test_backward_is_for_the_tensors_given() -> None:
    """Others than those of the last call get their own gradient, not the recorded one."""
    loss_fn, a, b = nn.MSELoss(reduction="sum"), Tensor(normal(3), requires_grad=True), Tensor(normal(3, seed=1))
    y, other = Tensor(np.zeros(3)), Tensor(np.ones(3))
    for output, target, want in ((b, y, 2 * b.numpy()), (a, other, 2 * a.numpy() - 2), (a, y, 2 * a.numpy())):
        loss = loss_fn(a, y)
        got = loss_fn.backward(np.ones_like(loss), output, target)
        np.testing.assert_allclose(got.numpy(), want, 1e-5)


def test_wrong_backward() -> None:
    labels = np.array([0, 1])
    for reduction, wrong, message in (
        ("mean", np.ones(2), r"got \(2,\); expected \(\)"), ("none", np.ones(()), r"got \(\); expected \(2,\)"),
    ):  # fmt: skip
        loss_fn = nn.CrossEntropyLoss(reduction=reduction)
        loss_fn(normal(2, 3), labels)
        for arguments in ((), (normal(2, 3), labels)):
            with pytest.raises(ValueError, match=message):
                loss_fn.backward(wrong, *arguments)
    with pytest.raises(RuntimeError, match="MSELoss.backward: no forward pass to continue from"):
        nn.MSELoss().backward(1.0)


def test_a_loss_has_no_time_axis() -> None:
    """The rule for a missing time axis is for outputs of models; a loss wants a gradient of its own shape."""
    loss_fn, x, y = nn.MSELoss(reduction="none"), normal(4, 3), normal(4, 3, seed=1)
    loss_fn(x, y)
    for arguments in ((), (x, y)):
        with pytest.raises(ValueError, match=r"got \(3,\); expected \(4, 3\)"):
            loss_fn.backward(np.ones(3), *arguments)


def test_wrong_arguments() -> None:
    for make, _ in ALL:
        with pytest.raises(ValueError, match="unknown reduction, got 'average'; expected one of 'mean', 'sum', 'none'"):
            make(reduction="average")
    x = normal(4, 3)
    for labels in (np.array([0, 1, 2, 3]), np.array([0, -1, 2, 1])):
        with pytest.raises(ValueError, match=r"labels out of range, got values from (0 to 3|-1 to 2); expected 0 to 2"):
            nn.CrossEntropyLoss()(x, labels)
    with pytest.raises(TypeError, match=r"labels must be integers, got float32.*astype"):
        nn.CrossEntropyLoss()(x, np.zeros(4))
    with pytest.raises(ValueError, match=r"labels have the wrong shape, got \(5,\).*Average the time axis first"):
        nn.CrossEntropyLoss()(x, np.zeros(5, int))
    for make in (nn.MSELoss, nn.L1Loss, nn.BCEWithLogitsLoss):
        with pytest.raises(ValueError, match=r"one shape, got \(4, 3\) and \(4,\)"):
            make()(x, np.zeros(4))


def test_weights_are_saved_but_not_trained() -> None:
    loss_fn = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    assert list(loss_fn.state_dict()) == ["weight"]
    assert not list(loss_fn.parameters())
    assert repr(loss_fn) == "CrossEntropyLoss(reduction='mean')"
    loss_fn(normal(1, 2), np.array([0]))
    assert list(loss_fn.state_dict()) == ["weight"]


def test_a_model_with_its_loss_inside() -> None:
    class WithLoss(nn.Module):
        def __init__(self) -> None:
            self.layer, self.loss = nn.Linear(3, 2), nn.CrossEntropyLoss()

        def forward(self, x: Any, labels: Any) -> Tensor:
            return self.loss(self.layer(x), labels)

    model = WithLoss()
    loss = model(normal(4, 3), np.array([0, 1, 1, 0]))
    grad, _ = model.backward(np.ones_like(loss))
    assert grad.shape == (4, 3)
    assert model.layer.weight.grad is not None
