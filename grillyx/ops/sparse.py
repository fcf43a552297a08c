"""Products with sparse matrices in compressed rows, such as graphs: sums, extrema and softmax over the entries of each row."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from grillyx.engine.array import UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.conv_direct import padded_rows
from grillyx.ops.csr import PART
from grillyx.ops.csr import Csr as Csr
from grillyx.ops.csr import build as build
from grillyx.ops.gemm_plan import body
from grillyx.ops.pointwise import combine
from grillyx.ops.shape import fill

_EACH = 4  # quads of a lane


def entries_of(a: Csr) -> dict[str, Any]:
    """Return what all kernels want that go over the parts of rows."""
    s = a.split
    return {
        "first": s.first if s else a.start, "index": a.index, "edge": a.edge, "parts": a.parts, "rows": a.rows,
        "SPLIT": int(s is not None),
    }  # fmt: skip


def places_of(a: Csr) -> dict[str, Any]:
    """Return what kernels want that write a result for each part."""
    s = a.split
    return entries_of(a) | {"place": s.place if s else a.start, "pieces": s.pieces if s else 0}


def parts_of(a: Csr, leads: int, units: int) -> dict[str, Any]:
    """Return what `PART` of `sparse.glsl` wants."""
    owner = a.split.owner if a.split else a.start
    return places_of(a) | {"n": leads * a.parts * units, "units": units, "owner": owner}


def join(name: str, a: Csr, leads: int, units: int, **arrays: Any) -> None:
    """Join the pieces of the rows that have several parts."""
    s = a.split
    assert s is not None
    n = leads * s.long_row.size * units
    kernel(name)(
        grid(n), 8 * leads * s.pieces * units, n=n, count=s.long_row.size, units=units, rows=a.rows, pieces=s.pieces,
        long_first=s.long_first, long_row=s.long_row, **arrays,
    )  # fmt: skip


class Sizes(NamedTuple):
    """Sizes of x (leads, columns, heads, per) and of the weight (own, E, heads), where own is 1 or leads."""

    leads: int
    heads: int
    per: int
    own: int

    @property
    def width(self) -> int:
        """Features of a row."""
        return self.heads * self.per


def multiply(a: Csr, x: Array | None, weight: Array | None, v: Sizes, shape: Any, pick: Array | None = None) -> Array:
    """Return the sums over the entries of each row of a; x None counts as 1."""
    if math.prod(shape) == 0 or a.entries == 0:
        return fill(shape, 0.0)
    y = empty(shape)
    rest = empty((v.leads, a.split.pieces, v.width)) if a.split else y
    if x is not None and pick is None and v.per > 1 and body(y.storage.device) == "subgroup":
        _multiply_subgroup(a, x, weight, v, y, rest)
    else:
        wide = v.per % 4 == 0 and x is not None
        units, per = (v.width // 4, v.per // 4) if wide else (v.width, v.per)
        parts = parts_of(a, v.leads, units)
        kernel("sparse_matmul")(
            grid(parts["n"]), _work(a, v), x=x or a.share, weight=weight or a.share,
            pick=pick or a.edge, y=y, rest=rest, columns=a.columns, per=per, heads=v.heads,
            weights=a.entries * v.heads if v.own > 1 else 0, WIDE=int(wide), WEIGHTED=int(weight is not None),
            ONES=int(x is None), PICKED=int(pick is not None), **parts,
        )  # fmt: skip
    if a.split:
        join("sparse_join", a, v.leads, v.width, rest=rest, y=y)
    return y


def _work(a: Csr, v: Sizes) -> int:
    return 4 * v.leads * (a.entries * (v.width + 3) + a.rows * v.width)


def _multiply_subgroup(a: Csr, x: Array, weight: Array | None, v: Sizes, y: Array, rest: Array) -> None:
    sg, quads = y.storage.device.info.subgroup_size, -(-v.per // 4)
    lanes = min(sg, 1 << (quads - 1).bit_length())
    each = min(_EACH, -(-quads // lanes))
    per = -(-quads // (lanes * each))
    n = v.leads * per * v.heads * a.parts
    spread = -(-n // (sg // lanes * 128))
    kernel("sparse_matmul_subgroup")(
        grid(128 * spread, 1), _work(a, v), x=padded_rows(x), weight=weight or a.share, y=y, rest=rest, n=n,
        columns=a.columns, blocks=per * v.heads, per=per, quads=quads, width=v.per, heads=v.heads,
        weights=a.entries * v.heads if v.own > 1 else 0, spread=spread, local_size=sg, LANES=lanes, EACH=each,
        AHEAD=min(lanes * each // 8, 2), WIDE=int(v.per % 4 == 0), SORTED=int(a.sorted), WEIGHTED=int(weight is not None),
        **places_of(a),
    )  # fmt: skip


def _dots_subgroup(a: Csr, g: Array, x: Array, v: Sizes, gw: Array, most: int) -> None:
    sg, quads = gw.storage.device.info.subgroup_size, -(-v.per // 4)
    lanes = min(sg, 1 << (quads - 1).bit_length())
    each = min(_EACH, -(-quads // lanes))
    n = v.own * v.heads * a.parts
    spread = -(-n // (sg // lanes * 128))
    g, x, inside = padded_rows(g), padded_rows(x), v.leads // v.own
    for lead in range(0, inside, most):
        leads = min(most, inside - lead)
        kernel("sparse_dot_subgroup")(
            grid(128 * spread, 1), _work(a, v), g=g, x=x, gw=gw, n=n, columns=a.columns, entries=a.entries, heads=v.heads,
            quads=quads, lead0=lead, leads=leads, spread=spread, owner=a.split.owner if a.split else a.start, local_size=sg,
            LANES=lanes, EACH=each, AHEAD=min(lanes * each // 8, 2), SORTED=int(a.sorted), ADD=int(lead > 0), **entries_of(a),
        )  # fmt: skip


def dots(a: Csr, g: Array, x: Array | None, v: Sizes, shape: Any, pick: Array | None = None) -> Array:
    """Return the gradient of weights: for each edge the product of rows of g and x; x None counts as 1."""
    gw = empty(shape)
    if gw.size == 0 or v.leads * v.per == 0:
        return fill(shape, 0.0)
    chunks = 2 * (a.split.part if a.split else PART) * -(-v.per // 16)  # rounds of a thread at most, for each lead
    if (
        x is not None
        and pick is None
        and v.per > 4
        and body(gw.storage.device) == "subgroup"
        and chunks <= LONGEST_LOOP
    ):
        _dots_subgroup(a, g, x, v, gw, LONGEST_LOOP // chunks)
        return gw
    wide = v.per % 4 == 0
    per = v.per // 4 if wide else v.per
    inside = v.leads // v.own  # leads that a thread adds up
    most = max(LONGEST_LOOP // per, 1)
    for lead in range(0, inside, most):
        leads = min(most, inside - lead)
        for begin in range(0, per, LONGEST_LOOP):
            end = min(begin + LONGEST_LOOP, per)
            kernel("sparse_dot")(
                grid(gw.size), 8 * gw.size * leads * (end - begin) * (4 if wide else 1), n=gw.size, entries=a.entries,
                heads=v.heads, rows=a.rows, columns=a.columns, units=per * v.heads, per=per, lead0=lead, leads=leads,
                begin=begin, end=end, g=g, x=x or g, pick=pick or a.edge, row=a.row, index=a.index, edge=a.edge, gw=gw,
                WIDE=int(wide), ONES=int(x is None), PICKED=int(pick is not None), ADD=int(lead + begin > 0),
            )  # fmt: skip
    return gw


def sparse_matmul(x: Array, weight: Array | None, *, csr: Csr, csc: Csr) -> Result:
    """Sums of weighted rows of x (*, columns, F); or (*, columns, H, C) where the weight, (*, E, H), has heads."""
    heads = 1 if weight is None or weight.ndim == 1 else weight.shape[-1]
    axes = 2 if weight is None or weight.ndim == 1 else 3
    lead = x.shape[:-axes]
    leads = math.prod(lead)
    own = leads if weight is not None and weight.ndim > 2 else 1
    v = Sizes(leads, heads, x.shape[-1], own)
    y = multiply(csr, x, weight, v, (*lead, csr.rows, *x.shape[1 - axes :]))
    before = x.shape

    def pullback(g: Array) -> Any:
        by_x = lambda: multiply(csc, g, weight, v, before)  # noqa: E731
        return (by_x, None) if weight is None else (by_x, lambda: dots(csr, g, x, v, weight.shape))

    return y, pullback


def sparse_sum(weight: Array, *, csr: Csr) -> Result:
    """Sums of the weights (*, E, H) of each row's edges."""
    lead, heads = weight.shape[:-2], weight.shape[-1]
    v = Sizes(math.prod(lead), heads, 1, math.prod(lead))
    y = multiply(csr, None, weight, v, (*lead, csr.rows, heads))
    return y, lambda g: (dots(csr, g, None, v, weight.shape),)


