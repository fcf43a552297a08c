"""Normalisation of each channel over the batch."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.shape import fill

_THREADS = {True: 512, False: 1 << 14}  # that keep a CPU device, or a GPU, busy
_MOST_PARTS = 128  # of a channel, unless a loop would be too long: a thread joins them
_EACH = 4  # words of a thread, where a plane has as many


def _layout(x: Array, steps: int) -> tuple[int, int, int, int]:
    """Return the channels, the words of a plane and of a channel of a step, and how many floats a word holds."""
    inner = math.prod(x.shape[2:])
    floats = 4 if inner % 4 == 0 else 1
    return x.shape[1], inner // floats, x.shape[0] // steps * inner // floats, floats


def _sums(x: Array, steps: int, g: Array | None = None, mean: Array | None = None) -> tuple[Array, int]:
    """Return for each part (parts, 2, groups) means and squared distances of x, or sums of g; and the values of a part.

    A group is a channel of a step.
    """
    channels, inner, total, floats = _layout(x, steps)
    groups = steps * channels
    wanted = _THREADS[x.storage.device.info.type == "cpu"]
    parts = max(1, min(-(-wanted // groups), total // 64, _MOST_PARTS), -(-total // LONGEST_LOOP))
    count = -(-total // parts)
    parts = -(-total // count)
    back = g is not None
    sums = empty((parts, 2, groups))
    kernel("batch_norm_sums")(
        grid(parts * groups), 4 * x.size * (1 + back), x=x, g=x if g is None else g, mean=x if mean is None else mean,
        sums=sums, n=parts * groups, groups=groups, channels=channels, inner=inner, total=total, count=count, WIDE=int(floats == 4),
        BACK=int(back),
    )  # fmt: skip
    return sums, count * floats


def _statistics(x: Array, steps: int, weight: Array | None, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return mean, variance, 1 / sqrt(variance + eps), and that times the weight, of each group."""
    sums, count = _sums(x, steps)
    parts, _, groups = sums.shape
    mean, var, rstd, scale = (empty((groups,)) for _ in range(4))
    rest = x.size // groups - (parts - 1) * count
    kernel("batch_norm_join")(
        grid(groups), 8 * sums.size, sums=sums, weight=sums if weight is None else weight, mean=mean, var=var,
        rstd=rstd, scale=scale, n=groups, parts=parts, count=count, rest=rest, eps=eps, WEIGHT=int(weight is not None),
    )  # fmt: skip
    return mean, var, rstd, scale


def _normalized(
    x: Array, steps: int, g: Array | None, mean: Array, scale: Array, bias: Array, a: Array | None
) -> Array:
    channels, inner, total, floats = _layout(x, steps)
    y = empty(x.shape)
    each = _EACH if inner >= _EACH else 1
    chunks = -(-inner // each)
    block = channels * (total // inner)
    n = steps * block * chunks
    kernel("batch_norm")(
        grid(n), 8 * x.size, x=x, g=x if g is None else g, mean=mean, scale=scale, bias=bias, a=mean if a is None else a,
        y=y, n=n, channels=channels, inner=inner, chunks=chunks, block=block, STEPS=int(steps > 1),
        WIDE=int(floats == 4), BACK=int(g is not None), EACH=each,
    )  # fmt: skip
    return y


def _move(
    mean: Array, var: Array, running: tuple[Array, Array, Array], first: int, channels: int, momentum: float, count: int
) -> None:
    for array in running:
        array.storage.settle()
    kernel("running")(
        (1, 1, 1), 16 * mean.size, mean=mean, var=var, running_mean=running[0], running_var=running[1], count=running[2],
        n=mean.size, channels=channels, first=first, factor=momentum, unbiased=count / (count - 1),
    )  # fmt: skip
    for array in running:
        array.storage.version += 1


def batch_norm(
    x: Array, weight: Array | None, bias: Array | None, *, eps: float, given: tuple[Array, Array] | None,
    running: tuple[Array, Array, Array] | None, momentum: float, steps: int = 1, first: int = 0,
) -> Result:  # fmt: skip
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of x (steps * N, C, *), and each step by itself.

    Weight and bias are (steps * C,). Mean and variance are those of the batch, and move `running` (mean, variance, batches
    counted, with a row for each step, from row `first`; all in place) by `momentum`, or by 1 over the batches counted if it is
    negative; or else they are `given`, (steps * C,).
    """
    x = cast(x, FLOAT)
    groups, count = steps * x.shape[1], x.size // max(steps * x.shape[1], 1)
    if x.size == 0:
        zero = (None if weight is None else groups), (None if bias is None else groups)
        return empty(x.shape), lambda g: (g, *(None if n is None else fill((n,), 0.0) for n in zero))
    if given is None:
        mean, var, rstd, scale = _statistics(x, steps, weight, eps)
        if running is not None:
            _move(mean, var, running, first, x.shape[1], momentum, count)
    else:
        mean, var = given
        rstd = apply(apply(var, "affine", 1.0, eps), "rsqrt")
        scale = rstd if weight is None else combine(rstd, weight, "multiply")
    batch, weighted, biased = given is None, weight is not None, bias is not None

    def pullback(g: Array) -> Any:
        found: list[Array] = []

        def joined(which: int) -> Array:
            """Return the gradient of the bias or of the weight, the mean of g, or what x - mean is multiplied by."""
            if not found:
                sums, _ = _sums(x, steps, g, mean)
                found.extend(empty((groups,)) for _ in range(4))
                kernel("batch_norm_join_backward")(
                    grid(groups), 4 * sums.size, sums=sums, rstd=rstd, gb=found[0], gw=found[1], mean=found[2],
                    slope=found[3], n=groups, parts=sums.shape[0], all=count,
                )  # fmt: skip
            return found[which]

        def to_x() -> Array:
            if not batch:
                return _normalized(g, steps, None, zeros, scale, zeros, None)
            return _normalized(x, steps, g, mean, scale, joined(2), joined(3))

        return to_x, (lambda: joined(1)) if weighted else None, (lambda: joined(0)) if biased else None

    zeros = fill((groups,), 0.0)
    return _normalized(x, steps, None, mean, scale, zeros if bias is None else bias, None), pullback
