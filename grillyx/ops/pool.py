"""Pooling over the last two axes."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import FLOAT, INT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.pointwise import cast

Pair = tuple[int, int]


def output_size(n: int, window: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows fit along an axis; with `ceil_mode` the last one must still start inside."""
    span = n + 2 * padding - dilation * (window - 1) - 1
    out = (-(-span // stride) if ceil_mode else span // stride) + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= n + padding else out


def _sizes(x: Array, out: Pair, window: Pair, stride: Pair, padding: Pair) -> dict[str, int]:
    return {
        "h": x.shape[-2], "w": x.shape[-1], "oh": out[0], "ow": out[1], "kh": window[0], "kw": window[1],
        "sh": stride[0], "sw": stride[1], "ph": padding[0], "pw": padding[1],
    }  # fmt: skip


def max_pool2d(x: Array, *, out: Pair, window: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Result:
    """The largest value of each window of x (..., H, W)."""
    x = cast(x, FLOAT)
    y = empty((*x.shape[:-2], *out))
    index = empty(y.shape, INT)
    sizes = _sizes(x, out, window, stride, padding) | {"dh": dilation[0], "dw": dilation[1]}
    reach = 4 * math.prod(window)
    if y.size:
        kernel("max_pool2d")(grid(y.size), reach * y.size, x=x, y=y, index=index, n=y.size, **sizes)

    before = x.shape  # the pullback does not keep x

    def pullback(g: Array) -> Any:
        gx = empty(before)
        if gx.size:
            kernel("max_pool2d_backward")(grid(gx.size), reach * gx.size, gy=g, index=index, gx=gx, n=gx.size, **sizes)
        return (gx,)

    return y, pullback


def avg_pool2d(
    x: Array, *, out: Pair, window: Pair, stride: Pair, padding: Pair, count_include_pad: bool, divisor: int
) -> Result:
    """The mean of each window of x (..., H, W)."""
    x = cast(x, FLOAT)
    y = empty((*x.shape[:-2], *out))
    sizes = _sizes(x, out, window, stride, padding) | {"fixed_": divisor, "COUNT_PAD": int(count_include_pad)}
    reach = 4 * math.prod(window)
    if y.size:
        kernel("avg_pool2d")(grid(y.size), reach * y.size, x=x, y=y, n=y.size, **sizes)

    before = x.shape  # the pullback does not keep x

    def pullback(g: Array) -> Any:
        gx = empty(before)
        if gx.size:
            kernel("avg_pool2d_backward")(grid(gx.size), reach * gx.size, gy=g, gx=gx, n=gx.size, **sizes)
        return (gx,)

    return y, pullback
