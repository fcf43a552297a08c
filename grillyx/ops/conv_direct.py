"""Convolution without a matrix of windows, on CPU devices: see `conv_subgroup.comp`."""

from __future__ import annotations

import math
from dataclasses import replace

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.conv_windows import Windows
from grillyx.ops.gemm import body
from grillyx.ops.shape import placed, sliced

_FEWEST_TAPS = 3  # kernel columns that make the loop worth its sums
_COST = {1: 36, 2: 51, 4: 82}  # as in gemm_plan


def fits(x: Array, v: Windows) -> bool:
    """Tell whether `direct` can do this, and does it well."""
    reach = (v.kernel[1] - 1) * v.dilation[1]
    lines = v.channels // v.groups * v.kernel[0]
    usual = v.stride[1] == 1 and v.kernel[1] >= _FEWEST_TAPS and reach <= 8 and lines <= LONGEST_LOOP
    return usual and v.groups <= 65535 and body(x.storage.device) == "subgroup"


def turned(v: Windows, channels: int) -> Windows:
    """Return the windows in the gradient of the output, (channels, *v.out), whose sums are the gradient of the input."""
    spans = [d * (k - 1) for d, k in zip(v.dilation, v.kernel, strict=True)]
    padding = spans[0] - v.padding[0], spans[1] - v.padding[1]
    return replace(v, channels=channels, size=v.out, out=v.size, padding=padding)


def direct(x: Array, w: Array, bias: Array | None, v: Windows, back: bool = False) -> Array:
    """Convolve x (N, v.channels, *v.size). `back`: w is that of the forward pass, whose gradient this is."""
    n, channels = x.shape[0], w.shape[1] * v.groups if back else w.shape[0]
    wide, along = -(-v.size[1] // 4), -(-v.out[1] // 4)
    if 4 * wide != v.size[1]:
        x = placed(x, [0] * 4, [1] * 4, (n, v.channels, v.size[0], 4 * wide))
    y = empty((n, channels, v.out[0], 4 * along))
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
        channels=v.channels, kh=v.kernel[0], h=v.size[0], wide=wide, oh=v.out[0], along=along, sh=v.stride[0],
        ph=v.padding[0], dh=v.dilation[0], local_size=sg, SG=sg, RA=high, TAPS=v.kernel[1], DW=v.dilation[1],
        PW=v.padding[1], BIAS=int(bias is not None),
    )  # fmt: skip
    return y if 4 * along == v.out[1] else sliced(y, [0] * 4, [1] * 4, (n, channels, *v.out))
