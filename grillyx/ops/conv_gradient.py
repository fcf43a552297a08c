"""The gradient of a convolution's weight without a matrix of windows, on CPU devices: see `conv_gradient.comp`."""

from __future__ import annotations

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.conv_direct import LONGEST_REACH, MOST_STRIDE, few, few_constants, padded_rows
from grillyx.ops.conv_windows import Windows
from grillyx.ops.gemm import body
from grillyx.ops.reduce import reduced

_CACHED = 1 << 18  # words of x and g that a part may take
_ENOUGH = 16  # workgroups that keep a CPU busy
_THREADS = 512  # that keep a CPU busy, of kernels with one subgroup's work in each thread
_SHORTEST = 64  # rounds
_EACH = {1: 4, 2: 2}  # kernel rows of a lane, by kernel columns
_LOAD, _CARRIED = 40, 1  # instructions


def fits(x: Array, v: Windows) -> bool:
    """Tell whether `weight_gradient` can do this."""
    usual = v.stride[1] <= MOST_STRIDE and (v.kernel[1] - 1) * v.dilation[1] <= LONGEST_REACH
    return usual and v.groups <= 4096 and body(x.storage.device) == "subgroup"


def _high(rows: int, columns: int, loads: int, sg: int) -> int:
    """Return which multiple of a subgroup's size a tile takes of so many rows."""

    def cost(s: int) -> int:
        return -(-rows // (s * sg)) * (_LOAD * (s + loads) + s * sg * (4 + (4 + _CARRIED) * columns))

    return min((1, 2, 4), key=cost)


def weight_gradient(g: Array, x: Array, bias: bool, v: Windows) -> tuple[Array, Array | None]:
    """Return the gradients of the weight (out_channels, v.depth) and of the bias, for g (N, out_channels, *v.out)."""
    g, x = padded_rows(g), padded_rows(x)
    samples, channels, down, across = g.shape
    rows, lines, along = channels // v.groups, v.channels // v.groups * v.kernel[0], across // 4
    if few(v, rows):
        return _few(g, x, bias, v)
    sg, each = x.storage.device.info.subgroup_size, _EACH.get(v.kernel[1], 1)
    shift = -v.padding[1] % 4
    loads = each * ((shift + (v.kernel[1] - 1) * v.dilation[1] + 3 * v.stride[1]) // 4 + 1)
    high = _high(rows, each * v.kernel[1], loads, sg)
    total, tiles = samples * down * along, -(-lines // (sg * each))
    at_once = tiles * -(-rows // (high * sg))
    most = 65535 // v.groups  # workgroups along z
    wanted = max(
        min((x.size + g.size) // _CACHED, most), -(-_ENOUGH // (at_once * v.groups)), -(-total // LONGEST_LOOP)
    )
    count = max(-(-total // wanted), min(_SHORTEST, LONGEST_LOOP))
    parts = -(-total // count)
    gw, sums = empty((parts, channels * v.depth)), empty((parts, channels)) if bias else None
    columns, more, _ = grid(at_once, 1)
    kernel("conv_gradient")(
        (columns, more, v.groups * parts), max(4 * (x.size + g.size), g.size * v.depth // 8), x=x, g=g, gw=gw,
        sums=gw if sums is None else sums, M=rows, groups=v.groups, across=tiles, lines=lines, kh=v.kernel[0], total=total,
        count=count, h=v.size[0], wide=x.shape[3] // 4, oh=down, along=along, sh=v.stride[0], ph=v.padding[0],
        dh=v.dilation[0], channels=v.channels // v.groups, local_size=sg, SG=sg, RA=high, TAPS=v.kernel[1],
        DW=v.dilation[1], PW=v.padding[1], SW=v.stride[1], EACH=each, SUMS=int(bias),
    )  # fmt: skip
    return _joined(gw, sums, v)


def _joined(gw: Array, sums: Array | None, v: Windows) -> tuple[Array, Array | None]:
    """Add what the parts have: gw (parts, channels * v.depth) and sums (parts, channels)."""
    first, second = (a if a is None or a.shape[0] == 1 else reduced(a, [0], "sum") for a in (gw, sums))
    assert first is not None
    return first.reshape((first.size // v.depth, v.depth)), None if second is None else second.reshape((second.size,))


def _few(g: Array, x: Array, bias: bool, v: Windows) -> tuple[Array, Array | None]:
    samples, channels, down, across = g.shape
    constants = few_constants(v)
    high = constants["HIGH"]
    own, along, blocks = v.channels // v.groups, across // 4, -(-down // high)
    total = samples * blocks * along
    wanted = max(-(-_THREADS // (channels * own)), -(-total // LONGEST_LOOP))
    count = max(-(-total // wanted), min(_SHORTEST // high, LONGEST_LOOP))
    parts = -(-total // count)
    gw, sums = empty((parts, channels * v.depth)), empty((parts, channels)) if bias else None
    n = parts * channels * own
    kernel("conv_few_gradient")(
        grid(n), max(4 * (x.size + g.size), g.size * v.depth // 8), x=x, g=g, gw=gw, sums=gw if sums is None else sums,
        n=n, M=channels // v.groups, channels=channels, cg=own, h=v.size[0], wide=x.shape[3] // 4, oh=down, along=along,
        blocks=blocks, ph=v.padding[0], total=total, count=count, SUMS=int(bias), **constants,
    )  # fmt: skip
    return _joined(gw, sums, v)
