"""Pooling over the last two axes."""

from __future__ import annotations

import math

from grillyx.engine.array import FLOAT, INT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import cast

Pair = tuple[int, int]


def output_size(n: int, window: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows fit along an axis; with `ceil_mode` the last one must still start inside."""
    span = n + 2 * padding - dilation * (window - 1) - 1
    out = (-(-span // stride) if ceil_mode else span // stride) + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= n + padding else out


def _sizes(x: Array, out: Pair, window: Pair, stride: Pair, padding: Pair, dilation: Pair) -> dict[str, int]:
    """Return what the kernels of `pool2d.glsl` share."""
    named = {"K": window, "S": stride, "P": padding, "D": dilation}
    constants = {f"{name}{axis}": v for name, both in named.items() for axis, v in zip("HW", both, strict=True)}
    inside = all(2 * n in (m, m - 1) for n, m in zip(out, x.shape[-2:], strict=True)) and x.shape[-1] % 2 == 0
    pairs = inside and (window, stride, padding, dilation) == ((2, 2), (2, 2), (0, 0), (1, 1))
    sizes = {"planes": math.prod(x.shape[:-2]), "h": x.shape[-2], "w": x.shape[-1], "oh": out[0], "ow": out[1]}
    return sizes | constants | {"PAIRS": int(pairs), "divisor": 0}


def _run(name: str, over: Array, sizes: dict[str, int], **arrays: Array) -> None:
    """Run a kernel over the quads of an array, or, so that no loop is too long, over its elements."""
    window = sizes["KH"] * sizes["KW"]
    each = 4 if 8 * window <= LONGEST_LOOP else 1
    n = -(-over.size // each)
    kernel(name)(grid(n), 4 * window * over.size, n=n, EACH=each, **arrays, **sizes)


def _passed_back(name: str, before: tuple[int, ...], sizes: dict[str, int], **arrays: Array) -> Array:
    gx = empty(before)
    if gx.size:
        _run(name, arrays["gy"] if sizes["PAIRS"] else gx, sizes, gx=gx, **arrays)
    return gx


def max_pool2d(x: Array, *, out: Pair, window: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Result:
    """The largest value of each window of x (..., H, W)."""
    x = cast(x, FLOAT)
    y = empty((*x.shape[:-2], *out))
    index = empty(y.shape, INT)
    sizes = _sizes(x, out, window, stride, padding, dilation)
    if y.size:
        _run("max_pool2d", y, sizes, x=x, y=y, index=index)
    before = x.shape  # the pullback does not keep x
    return y, lambda g: (_passed_back("max_pool2d_backward", before, sizes, gy=g, index=index),)


def avg_pool2d(
    x: Array, *, out: Pair, window: Pair, stride: Pair, padding: Pair, count_include_pad: bool, divisor: int
) -> Result:
    """The mean of each window of x (..., H, W)."""
    x = cast(x, FLOAT)
    y = empty((*x.shape[:-2], *out))
    sizes = _sizes(x, out, window, stride, padding, (1, 1)) | {"divisor": divisor, "COUNT_PAD": int(count_include_pad)}
    if y.size:
        _run("avg_pool2d", y, sizes, x=x, y=y)
    before = x.shape  # the pullback does not keep x
    return y, lambda g: (_passed_back("avg_pool2d_backward", before, sizes, gy=g),)
