"""Losses and accuracies of spike trains, with SpikingJelly's and snnTorch's names and defaults.

Spike trains and membranes are (T, N, C), labels are (N,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.functional._elementwise import add, divide, maximum, minimum, multiply, power, subtract, where
from grillyx.functional._loss import cross_entropy, l1_loss, mse_loss
from grillyx.functional._nn import matmul
from grillyx.functional._reduce import amax, argmax, argmin, mean, sum
from grillyx.functional._shape import broadcast_to, flatten, one_hot, transpose
from grillyx.functional._unary import exp, log, sigmoid, sqrt, square

KERNELS = {"linear": 0, "polynomial": 1, "sigmoid": 1, "gaussian": 1}
_TINY = 2.0**-125  # what is smaller, a device may take for 0


def _sequence(x: Any, target: Any, name: str) -> tuple[Tensor, Tensor]:
    x, target = as_tensor(x).astype(np.float32), as_tensor(target)
    if x.ndim < 3 or x.shape[0] == 0:
        raise ValueError(f"{name}: needs a sequence, got shape {x.shape}; expected (T, N, C) with T >= 1.")
    return x, target


def temporal_efficient_training_cross_entropy(
    x_seq: Any, target: Any, means: float = 1.0, lamb: float = 0.0
) -> Tensor:  # fmt: skip
    """Return the mean over time of the cross-entropy of each step, rather than the cross-entropy of the mean.

    Args:
        x_seq: outputs at each step, (T, N, C, *).
        target: class numbers, (N, *).
        means: where the second term pulls the outputs.
        lamb: weight of that term: ``(1 - lamb) cross_entropy + lamb mean((x_seq - means)**2)``.

    Raises:
        ValueError: shapes that do not fit, a label out of range, lamb outside [0, 1].

    Source: Deng et al., "Temporal efficient training of spiking neural network via gradient re-weighting", ICLR 2022.
    """
    name = "temporal_efficient_training_cross_entropy"
    x, target = _sequence(x_seq, target, name)
    if not 0.0 <= _check.number(lamb, name, "lamb") <= 1.0:
        raise ValueError(f"{name}: lamb out of range, got {lamb}; expected 0 to 1.")
    wanted = (x.shape[1], *x.shape[3:])
    if target.shape != wanted:
        raise ValueError(f"{name}: labels have the wrong shape, got {target.shape} for {x.shape}; expected {wanted}.")
    known = _check.bounds_of(target)
    labels = broadcast_to(target, (x.shape[0], *wanted)).reshape(x.shape[0] * x.shape[1], *x.shape[3:])
    if known is not None:  # so that nobody reads the labels back to check them
        labels._bounds = (labels.array.storage.version, *known)
    loss = cross_entropy(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), labels)
    if not lamb:
        return loss
    return add(
        multiply(loss, 1.0 - lamb), multiply(mean(square(subtract(x, _check.number(means, name, "means")))), lamb)
    )


def ce_rate_loss(spk_out: Any, targets: Any) -> Tensor:
    """Return the mean over time of the cross-entropy of each step; see `temporal_efficient_training_cross_entropy`."""
    return temporal_efficient_training_cross_entropy(spk_out, targets)


def ce_count_loss(spk_out: Any, targets: Any, population_code: bool = False, num_classes: int | None = None) -> Tensor:
    """Return the cross-entropy of the spike counts.

    Args:
        spk_out: spikes, (T, N, C).
        targets: class numbers, (N,).
        population_code: whether neighbouring outputs, C / num_classes of them, count for one class.
        num_classes: number of classes then.
    """
    spikes, targets = _sequence(spk_out, targets, "ce_count_loss")
    return cross_entropy(_counts(spikes, population_code, num_classes, "ce_count_loss"), targets)


def ce_max_membrane_loss(mem_out: Any, targets: Any) -> Tensor:
    """Return the cross-entropy of the highest membranes over time.

    Args:
        mem_out: membranes, (T, N, C).
        targets: class numbers, (N,).
    """
    membranes, targets = _sequence(mem_out, targets, "ce_max_membrane_loss")
    return cross_entropy(amax(membranes, 0), targets)


def mse_count_loss(
    spk_out: Any, targets: Any, correct_rate: float = 1.0, incorrect_rate: float = 0.0, population_code: bool = False,
    num_classes: int | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean squared distance of the spike counts to wanted ones, divided by T.

    The wanted count is ``int(T * correct_rate)`` for the right class and ``int(T * incorrect_rate)`` for the others, times
    the neurons of a class.

    Args:
        spk_out: spikes, (T, N, C).
        targets: class numbers, (N,).
        correct_rate: spikes a step that the right class should fire.
        incorrect_rate: spikes a step that the others should fire.
        population_code: see `ce_count_loss`.
        num_classes: see `ce_count_loss`.
    """
    spikes, targets = _sequence(spk_out, targets, "mse_count_loss")
    counts = _counts(spikes, population_code, num_classes, "mse_count_loss")
    each = spikes.shape[2] / counts.shape[1]
    on, off = (
        float(int(spikes.shape[0] * _check.number(rate, "mse_count_loss", what) * each))
        for rate, what in ((correct_rate, "correct_rate"), (incorrect_rate, "incorrect_rate"))
    )
    wanted = add(multiply(one_hot(targets, counts.shape[1]), on - off), off)
    return divide(mse_loss(counts, wanted), float(spikes.shape[0]))


