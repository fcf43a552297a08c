"""Convolution without a matrix of windows, on CPU devices: see `conv_subgroup.comp`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.conv_windows import Pair, Windows
from grillyx.ops.gemm import body

MOST_STRIDE = 4
LONGEST_REACH = 8  # words from the first to the last column of a window
_FEW_HIGH = (4, 7)  # rows of the output that a thread of `conv_few.comp` may take
_FEW, _FEW_TAPS = 3, 25  # output channels of a group, and taps: there all loops over these are unrolled
_COST = {1: 36, 2: 51, 4: 82}  # as in gemm_plan
_EACH = {1: 4, 2: 2}  # kernel rows in a round, by kernel columns


@dataclass(frozen=True)
class _Part:
    """Every `step`-th element of the output, down and across, from `start` on, and the kernel's taps that reach it.

    Attributes:
        first: the tap of the first row and column of the windows' kernel.
        taps: how many taps further the next row and the next column are.
    """

    start: Pair = (0, 0)
    step: Pair = (1, 1)
    first: int = 0
    taps: Pair = (0, 1)


def fits(x: Array, v: Windows) -> bool:
    """Tell whether `direct` can do this."""
    lines = v.channels // v.groups * v.kernel[0]
    usual = v.stride[1] <= MOST_STRIDE and (v.kernel[1] - 1) * v.dilation[1] <= LONGEST_REACH and lines <= LONGEST_LOOP
    return usual and v.groups <= 65535 and body(x.storage.device) == "subgroup"


def fits_back(g: Array, v: Windows) -> bool:
    """Tell whether `direct_back` can do this."""
    if max(v.stride) > MOST_STRIDE or 0 in (*g.shape, *v.size):
        return False
    return fits(g, replace(v, channels=g.shape[1], stride=(1, 1)))


def few(v: Windows, rows: int) -> bool:
    """Tell whether `conv_few.comp` is the better kernel, for so many output channels in a group."""
    return rows <= _FEW and 0 < math.prod(v.kernel) <= _FEW_TAPS and max(v.dilation[0], v.stride[0]) <= MOST_STRIDE


def few_constants(v: Windows) -> dict[str, int]:
    """Return the constants of `conv_few.glsl`, with as many rows for a thread as leave little to do."""
    high = min(_FEW_HIGH, key=lambda n: -(-v.out[0] // n) * (n + 3))
    return {
        "KH": v.kernel[0], "TAPS": v.kernel[1], "SH": v.stride[0], "SW": v.stride[1], "PW": v.padding[1],
        "DH": v.dilation[0], "DW": v.dilation[1], "HIGH": high,
    }  # fmt: skip


def padded_rows(x: Array) -> Array:
    """Put zeros at the end of each row, up to whole quads."""
    quads = -(-x.shape[-1] // 4)
    if 4 * quads == x.shape[-1]:
        return x
    y = empty((*x.shape[:-1], 4 * quads))
    kernel("pad_rows")(
        grid(y.size // 4), 8 * y.size, x=x, y=y, n=y.size // 4, w=x.shape[-1], quads=quads, EVEN=int(x.shape[-1] % 2 == 0)
    )  # fmt: skip
    return y


def direct(x: Array, w: Array, bias: Array | None, v: Windows) -> Array:
    """Convolve x (N, v.channels, *v.size) with w (out_channels, v.channels / v.groups, *v.kernel)."""
    y = empty((x.shape[0], w.shape[0], *v.out))
    rows = w.shape[0] // v.groups
    steps = v.depth, math.prod(v.kernel), rows * v.depth
    _run(padded_rows(x), w, bias, y, v, _Part(taps=(v.kernel[1], 1)), steps)
    return y


def direct_back(g: Array, w: Array, bias: Array | None, v: Windows) -> Array:
    """Return the gradient of the input (N, v.channels, *v.size) from g (N, out_channels, *v.out), plus a bias.

    Elements of the input that lie a stride apart see the same taps of the kernel: each such part is a convolution of g, with
    these taps turned round.
    """
    y = empty((g.shape[0], v.channels, *v.size))
    taps, own = math.prod(v.kernel), g.shape[1] // v.groups
    g = padded_rows(g)
    for windows, part in _parts(replace(v, channels=own * v.groups), v):
        _run(g, w, bias, y, windows, part, (taps, v.depth, own * v.depth))
    return y


def _parts(base: Windows, v: Windows) -> Iterator[tuple[Windows, _Part]]:
    down, across = (_axis(v, k) for k in (0, 1))
    for a, rows in enumerate(down):
        for b, columns in enumerate(across):
            (kh, u, du, dh, ph, oh), (kw, s, ds, dw, pw, ow) = rows, columns
            if 0 in (oh, ow):
                continue
            if 0 in (kh, kw):  # between the windows: nothing but a bias
                kh, kw, u, s, du, ds = 0, 1, 0, 0, 0, 0
            windows = replace(
                base, size=v.out, out=(oh, ow), kernel=(kh, kw), stride=(1, 1), padding=(ph, pw), dilation=(dh, dw)
            )
            yield windows, _Part((a, b), v.stride, u * v.kernel[1] + s, (-du * v.kernel[1], -ds))


def _axis(v: Windows, k: int) -> list[tuple[int, int, int, int, int, int]]:
    """Return for each offset below the stride: taps, the last of them, their step, dilation, padding and length."""
    n, taps, s, p, d = v.size[k], v.kernel[k], v.stride[k], v.padding[k], v.dilation[k]
    apart = s // math.gcd(s, d)
    out = []
    for a in range(s):
        mine = [u for u in range(taps) if (a + p - u * d) % s == 0]
        dilation, length = d * apart // s, -(-(n - a) // s)
        if mine:
            out.append((len(mine), mine[-1], apart, dilation, -((a + p - mine[-1] * d) // s), length))
        else:
            out.append((0, 0, 0, 1, 0, length))
    return out


def _run(
    x: Array, w: Array, bias: Array | None, y: Array, v: Windows, part: _Part, steps: tuple[int, int, int]
) -> None:
    """Convolve x, whose rows are whole quads; `steps`: words of w from row to row of the result, channel and group."""
    n, channels, (down, across) = x.shape[0], y.shape[1], y.shape[2:]
    rows, own, wide, along = channels // v.groups, v.channels // v.groups, x.shape[-1] // 4, -(-v.out[1] // 4)
    output = {
        "oh": v.out[0], "along": along, "ow": v.out[1], "area": down * across, "line": part.step[0] * across,
        "first": part.start[0] * across + part.start[1], "h": v.size[0], "wide": wide, "ph": v.padding[0],
        "BIAS": int(bias is not None), "WIDE": int(part.step[1] == 1 and across % 4 == 0), "OUT": part.step[1],
    }  # fmt: skip
    values = n * channels * math.prod(v.out)
    work = max(4 * (x.size + values), values * own * math.prod(v.kernel) // 8)
    if few(v, rows):
        constants = few_constants(v)
        blocks = -(-v.out[0] // constants["HIGH"])
        threads = n * channels * blocks * along
        kernel("conv_few")(
            grid(threads), work, x=x, w=w, bias=w if bias is None else bias, y=y, n=threads, M=rows, channels=channels,
            cg=own, blocks=blocks, row_step=steps[0], channel_step=steps[1], group_step=steps[2], tap=part.first,
            down=part.taps[0], right=part.taps[1], **output, **constants,
        )  # fmt: skip
        return
    height = -(-rows // 4) * 4
    weights = empty((v.groups * own * math.prod(v.kernel), height))
    if weights.size:
        kernel("conv_turn")(
            grid(weights.size), 8 * weights.size, w=w, y=weights, n=weights.size, rows=rows, height=height, channels=own,
            kh=v.kernel[0], kw=v.kernel[1], row_step=steps[0], channel_step=steps[1], group_step=steps[2],
            first=part.first, down=part.taps[0], along=part.taps[1],
        )  # fmt: skip
    sg = x.storage.device.info.subgroup_size
    high = min((1, 2, 4), key=lambda s: (-(-rows // (s * sg)) * _COST[s], s))
    total = n * v.out[0] * along
    tiles = -(-total // sg)
    columns, lines, _ = grid(tiles * -(-rows // (high * sg)), 1)
    kernel("conv_subgroup")(
        (columns, lines, v.groups), work, x=x, w=weights, bias=weights if bias is None else bias, y=y, M=rows,
        height=height, total=total, across=tiles, cg=own, channels=v.channels, kh=v.kernel[0], sh=v.stride[0],
        dh=v.dilation[0], local_size=sg, SG=sg, RA=high, TAPS=v.kernel[1], DW=v.dilation[1], PW=v.padding[1],
        SW=v.stride[1], EACH=_EACH.get(v.kernel[1], 1), **output,
    )  # fmt: skip
