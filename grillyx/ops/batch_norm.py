"""Normalisation of each channel over the batch."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import fill, sliced

_THREADS = {True: 512, False: 1 << 15}  # that keep a CPU device, or a GPU, busy


def _layout(x: Array, steps: int) -> tuple[int, int, int, int]:
    """Return the channels, the words of a plane and of a channel of a step, and how many floats a word holds."""
    inner = math.prod(x.shape[2:])
    floats = 4 if inner % 4 == 0 else 1
    return x.shape[1], inner // floats, x.shape[0] // steps * inner // floats, floats


def _sums(x: Array, steps: int, g: Array | None = None, mean: Array | None = None, scale: float = 1.0) -> Array:
    """Return the sums (k, groups) of each channel of each step.

    They are those of x; with `mean` of its squared distance; with g of two products.
    """
    channels, inner, total, floats = _layout(x, steps)
    groups = steps * channels
    wanted = _THREADS[x.storage.device.info.type == "cpu"]
    parts = max(1, min(-(-wanted // groups), total // 64), -(-total // LONGEST_LOOP))
    count = -(-total // parts)
    parts = -(-total // count)
    back = g is not None
    sums = empty((parts, (1 + back) * groups))
    kernel("batch_norm_sums")(
        grid(parts * groups), 4 * x.size * (1 + back), x=x, g=x if g is None else g, mean=x if mean is None else mean,
        sums=sums, n=parts * groups, groups=groups, channels=channels, inner=inner, total=total, count=count,
        WIDE=int(floats == 4), SQUARES=int(mean is not None and not back), BACK=int(back),
    )  # fmt: skip
    return reduced(sums, [0], "sum", scale=scale).reshape((1 + back, groups))


def _normalized(
    x: Array, steps: int, g: Array | None, mean: Array, scale: Array, bias: Array, a: Array | None
) -> Array:
    channels, inner, total, floats = _layout(x, steps)
    y = empty(x.shape)
    n = x.size // floats
    kernel("batch_norm")(
        grid(n), 8 * x.size, x=x, g=x if g is None else g, mean=mean, scale=scale, bias=bias, a=mean if a is None else a,
        y=y, n=n, channels=channels, inner=inner, block=total * channels, WIDE=int(floats == 4), BACK=int(g is not None),
        STEPS=int(steps > 1),
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
        mean = _sums(x, steps, scale=1.0 / count).reshape((groups,))
        var = _sums(x, steps, mean=mean, scale=1.0 / count).reshape((groups,))
        if running is not None:
            _move(mean, var, running, first, x.shape[1], momentum, count)
    else:
        mean, var = given
    rstd = apply(apply(var, "affine", 1.0, eps), "rsqrt")
    scale = rstd if weight is None else combine(rstd, weight, "multiply")
    batch, weighted, biased = given is None, weight is not None, bias is not None

    def pullback(g: Array) -> Any:
        found: list[Array] = []

        def summed(which: int) -> Array:
            """Return the sum of g, or that of g * (x - mean)."""
            if not found:
                both = _sums(x, steps, g, mean)
                found.extend(sliced(both, [k, 0], [1, 1], (1, groups)).reshape((groups,)) for k in (0, 1))
            return found[which]

        def to_x() -> Array:
            if not batch:
                return _normalized(g, steps, None, zeros, scale, zeros, None)
            of_g = apply(summed(0), "affine", 1.0 / count, -0.0)
            slope = apply(combine(apply(rstd, "square"), summed(1), "multiply"), "affine", 1.0 / count, -0.0)
            return _normalized(x, steps, g, mean, scale, of_g, slope)

        return (
            to_x,
            (lambda: combine(rstd, summed(1), "multiply")) if weighted else None,
            (lambda: summed(0)) if biased else None,
        )

    zeros = fill((groups,), 0.0)
    return _normalized(x, steps, None, mean, scale, zeros if bias is None else bias, None), pullback