def mse_membrane_loss(
    mem_out: Any, targets: Any, time_var_targets: bool = False, on_target: float = 1.0, off_target: float = 0.0
) -> Tensor:
    """Return the mean squared distance of the membranes to wanted ones.

    Args:
        mem_out: membranes, (T, N, C).
        targets: class numbers, (N,); with `time_var_targets` (T, N).
        time_var_targets: whether each step has labels of its own.
        on_target: wanted membrane of the right class.
        off_target: wanted membrane of the others.
    """
    name = "mse_membrane_loss"
    membranes, targets = _sequence(mem_out, targets, name)
    wanted_shape = membranes.shape[:2] if time_var_targets else membranes.shape[1:2]
    if targets.shape != wanted_shape:
        raise ValueError(f"{name}: labels have the wrong shape, got {targets.shape}; expected {wanted_shape}.")
    on, off = _check.number(on_target, name, "on_target"), _check.number(off_target, name, "off_target")
    wanted = add(multiply(one_hot(targets, membranes.shape[2]), on - off), off)
    return mse_loss(membranes, broadcast_to(wanted, membranes.shape))


def kernel_dot_product(x: Any, y: Any, kernel: str = "linear", *args: float) -> Tensor:
    """Return the similarities (N, M) of vectors x (N, D) and y (M, D).

    Args:
        x: vectors.
        y: vectors of the same length.
        kernel: ``"linear"``, x·y; ``"polynomial"``, (x·y)**args[0]; ``"sigmoid"``, sigmoid(args[0] x·y); ``"gaussian"``,
            exp(-|x - y|² / (2 args[0]²)).
        *args: the number of the kernel.

    Raises:
        ValueError: an unknown kernel, a missing number, shapes that do not fit.
    """
    name = "kernel_dot_product"
    _check.one_of(kernel, tuple(KERNELS), name, "kernel")
    if len(args) != KERNELS[kernel]:
        raise ValueError(f"{name}: the kernel {kernel!r} takes {KERNELS[kernel]} numbers, got {args}.")
    x, y = as_tensor(x).astype(np.float32), as_tensor(y).astype(np.float32)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"{name}: expected vectors (N, D) and (M, D), got {x.shape} and {y.shape}.")
    products = matmul(x, transpose(y))
    if kernel == "linear":
        return products
    number = _check.number(args[0], name, "the kernel's number")
    if kernel == "polynomial":
        return power(products, number)
    if kernel == "sigmoid":
        return sigmoid(multiply(products, number))
    if number <= 0.0:
        raise ValueError(f"{name}: sigma must be positive, got {args[0]}.")
    distances = subtract(add(sum(square(x), 1, keepdims=True), sum(square(y), 1)), multiply(products, 2.0))
    return exp(multiply(distances, -0.5 / number**2))


