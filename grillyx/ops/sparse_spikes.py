"""Products of sparse matrices with spikes, which are read as bits."""

from __future__ import annotations

import math
from typing import Any

from grillyx.engine.array import UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.csr import Csr
from grillyx.ops.gemm_plan import body
from grillyx.ops.shape import fill
from grillyx.ops.sparse import Sizes, dots, join, multiply, places_of

_NARROW = 16  # features from which on bits are read sooner, at any activity


def _packed(x: Array, leads: int, columns: int, width: int, words: int, all: int) -> Array:
    y = empty((columns, all), UINT)
    kernel("sparse_pack")(
        grid(y.size), 4 * (x.size + y.size), x=x, y=y, n=y.size, columns=columns, width=width, leads=leads, words=words,
        all=all, WIDE=int(width % 4 == 0),
    )  # fmt: skip
    return y


def _multiply(a: Csr, x: Array, weight: Array | None, leads: int, width: int, shape: Any) -> Array:
    if math.prod(shape) == 0 or a.entries == 0:
        return fill(shape, 0.0)
    y = empty(shape)
    rest = empty((leads, a.split.pieces, width)) if a.split else y
    device = y.storage.device
    sg = device.info.subgroup_size if body(device) == "subgroup" else 0
    words = -(-width // 32)
    each = min(leads * words, 4) if leads * words != 3 else 4
    blocks = -(-leads * words // each)
    bits = _packed(x, leads, a.columns, width, words, blocks * each)
    lanes, n = min(sg or 8, 8), blocks * a.parts
    spread = -(-n // (sg // lanes * 128)) if sg else 0
    kernel("sparse_spikes_subgroup" if sg else "sparse_spikes")(
        grid(128 * spread, 1) if sg else grid(n * lanes), 4 * (a.entries * (blocks * each + 3) + y.size),
        x=bits, weight=weight or a.share, y=y, rest=rest, n=n, leads=leads, words=words, all=blocks * each,
        blocks=blocks, width=width, spread=spread, local_size=sg or 64, LANES=lanes, EACH=each, WIDE=int(width % 4 == 0),
        SORTED=int(a.sorted), WEIGHTED=int(weight is not None), **places_of(a),
    )  # fmt: skip
    if a.split:
        join("sparse_join", a, leads, width, rest=rest, y=y)
    return y


def sparse_spikes(x: Array, weight: Array | None, *, csr: Csr, csc: Csr) -> Result:
    """`sparse_matmul` for spikes x (*, columns, F), which are read as bits; the gradients are the same."""
    lead, width = x.shape[:-2], x.shape[-1]
    leads = math.prod(lead)
    v, before, after = Sizes(leads, 1, width, 1), x.shape, (*lead, csr.rows, width)
    narrow = width < _NARROW
    y = multiply(csr, x, weight, v, after) if narrow else _multiply(csr, x, weight, leads, width, after)
    if weight is None:
        return y, lambda g: (multiply(csc, g, None, v, before), None)

    def pullback(g: Array) -> Any:
        return lambda: multiply(csc, g, weight, v, before), lambda: dots(csr, g, x, v, weight.shape)

    return y, pullback
