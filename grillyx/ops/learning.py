"""What learning rules of spiking neurons need: traces of spikes, and sums of their products over time."""

from __future__ import annotations

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.conv import backward_weight
from grillyx.ops.conv_windows import Windows
from grillyx.ops.gemm import TN, product


def traces(x: Array, start: Array, *, decay: float) -> Result:
    """``y[t] = x[t] + decay * y[t - 1]`` for x (T, *), with ``y[-1] = start``; it has no gradient."""
    y = empty(x.shape)
    steps, m = x.shape[0], start.size
    if y.size:
        for first in range(0, steps, LONGEST_LOOP):
            last = min(first + LONGEST_LOOP, steps)
            work = 8 * (last - first) * m
            kernel("spike_trace")(grid(m), work, x=x, start=start, y=y, m=m, first=first, last=last, decay=decay)
    return y, None


def coincidences(post: Array, pre: Array, *, windows: Windows | None, shape: tuple[int, ...]) -> Result:
    """The sum of post times pre over the first axis, for each weight of a linear layer or a convolution; no gradient.

    Post is (R, O) and pre (R, I), or with windows (R, O, *) and (R, C, *); the sum is of the weight's `shape`.
    """
    total = product(post, pre, TN) if windows is None else backward_weight(post, pre, False, windows)[0].reshape(shape)
    return total.reshape(shape), None
