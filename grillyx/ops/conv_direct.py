"""Convolution without a matrix of windows, on CPU devices: see `conv_subgroup.comp`."""

from __future__ import annotations

import math
from dataclasses import replace

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.conv_windows import Windows
from grillyx.ops.gemm import body
from grillyx.ops.shape import placed

_FEWEST_TAPS = 3  # kernel columns that make the loop worth its sums
_FEWEST_ROWS = 4  # channels of a group
_MOST_ZEROS = 4  # values that stand for one
_COST = {1: 36, 2: 51, 4: 82}  # as in gemm_plan


def fits(x: Array, v: Windows) -> bool:
    """Tell whether `direct` can do this, and does it well."""
    reach = (v.kernel[1] - 1) * v.dilation[1]
    lines = v.channels // v.groups * v.kernel[0]
    usual = v.stride[1] <= 2 and v.kernel[1] >= _FEWEST_TAPS and reach <= 8 and lines <= LONGEST_LOOP
    return usual and v.groups <= 65535 and body(x.storage.device) == "subgroup"


def turned(g: Array, v: Windows) -> Windows | None:
    """Return the windows in g, the gradient of the output, whose sums are the gradient of the input, if `direct` can do it.

    With strides, zeros come between the values of g; see `spread`.
    """
    if v.channels // v.groups < _FEWEST_ROWS or 0 in (*g.shape, *v.size):
        return None
    size = (v.out[0] - 1) * v.stride[0] + 1, (v.out[1] - 1) * v.stride[1] + 1
    spans = [d * (k - 1) for d, k in zip(v.dilation, v.kernel, strict=True)]
    padding = spans[0] - v.padding[0], spans[1] - v.padding[1]
    other = replace(v, channels=g.shape[1], size=size, out=v.size, padding=padding, stride=(1, 1))
    small = g.shape[0] * g.shape[1] * size[0] * (size[1] + 3) * 4 <= g.storage.device.max_bytes
    few = v.stride[0] * v.stride[1] <= _MOST_ZEROS
    return other if few and small and fits(g, other) else None


def padded_rows(x: Array) -> Array:
    """Put zeros at the end of each row, up to whole quads."""
    quads = -(-x.shape[-1] // 4)
    if 4 * quads == x.shape[-1]:
        return x
    y = empty((*x.shape[:-1], 4 * quads))
    kernel("pad_rows")(grid(y.size // 4), 8 * y.size, x=x, y=y, n=y.size // 4, w=x.shape[-1], quads=quads)
    return y


def spread(g: Array, v: Windows) -> Array:
    """Put zeros between the values of g (N, C, *v.out), where the windows went by strides."""
    if v.stride == (1, 1):
        return g
    size = [(n - 1) * s + 1 for n, s in zip(v.out, v.stride, strict=True)]
    return placed(g, [0] * 4, [1, 1, *v.stride], (*g.shape[:2], size[0], size[1]))


def direct(x: Array, w: Array, bias: Array | None, v: Windows, back: bool = False) -> Array:
    """Convolve x (N, v.channels, *v.size). `back`: w is that of the forward pass, whose gradient this is."""
    n, channels = x.shape[0], w.shape[1] * v.groups if back else w.shape[0]
    wide, along = -(-v.size[1] // 4), -(-((v.out[1] - 1) * v.stride[1] + 1) // 4)
    if 4 * wide != v.size[1]:
        x = padded_rows(x)
    y = empty((n, channels, *v.out))
    rows, own, taps = channels // v.groups, v.channels // v.groups, math.prod(v.kernel)
    height = -(-rows // 4) * 4
    weights = empty((v.groups * own * taps, height))
    kernel("conv_turn")(
        grid(weights.size), 8 * weights.size, w=w, y=weights, n=weights.size, rows=rows, height=height, channels=own,
        taps=taps, row_step=taps if back else own * taps, channel_step=rows * taps if back else taps, BACK=int(back),
    )  # fmt: skip
    sg = x.storage.device.info.subgroup_size
    high = min((1, 2, 4), key=lambda s: (-(-rows // (s * sg)) * _COST[s], s))
    total = n * v.out[0] * along
    across = -(-total // sg)
    columns, lines, _ = grid(across * -(-rows // (high * sg)), 1)
    kernel("conv_subgroup")(
        (columns, lines, v.groups), max(4 * (x.size + y.size), y.size * own * taps // 8), x=x, w=weights,
        bias=weights if bias is None else bias, y=y, M=rows, height=height, total=total, across=across, cg=own,
        channels=v.channels, kh=v.kernel[0], h=v.size[0], wide=wide, oh=v.out[0], along=along, ow=v.out[1], sh=v.stride[0],
        ph=v.padding[0], dh=v.dilation[0], local_size=sg, SG=sg, RA=high, TAPS=v.kernel[1], DW=v.dilation[1],
        PW=v.padding[1], BIAS=int(bias is not None), WIDE=int(v.stride[1] == 1 and v.out[1] % 4 == 0), SKIP=v.stride[1],
    )  # fmt: skip
    return y
