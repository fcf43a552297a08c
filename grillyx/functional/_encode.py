"""Turning intensities in [0, 1] into spike trains (T, *)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.array import FLOAT
from grillyx.functional import _check
from grillyx.functional._elementwise import add, clip, greater_equal, multiply, neg, subtract
from grillyx.functional._shape import broadcast_to, one_hot, stack
from grillyx.functional._unary import log, round
from grillyx.ops import random


def _intensities(x: Any, name: str, top: float = 1.0) -> Tensor:
    if not isinstance(x, Tensor):  # what came from the host is checked; what is on the device is not read back
        host = np.asarray(x)
        if host.size and not (host.min() >= 0.0 and host.max() <= top):
            raise ValueError(
                f"{name}: intensities out of range, got values from {host.min()} to {host.max()}; expected 0 to {top:g}. "
                "Scale the input first."
            )
    return as_tensor(x).astype(np.float32).detach()


def _steps(count: Any, name: str) -> int:
    if not hasattr(count, "__index__") or int(count) < 1:
        raise ValueError(f"{name}: the number of steps is a positive integer, got {count!r}.")
    return int(count)


def poisson_encode(x: Any, T: int) -> Tensor:
    """Return spikes (T, *) that fire at each step with chance x (rate coding).

    Args:
        x: intensities in [0, 1], of any shape.
        T: number of steps.
    """
    x = _intensities(x, "poisson_encode")
    return Tensor(random.bernoulli(broadcast_to(x, (_steps(T, "poisson_encode"), *x.shape)).array))


def latency_encode(x: Any, T: int, enc_function: str = "linear") -> Tensor:
    """Return spikes (T, *) with one spike an element, the earlier the larger x is.

    The spike comes at ``round((T - 1) (1 - x))`` with ``"linear"``, at
    ``round((T - 1) - log(a x + 1))``, ``a = e**(T - 1) - 1``, with ``"log"``.

    Args:
        x: intensities in [0, 1], of any shape.
        T: number of steps.
        enc_function: ``"linear"`` or ``"log"``.
    """
    _check.one_of(enc_function, ("linear", "log"), "latency_encode", "enc_function")
    x, steps = _intensities(x, "latency_encode"), _steps(T, "latency_encode")
    if enc_function == "linear":
        at = round(multiply(subtract(1.0, x), steps - 1.0))
    else:
        e = math.exp(1.0 - steps)  # the same as above without large numbers: -log(x (1 - e) + e), e = e**-(T - 1)
        at = round(neg(log(add(multiply(x, 1.0 - e), e))))
    hot = one_hot(_ranged(clip(at, 0.0, steps - 1.0), steps), steps)
    return hot.permute(hot.ndim - 1, *range(hot.ndim - 1))


def _ranged(at: Tensor, steps: int) -> Tensor:
    index = at.astype(np.int32)
    index._bounds = (index.array.storage.version, 0, steps - 1)  # clipped above: no need to read it back
    return index


def weighted_phase_encode(x: Any, K: int) -> Tensor:
    """Return the first K binary digits of x as spikes (K, *), the most significant first.

    Args:
        x: intensities in [0, 1 - 2**-K], of any shape.
        K: number of steps.

    Source: Kim et al., "Deep neural networks with weighted spikes", 2018.
    """
    steps = _steps(K, "weighted_phase_encode")
    rest, out = _intensities(x, "weighted_phase_encode", 1.0 - 2.0**-steps), []
    for k in range(steps):
        weight = 0.5 ** (k + 1)
        bit = greater_equal(rest, weight).astype(FLOAT)
        rest = subtract(rest, multiply(bit, weight))
        out.append(bit)
    return stack(out)
