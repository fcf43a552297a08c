"""What a spike sends to the next layer: a current of 1 for some time, whatever the step.

An impulse would not do: the answer to one begins like t^(alpha - 1), which has no bound, and what it is on a grid depends on
the step. That to a pulse converges.
"""

from __future__ import annotations

import math

import grillyx.functional as F
from grillyx.autograd import Tensor


def held(spikes: Tensor, width: float) -> Tensor:
    """Return what spikes (steps, ...) send on when each lasts `width` steps: the sum of those in the last ones."""
    steps, whole = spikes.shape[0], math.floor(width)
    part, reach = width - whole, 0
    out: Tensor | None = None

    def later(x: Tensor, by: int) -> Tensor:
        return x if by == 0 else F.concatenate([F.zeros_like(x[:by]), x[: steps - by]])

    power, size = spikes, 1  # the sum of the last 1, 2, 4, ... steps
    while size <= whole and reach < steps:
        if whole & size:
            out, reach = _plus(out, later(power, reach)), reach + size
        size *= 2
        if size <= whole and size // 2 < steps:
            power = power + later(power, size // 2)
    if part and reach < steps:
        out = _plus(out, later(spikes, reach) * part)
    assert out is not None
    return out


def _plus(a: Tensor | None, b: Tensor) -> Tensor:
    return b if a is None else a + b
