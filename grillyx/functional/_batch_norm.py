"""Normalisation, with torch's names and defaults."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.ops import batch_norm as batch_norm_ops

_batch_norm = differentiable(batch_norm_ops.batch_norm)


def batch_norm(
    x: Any, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float | None = 0.1, eps: float = 1e-5, num_batches_tracked: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return ``(x - mean) / sqrt(var + eps) * weight + bias``, with a mean and a variance for each channel.

    Args:
        x: (N, C, *).
        running_mean: (C,), a tensor of floats. In training it moves towards the mean of the batch, in place; otherwise
            it is the mean.
        running_var: likewise; it moves towards the variance with N - 1 in the denominator.
        weight: (C,), or None for 1.
        bias: (C,), or None for 0.
        training: whether mean and variance are those of the batch.
        momentum: how far the running statistics move, from 0 to 1; None makes them averages over all batches.
        eps: added to the variance.
        num_batches_tracked: one int32, which training counts up; needed where momentum is None.

    Raises:
        ValueError: shapes do not fit; no statistics to use; or, in training, a single value a channel.
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: expected an input (N, C, ...), got shape {x.shape}.")
    channels = (x.shape[1],)
    weight, bias = (None if v is None else as_tensor(v).astype(np.float32) for v in (weight, bias))
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for what, v in named.items():
        if v is not None and v.shape != channels:
            raise ValueError(f"batch_norm: {what} has the wrong shape, got {v.shape}; expected {channels}.")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: got one of running_mean and running_var; expected both or none.")
    both = [v for v in (running_mean, running_var) if v is not None]
    if any(not isinstance(v, Tensor) or v.dtype != np.float32 for v in both):
        raise TypeError("batch_norm: running_mean and running_var are tensors of float32; they change in place.")
    if _check.number(eps, "batch_norm", "eps") <= 0.0:
        raise ValueError(f"batch_norm: eps must be positive, got {eps}.")
    if not training and not both:
        raise ValueError("batch_norm: no statistics, got training=False and no running_mean; expected one of them.")
    if training and x.size == channels[0] > 0:
        raise ValueError(
            f"batch_norm: expected more than one value a channel in training, got shape {x.shape}: they have no variance. Give more "
            "samples (nodes, of a graph), or call eval() first."
        )
    if momentum is not None and not 0.0 <= _check.number(momentum, "batch_norm", "momentum") <= 1.0:
        raise ValueError(f"batch_norm: momentum is a number from 0 to 1 or None, got {momentum}.")
    if momentum is None and both and training and num_batches_tracked is None:
        raise ValueError("batch_norm: momentum=None needs num_batches_tracked.")
    arrays = [v.array for v in both]
    running = None
    if training and both:
        counted = Tensor(np.zeros((), np.int32)) if num_batches_tracked is None else num_batches_tracked
        running = (*arrays, counted.array)
    given = None if training else (arrays[0], arrays[1])
    moved = -1.0 if momentum is None else float(momentum)
    return _batch_norm(x, weight, bias, eps=float(eps), given=given, running=running, momentum=moved)
