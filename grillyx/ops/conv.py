"""Convolution: all windows become the columns of a matrix, by pieces of the batch, and a matrix product does the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.device import Device
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result, conv_gradient
from grillyx.ops.conv_direct import direct, direct_back, fits, fits_back, padded_rows
from grillyx.ops.conv_windows import Windows
from grillyx.ops.gemm import NN, NT, TN, Matrices, product
from grillyx.ops.pointwise import cast, combine
from grillyx.ops.reduce import reduced
from grillyx.ops.shape import fill, sliced, strided_copy

_SCRATCH = {True: 1 << 20, False: 1 << 24}  # words: on a CPU device, what stays in a cache
_LARGEST = 1 << 24  # words that the windows of one sample may take before its rows are cut
_NARROW = 64  # outputs of a sample that are too few for a product of their own


@dataclass(frozen=True)
class _Piece:
    """`samples` from `first` on, and of their output `rows` from `top` on; `full` words in a plane of the output."""

    first: int
    samples: int
    top: int
    rows: int
    across: int
    full: int

    @property
    def plane(self) -> int:
        return self.rows * self.across

    @property
    def columns(self) -> int:
        return self.samples * self.plane

    @property
    def joined(self) -> bool:
        """Whether all samples go into one product: each alone would be narrow, or not aligned."""
        return self.samples > 1 and (self.plane % 4 != 0 or self.plane < _NARROW)


def _pieces(v: Windows, samples: int, height: int, device: Device) -> Iterator[_Piece]:
    down, across = v.out
    rows = v.groups * height
    limit = _SCRATCH[device.info.type == "cpu"]
    at_once = max(1, min(samples, limit // (rows * down * across)))
    if samples > at_once > 4:
        at_once -= at_once % 4
    largest = min(_LARGEST, device.max_bytes // 4)
    top = down if rows * down * across <= largest else max(1, largest // (rows * across))
    for first in range(0, samples, at_once):
        for y in range(0, down, top):
            yield _Piece(first, min(at_once, samples - first), y, min(top, down - y), across, down * across)


def _height(v: Windows, bias: bool) -> int:
    """Return the rows that a group takes, in whole quads; a bias is a row of ones."""
    return -(-(v.depth + bias) // 4) * 4


def _packed(w: Array, bias: Array | None, depth: int, height: int) -> Array:
    if depth == height:
        return w
    y = empty((w.shape[0], height))
    kernel("conv_weight")(
        grid(y.size), 8 * y.size, w=w, bias=w if bias is None else bias, y=y, n=y.size, k=depth, kg=height,
        BIAS=int(bias is not None),
    )  # fmt: skip
    return y


def _numbers(v: Windows, piece: _Piece, height: int) -> dict[str, int]:
    return v.numbers() | {
        "cols": piece.columns, "kg": height, "first": piece.first, "oh": piece.rows, "ow": piece.across, "y0": piece.top,
    }  # fmt: skip


def _unfold(x: Array, v: Windows, piece: _Piece, height: int) -> Array:
    """Return (groups * height, columns): the windows, then ones, then zeros."""
    col = empty((v.groups * height, piece.columns))
    quads, numbers = -(-piece.columns // 4), _numbers(v, piece, height)
    if v.plain:
        lines = v.groups * (v.channels // v.groups * v.kernel[0] + height - v.depth)
        kernel("unfold_rows")(
            grid(lines * quads), 8 * col.size, x=x, col=col, n=lines * quads, **numbers,
            TAPS=v.kernel[1], DW=v.dilation[1], SHIFT=-v.padding[1] % 4,
        )  # fmt: skip
    else:
        n = v.groups * height * quads
        kernel("unfold")(grid(n), 16 * col.size, x=x, col=col, n=n, **numbers, WIDE=int(piece.columns % 4 == 0))
    return col


def _fold(col: Array, x: Array, bias: Array | None, v: Windows, piece: _Piece, height: int) -> None:
    n = piece.samples * v.channels * math.prod(v.size)
    options = {"ADD": int(piece.top > 0), "BIAS": int(bias is not None)}
    name = "fold"
    if v.plain:
        n, name = n // 4, "fold_rows"
        options |= {"TAPS": v.kernel[1], "DW": v.dilation[1], "PW": v.padding[1]}
    numbers = _numbers(v, piece, height)
    kernel(name)(grid(n), 16 * col.size, col=col, bias=col if bias is None else bias, x=x, n=n, **numbers, **options)


def _planes(y: Array, v: Windows, piece: _Piece) -> Matrices:
    """Describe the output of each sample and group, (channels, plane)."""
    channels, full = y.shape[1], piece.full
    own = channels // v.groups
    start = piece.first * channels * full + piece.top * piece.across
    return Matrices(y, own, piece.plane, full, start, (piece.samples, channels * full), (v.groups, own * full))


def _together(y: Array, v: Windows, piece: _Piece) -> Matrices:
    """Copy the output of all samples to (channels, samples * plane)."""
    channels, full, n = y.shape[1], piece.full, piece.columns
    out = empty((channels, n))
    shape = (channels, piece.samples, piece.plane)
    start = piece.first * channels * full + piece.top * piece.across
    strided_copy(y, start, [full, channels * full, 1], out, 0, [n, piece.plane, 1], shape)
    return _grouped(out, v)


def _grouped(a: Array, v: Windows) -> Matrices:
    rows, columns = a.shape[0] // v.groups, a.shape[1]
    return Matrices(a, rows, columns, columns, inner=(v.groups, rows * columns))


def _columns(col: Array, v: Windows, piece: _Piece) -> Matrices:
    """Describe the columns of each sample and group."""
    rows, n = col.shape[0] // v.groups, piece.columns
    return Matrices(col, rows, piece.plane, n, outer=(piece.samples, piece.plane), inner=(v.groups, rows * n))


def forward(x: Array, w: Array, bias: Array | None, v: Windows) -> Array:
    """Return (N, out_channels, *v.out) for x (N, v.channels, *v.size) and w (out_channels, v.channels / v.groups, *v.kernel)."""
    channels = w.shape[0]
    shape = (x.shape[0], channels, *v.out)
    if 0 in shape:
        return empty(shape)
    if fits(x, v):
        return direct(x, w, bias, v)
    height = _height(v, bias is not None)
    weights = _packed(w, bias, v.depth, height)
    a = _grouped(weights.reshape((channels, height)), v)
    pieces = list(_pieces(v, x.shape[0], height, x.storage.device))
    if len(pieces) == 1 and not pieces[0].joined:  # put off: what follows may become its epilogue
        return product(a, _columns(_unfold(x, v, pieces[0], height), v, pieces[0]), NN).reshape(shape)
    y = empty(shape)
    for piece in pieces:
        col = _unfold(x, v, piece, height)
        if piece.joined:
            n, full = piece.columns, piece.full
            t = product(a, _grouped(col, v), NN)
            steps = [channels * full, full, 1]
            lengths = (piece.samples, channels, piece.plane)
            strided_copy(t, 0, [piece.plane, n, 1], y, piece.first * channels * full, steps, lengths)
        else:
            product(a, _columns(col, v, piece), NN, out=_planes(y, v, piece))
    return y


def backward_input(g: Array, w: Array, bias: Array | None, v: Windows) -> Array:
    """Return what arrives at (N, v.channels, *v.size) from g (N, out_channels, *v.out), plus a bias for each channel."""
    shape = (g.shape[0], v.channels, *v.size)
    if fits_back(g, v):
        return direct_back(g, w, bias, v)
    x = empty(shape)
    if x.size == 0:
        return x
    height = _height(v, False)
    a = _grouped(_packed(w, None, v.depth, height).reshape((w.shape[0], height)), v)
    for piece in _pieces(v, g.shape[0], height, g.storage.device):
        col = empty((v.groups * height, piece.columns))
        if piece.joined:
            product(a, _together(g, v, piece), TN, out=_grouped(col, v))
        else:
            product(a, _planes(g, v, piece), TN, out=_columns(col, v, piece))
        _fold(col, x, bias, v, piece, height)
    return x


def backward_weight(g: Array, x: Array, bias: bool, v: Windows) -> tuple[Array, Array | None]:
    """Return the gradients of the weight (out_channels, v.depth) and, with `bias`, of the bias (out_channels,)."""
    channels, height = g.shape[1], _height(v, bias)
    if g.size == 0:
        return fill((channels, v.depth), 0.0), fill((channels,), 0.0) if bias else None
    if conv_gradient.fits(x, v):
        return conv_gradient.weight_gradient(g, x, bias, v)
    even = v.evened()
    if even.plain and not v.plain:  # zeros at the ends of rows, so that they can be moved by quads
        g, x, v = padded_rows(g), padded_rows(x), even
    total: Array | None = None
    for piece in _pieces(v, g.shape[0], height, g.storage.device):
        col = _unfold(x, v, piece, height)
        whole = piece.rows * piece.across == piece.full
        if piece.joined or (whole and height > piece.plane):  # one sum over all samples: fewer words than one for each
            part = product(_together(g, v, piece), _grouped(col, v), NT)
        else:
            each = product(_planes(g, v, piece), _columns(col, v, piece), NT)
            part = reduced(each.reshape((piece.samples, channels * height)), [0], "sum")
        part = part.reshape((channels, height))
        total = part if total is None else combine(total, part, "add")
        _ = total.storage.buffer  # now: a product that is put off would keep its windows
    assert total is not None
    return _columns_of(total, 0, v.depth), _columns_of(total, v.depth, 1).reshape((channels,)) if bias else None


def _columns_of(x: Array, first: int, count: int) -> Array:
    return x if x.shape[1] == count else sliced(x, [0, first], [1, 1], (x.shape[0], count))


def conv(x: Array, weight: Array, bias: Array | None, *, windows: Windows) -> Result:
    """The convolution of x (N, C, H, W) with weight (O, C / groups, kh, kw), plus bias (O,)."""
    before, out = x.shape, (x.shape[0], weight.shape[0], *windows.out)
    v = windows.flattened()
    x = cast(x, FLOAT).reshape((*before[:2], *v.size))
    biased, shape = bias is not None, weight.shape

    def pullback(g: Array) -> Any:
        g = g.reshape((*out[:2], *v.out))
        if fits_back(g, v) and conv_gradient.fits(x, v):
            g = padded_rows(g)  # once for both
        found: list[tuple[Array, Array | None]] = []

        def both() -> tuple[Array, Array | None]:
            if not found:
                found.append(backward_weight(g, x, biased, v))
            return found[0]

        return (
            lambda: backward_input(g, weight, None, v).reshape(before),
            lambda: both()[0].reshape(shape),
            (lambda: both()[1]) if biased else None,
        )

    return forward(x, weight, bias, v).reshape(out), pullback


def conv_transpose(x: Array, weight: Array, bias: Array | None, *, windows: Windows) -> Result:
    """The gradient of a convolution with regard to its input, as a layer: weight (C, O / groups, kh, kw)."""
    x, v = cast(x, FLOAT), windows
    biased, shape = bias is not None, weight.shape

    def pullback(g: Array) -> Any:
        return (
            lambda: forward(g, weight, None, v),
            lambda: backward_weight(x, g, False, v)[0].reshape(shape),
            (lambda: reduced(g, [0, 2, 3], "sum")) if biased else None,
        )

    return backward_input(x, weight, bias, v), pullback
