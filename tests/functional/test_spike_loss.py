"""Losses and accuracies of spike trains against formulas of their own in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import grillyx.functional as F
from grillyx.engine.counters import counters
from tests.helpers import check

LABELS = np.array([2, 0, 1, 2])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1.0, shape).astype(np.float32)


def cross_entropy(x: np.ndarray, labels: np.ndarray, axis: int = 1) -> Any:
    return -np.mean(np.take_along_axis(special.log_softmax(x, axis), np.expand_dims(labels, axis), axis))


def tet(x: np.ndarray, labels: np.ndarray = LABELS, means: float = 1.0, lamb: float = 0.0) -> Any:
    """The loop over time."""
    each = sum(cross_entropy(step, labels) for step in x) / len(x)
    return (1.0 - lamb) * each + lamb * np.mean((x - means) ** 2)


@pytest.mark.parametrize("options", [{}, {"lamb": 0.25}, {"lamb": 1.0, "means": -0.5}])
def test_temporal_efficient_training(options: dict[str, float], poisoned: None) -> None:
    op = F.temporal_efficient_training_cross_entropy
    check(lambda x: op(x, LABELS, **options), lambda x: tet(x, **options), normal(5, 4, 3))


def test_temporal_efficient_training_of_pictures(poisoned: None) -> None:
    labels = np.random.default_rng(1).integers(0, 3, (4, 2, 2))
    op = F.temporal_efficient_training_cross_entropy
    check(lambda x: op(x, labels), lambda x: tet(x, labels), normal(3, 4, 3, 2, 2))


def test_labels_are_not_read_back() -> None:
    x = normal(5, 4, 3)
    float(F.ce_rate_loss(x, LABELS))
    before = counters()["downloads"]
    loss = F.ce_rate_loss(x, LABELS)
    assert counters()["downloads"] == before
    np.testing.assert_allclose(float(loss), tet(x.astype(np.float64)), 1e-5)


def test_losses_of_rates_and_membranes(poisoned: None) -> None:
    x = normal(5, 4, 3)
    check(lambda x: F.ce_rate_loss(x, LABELS), tet, x)
    check(lambda x: F.ce_count_loss(x, LABELS), lambda x: cross_entropy(x.sum(0), LABELS), x)
    check(lambda x: F.ce_max_membrane_loss(x, LABELS), lambda x: cross_entropy(x.max(0), LABELS), x)
    eye = np.eye(3)[LABELS]
    check(lambda x: F.mse_count_loss(x, LABELS), lambda x: np.mean((x.sum(0) - 5 * eye) ** 2) / 5, x)
    check(
        lambda x: F.mse_count_loss(x, LABELS, 0.7, 0.3),
        lambda x: np.mean((x.sum(0) - (3 * eye + 1 * (1 - eye))) ** 2) / 5, x,
    )  # fmt: skip
    check(lambda x: F.mse_membrane_loss(x, LABELS), lambda x: np.mean((x - eye) ** 2), x)
    each = np.random.default_rng(2).integers(0, 3, (5, 4))
    wanted = np.where(np.eye(3)[each] > 0, 0.75, -0.25)
    check(lambda x: F.mse_membrane_loss(x, each, True, 0.75, -0.25), lambda x: np.mean((x - wanted) ** 2), x)


def test_population_code(poisoned: None) -> None:
    x = normal(5, 4, 6)
    pooled = lambda x: x.sum(0).reshape(4, 3, 2).sum(2)
    check(lambda x: F.ce_count_loss(x, LABELS, True, 3), lambda x: cross_entropy(pooled(x), LABELS), x)
    wanted = 10 * np.eye(3)[LABELS]
    check(
        lambda x: F.mse_count_loss(x, LABELS, population_code=True, num_classes=3),
        lambda x: np.mean((pooled(x) - wanted) ** 2) / 5, x,
    )  # fmt: skip
    got = F.accuracy_rate(x, LABELS, True, 3)
    assert got == np.mean(pooled(x.astype(np.float64)).argmax(1) == LABELS)


def kernel(x: np.ndarray, y: np.ndarray, name: str, *args: float) -> np.ndarray:
    if name == "gaussian":
        return np.exp(-((x[:, None] - y[None]) ** 2).sum(-1) / (2 * args[0] ** 2))
    xy = x @ y.T
    return {"linear": lambda: xy, "polynomial": lambda: xy ** args[0], "sigmoid": lambda: special.expit(args[0] * xy)}[
        name
    ]()


KERNELS: list[tuple[Any, ...]] = [("linear",), ("polynomial", 2.0), ("sigmoid", 0.5), ("gaussian", 1.5)]


@pytest.mark.parametrize("args", KERNELS)
def test_kernels(args: tuple[Any, ...], poisoned: None) -> None:
    check(
        lambda x, y: F.kernel_dot_product(x, y, *args),
        lambda x, y: kernel(x, y, *args),
        normal(3, 5),
        normal(4, 5, seed=1),
    )


@pytest.mark.parametrize("loss", ["mse", "l1", "bce"])
@pytest.mark.parametrize("args", [k for k in KERNELS if k[0] != "polynomial"])
def test_similar_spikes(args: tuple[Any, ...], loss: str, poisoned: None) -> None:
    x = np.random.default_rng(3).uniform(0.1, 0.9, (4, 2, 3)).astype(np.float32)
    labels = np.eye(3)[LABELS] + np.eye(3)[[0, 0, 2, 1]]
    wanted = np.minimum(labels @ labels.T, 1.0)

    def reference(x: np.ndarray) -> Any:
        x = x.reshape(4, -1)
        p = kernel(x, x, *args)
        if args[0] == "linear":
            length = np.linalg.norm(x, axis=1, keepdims=True)
            p = p / (length @ length.T + 1e-8)
        if loss != "bce":
            return np.mean(np.abs(p - wanted) if loss == "l1" else (p - wanted) ** 2)
        wrong = np.where(wanted == 1.0, 0.0, np.log(np.where(wanted == 1.0, 0.5, 1.0 - p)))
        return -np.mean(wanted * np.log(p) + (1.0 - wanted) * wrong)

    check(lambda x: F.spike_similar_loss(x, labels, args[0], loss, *args[1:]), reference, x, atol=1e-5)


def test_silent_and_equal_samples_have_finite_gradients() -> None:
    from grillyx import Tensor

    x = Tensor(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), requires_grad=True)
    labels = np.array([[1, 0], [1, 0], [1, 0]])
    loss = F.spike_similar_loss(x, labels, loss_type="bce")
    np.testing.assert_allclose(float(loss), 7 * 100.0 / 9, 1e-5)  # seven pairs of similarity 0 that should be 1
    loss.backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_accuracies() -> None:
    spikes = (np.random.default_rng(4).random((6, 50, 5)) < 0.2).astype(np.float32)
    labels = np.random.default_rng(5).integers(0, 5, 50)
    assert F.accuracy_rate(spikes, labels) == np.mean(spikes.sum(0).argmax(1) == labels)
    first = np.where(spikes.any(0), spikes.argmax(0), 5)
    assert F.accuracy_temporal(spikes, labels) == np.mean(first.argmin(1) == labels)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: F.ce_rate_loss(np.zeros((4, 3)), LABELS), "needs a sequence"),
        (lambda: F.ce_rate_loss(np.zeros((0, 4, 3)), LABELS), "T >= 1"),
        (lambda: F.ce_rate_loss(np.zeros((5, 3, 3)), LABELS), "labels have the wrong shape"),
        (lambda: F.ce_rate_loss(np.zeros((5, 4, 2)), LABELS), "out of range"),
        (
            lambda: F.temporal_efficient_training_cross_entropy(np.zeros((5, 4, 3)), LABELS, lamb=2.0),
            "lamb out of range",
        ),
        (lambda: F.ce_count_loss(np.zeros((5, 4, 6)), LABELS, True), "num_classes must divide"),
        (lambda: F.ce_count_loss(np.zeros((5, 4, 6)), LABELS, True, 4), "num_classes must divide"),
        (lambda: F.mse_count_loss(np.zeros((5, 4, 3)), LABELS, float("nan")), "correct_rate must be finite"),
        (lambda: F.mse_membrane_loss(np.zeros((5, 4, 3)), LABELS, True), "labels have the wrong shape"),
        (lambda: F.kernel_dot_product(np.zeros((2, 3)), np.zeros((2, 3)), "cubic"), "unknown kernel"),
        (lambda: F.kernel_dot_product(np.zeros((2, 3)), np.zeros((2, 3)), "sigmoid"), "takes 1 numbers"),
        (lambda: F.kernel_dot_product(np.zeros((2, 3)), np.zeros((2, 3)), "gaussian", 0.0), "sigma must be positive"),
        (lambda: F.kernel_dot_product(np.zeros((2, 3)), np.zeros((2, 4))), "expected vectors"),
        (lambda: F.spike_similar_loss(np.zeros((2, 3)), np.zeros((3, 3))), "expected spikes"),
        (lambda: F.spike_similar_loss(np.zeros((2, 3)), np.zeros((2, 3)), "linear", "kl"), "unknown loss_type"),
        (lambda: F.accuracy_rate(np.zeros((5, 3, 3)), LABELS), "labels have the wrong shape"),
    ],
)
def test_errors(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