def spike_similar_loss(
    spikes: Any, labels: Any, kernel_type: str = "linear", loss_type: str = "mse", *args: float
) -> Tensor:  # fmt: skip
    """Return how far the similarity of samples' spikes is from that of their labels.

    The similarity of spikes is `kernel_dot_product`, the linear one divided by both lengths; that of labels is 1 where they
    share a class, else 0.

    Args:
        spikes: spikes of each sample, (N, *).
        labels: classes of each sample as 0 and 1, (N, C), such as `one_hot` gives.
        kernel_type: see `kernel_dot_product`.
        loss_type: ``"mse"``, ``"l1"`` or ``"bce"``; the last one needs similarities in [0, 1].
        *args: see `kernel_dot_product`.

    Raises:
        ValueError: an unknown kernel or loss, shapes that do not fit.

    Source: SpikingJelly's `spike_similar_loss`.
    """
    name = "spike_similar_loss"
    _check.one_of(loss_type, ("mse", "l1", "bce"), name, "loss_type")
    x, y = as_tensor(spikes).astype(np.float32), as_tensor(labels).astype(np.float32)
    if x.ndim < 2 or y.ndim != 2 or x.shape[0] != y.shape[0]:
        raise ValueError(f"{name}: expected spikes (N, ...) and labels (N, C), got {x.shape} and {y.shape}.")
    x = flatten(x, 1)
    found = kernel_dot_product(x, x, kernel_type, *args)
    if kernel_type == "linear":
        length = sqrt(maximum(sum(square(x), 1, keepdims=True), _TINY))  # the root has no slope at 0
        found = divide(found, add(matmul(length, transpose(length)), 1e-8))
    wanted = minimum(matmul(y, transpose(y)), 1.0)
    if loss_type != "bce":
        return mse_loss(found, wanted) if loss_type == "mse" else l1_loss(found, wanted)
    right, wrong = _log(found), _log(subtract(1.0, found))
    return multiply(mean(add(multiply(wanted, right), multiply(subtract(1.0, wanted), wrong))), -1.0)


def _log(p: Tensor) -> Tensor:
    """The logarithm, -100 at 0 and below, without an infinite slope there."""
    return where(p > _TINY, log(maximum(p, _TINY)), -100.0)


def _counts(spikes: Tensor, population_code: bool, num_classes: int | None, name: str) -> Tensor:
    """Return the spikes of each class, (N, classes)."""
    counts = sum(spikes, 0)
    if not population_code:
        return counts
    outputs = spikes.shape[-1]
    if not num_classes or spikes.ndim != 3 or outputs % int(num_classes):
        raise ValueError(
            f"{name}: with population_code, num_classes must divide the outputs, got {num_classes!r} for shape {spikes.shape}."
        )
    return sum(counts.reshape(counts.shape[0], int(num_classes), outputs // int(num_classes)), 2)


def _rightly(found: Tensor, targets: Any, name: str) -> float:
    targets = as_tensor(targets)
    if targets.shape != found.shape:
        raise ValueError(f"{name}: labels have the wrong shape, got {targets.shape}; expected {found.shape}.")
    return float(np.mean(found.numpy() == targets.numpy()))


def accuracy_rate(spk_out: Any, targets: Any, population_code: bool = False, num_classes: int | None = None) -> float:
    """Return the share of samples whose right class fired most; the first of several counts.

    Args:
        spk_out: spikes, (T, N, C).
        targets: class numbers, (N,).
        population_code: see `ce_count_loss`.
        num_classes: see `ce_count_loss`.
    """
    spikes, _ = _sequence(spk_out, targets, "accuracy_rate")
    return _rightly(argmax(_counts(spikes, population_code, num_classes, "accuracy_rate"), 1), targets, "accuracy_rate")


def accuracy_temporal(spk_out: Any, targets: Any) -> float:
    """Return the share of samples whose right class fired first; the first of several counts.

    What never fires counts as firing at the last step.

    Args:
        spk_out: spikes, (T, N, C).
        targets: class numbers, (N,).
    """
    spikes, _ = _sequence(spk_out, targets, "accuracy_temporal")
    steps = spikes.shape[0]
    times = np.arange(steps, dtype=np.float32).reshape(steps, 1, 1)
    first = where(spikes > 0.0, times, float(steps - 1))
    return _rightly(argmin(first.min(0), 1), targets, "accuracy_temporal")