def sparse_mean(x: Array, weight: Array | None, *, csr: Csr, csc: Csr) -> Result:
    """`sparse_matmul`, divided by the number of entries of each row."""
    y, inner = sparse_matmul(x, weight, csr=csr, csc=csc)
    assert inner is not None
    return combine(y, csr.share, "multiply"), lambda g: inner(combine(g, csr.share, "multiply"))


def sparse_extremum(x: Array, weight: Array | None, *, csr: Csr, csc: Csr, least: bool) -> Result:
    """The largest or least of weighted rows of x (*, columns, F), column by column; 0 where a row has no entry."""
    lead, width = x.shape[:-2], x.shape[-1]
    leads, shape = math.prod(lead), (*lead, csr.rows, width)
    if 0 in shape or csr.entries == 0:
        y, pick = fill(shape, 0.0), None
    else:
        y, pick, parts = empty(shape), empty(shape, UINT), parts_of(csr, leads, width if width % 4 else width // 4)
        pieces = (leads, parts["pieces"], width)
        rest, rest_pick = (empty(pieces), empty(pieces, UINT)) if csr.split else (y, pick)
        kernel("sparse_extremum")(
            grid(parts["n"]), 4 * leads * csr.entries * (width + 3), x=x, weight=weight or csr.share, y=y, pick=pick,
            rest=rest, rest_pick=rest_pick, columns=csr.columns, WEIGHTED=int(weight is not None), MIN=int(least),
            WIDE=int(width % 4 == 0), **parts,
        )  # fmt: skip
        if csr.split:
            join(
                "sparse_extremum_join",
                csr,
                leads,
                width,
                rest=rest,
                rest_pick=rest_pick,
                y=y,
                pick=pick,
                MIN=int(least),
            )
    v, before = Sizes(leads, 1, width, 1), x.shape

    def pullback(g: Array) -> Any:
        by_x = lambda: multiply(csc, g, weight, v, before, pick)  # noqa: E731
        return (by_x, None) if weight is None else (by_x, lambda: dots(csr, g, x, v, weight.shape, pick))

    return y, pullback


def _softmax(csr: Csr, source: Array, target: Array | None, shape: Any, negative: float) -> Result:
    """Softmax over the entries of each row, in the order of edges, of scores or of leaky_relu(source + target)."""
    if math.prod(shape) == 0:
        return empty(shape), lambda g: empty(shape)
    leads, heads = math.prod(shape[:-2]), shape[-1]
    parts = parts_of(csr, leads, heads)
    bytes = 16 * math.prod(shape)
    y = empty(shape)
    common: dict[str, Any] = parts | {
        "source": source, "target": target or source, "columns": csr.columns,
        "entries": csr.entries, "negative": negative, "FUSED": int(target is not None),
    }  # fmt: skip

    def run(name: str, wide: int, out: dict[str, Array], inputs: dict[str, Array]) -> None:
        groups = grid(parts["n"])
        if csr.split is None:
            kernel(name)(groups, bytes, total=csr.start, rest=empty((wide,)), REST=0, **common, **out, **inputs)
            return
        rest, total = empty((leads, parts["pieces"], heads, wide)), empty((leads, csr.rows, heads, wide))
        kernel(name)(groups, bytes, total=csr.start, rest=rest, REST=0, **common, **out, **inputs)
        if wide == 2:
            join("sparse_softmax_join", csr, leads, heads, rest=rest, total=total)
        else:
            join("sparse_join", csr, leads, heads, rest=rest, y=total)
        kernel(name)(groups, bytes, total=total, rest=rest, REST=1, **common, **out, **inputs)

    run("sparse_softmax", 2, {"y": y}, {})

    def pullback(g: Array) -> Array:
        gs = empty(shape)
        run("sparse_softmax_backward", 1, {"gs": gs}, {"a": y, "g": g})
        return gs

    return y, pullback


def edge_softmax(scores: Array, *, csr: Csr) -> Result:
    """Softmax of scores (*, E, H) over the entries of each row."""
    y, inner = _softmax(csr, scores, None, scores.shape, 0.0)
    return y, lambda g: (inner(g),)  # type: ignore[misc]


def attention(source: Array, target: Array, *, csr: Csr, csc: Csr, negative: float) -> Result:
    """`edge_softmax` of ``leaky_relu(source[column] + target[row])``, for source (*, columns, H) and target (*, rows, H)."""
    lead, heads = source.shape[:-2], source.shape[-1]
    y, inner = _softmax(csr, source, target, (*lead, csr.entries, heads), negative)
    v = Sizes(math.prod(lead), heads, 1, math.prod(lead))

    def pullback(g: Array) -> Any:
        gs = inner(g)  # type: ignore[misc]
        return multiply(csc, None, gs, v, source.shape), multiply(csr, None, gs, v, target.shape)

    return y, pullback
