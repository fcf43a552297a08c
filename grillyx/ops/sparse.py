"""Products with sparse matrices in compressed rows, such as graphs: sums, extrema and softmax over the entries of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grillyx.engine.array import UINT, Array, empty, from_numpy
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import combine
from grillyx.ops.shape import fill

_PART = 256  # entries of a row that one thread takes: longer rows are split, so that hubs keep nobody waiting


@dataclass(frozen=True, eq=False)
class Split:
    """Rows in parts of bounded length: see `sparse.glsl`."""

    first: Array  # (parts + 1,)
    owner: Array  # (parts,)
    place: Array  # (parts,)
    long_first: Array  # (count + 1,)
    long_row: Array  # (count,)
    pieces: int


@dataclass(frozen=True, eq=False)
class Csr:
    """A sparse matrix (rows, columns) in compressed rows, on the device; its values are kept elsewhere, by edges.

    Attributes:
        start: (rows + 1,) int32: the entries of row i are start[i] to start[i + 1].
        index: (E,) int32: the column of each entry.
        edge: (E,) int32: which edge, in the order of the user, each entry is.
        row: (E,) int32: the row of each entry.
        share: (rows, 1) float32: 1 / number of entries; 1 where there is none.
        split: how rows are cut into parts; None if none is longer than a part.
    """

    start: Array
    index: Array
    edge: Array
    rows: int
    columns: int
    row: Array
    share: Array
    split: Split | None

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self.index.size


def _words(values: np.ndarray) -> Array:
    return from_numpy(np.ascontiguousarray(values, np.int32))


def _split(start: np.ndarray) -> Split | None:
    counts = np.diff(start)
    longest = int(counts.max(initial=0))
    part = max(_PART, 1 << max(longest - 1, 1).bit_length() // 2)  # the parts of a row are joined in one loop
    if longest <= part:
        return None
    parts = np.maximum(-(-counts // part), 1)
    owner = np.repeat(np.arange(counts.size), parts)
    inside = np.arange(owner.size) - np.repeat(np.cumsum(parts) - parts, parts)  # which part of its row
    several = parts[owner] > 1
    place = np.where(several, counts.size + np.cumsum(several) - 1, owner)
    long_row = np.flatnonzero(parts > 1)
    first = np.append(start[owner] + inside * part, start[-1])
    long_first = np.append(0, np.cumsum(parts[long_row]))
    return Split(_words(first), _words(owner), _words(place), _words(long_first), _words(long_row), int(several.sum()))


def _compress(rows: np.ndarray, columns: np.ndarray, count_rows: int, count_columns: int) -> Csr:
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=count_rows)
    start = np.append(0, np.cumsum(counts))
    share = from_numpy((1.0 / np.maximum(counts, 1)).astype(np.float32).reshape(-1, 1))
    index, row = _words(columns[order]), _words(rows[order])
    return Csr(_words(start), index, _words(order), count_rows, count_columns, row, share, _split(start))


def build(rows: Any, columns: Any, count_rows: int, count_columns: int) -> tuple[Csr, Csr]:
    """Return the matrix with an entry (rows[e], columns[e]) for each edge e, and its transpose.

    Entries of a row are in the order of edges; those that are named twice count twice. The callers have checked the range.

    Args:
        rows: (E,) integers.
        columns: (E,) integers.
        count_rows: number of rows.
        count_columns: number of columns.
    """
    rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
    return _compress(rows, columns, count_rows, count_columns), _compress(columns, rows, count_columns, count_rows)


def _parts(a: Csr, leads: int, units: int) -> dict[str, Any]:
    """Return what the include `sparse.glsl` wants."""
    s = a.split
    count, first, owner, place = (
        (a.rows, a.start, a.start, a.start) if s is None else (s.owner.size, s.first, s.owner, s.place)
    )
    return {
        "n": leads * count * units, "parts": count, "units": units, "rows": a.rows, "pieces": s.pieces if s else 0,
        "first": first, "owner": owner, "place": place, "SPLIT": int(s is not None),
    }  # fmt: skip


def _join(name: str, a: Csr, leads: int, units: int, **arrays: Any) -> None:
    """Join the pieces of the rows that have several parts."""
    s = a.split
    assert s is not None
    n = leads * s.long_row.size * units
    kernel(name)(
        grid(n), 8 * leads * s.pieces * units, n=n, count=s.long_row.size, units=units, rows=a.rows, pieces=s.pieces,
        long_first=s.long_first, long_row=s.long_row, **arrays,
    )  # fmt: skip


class _Sizes(NamedTuple):
    leads: int  # of x
    heads: int
    per: int  # features of a head
    own: int  # leads of the weight: 1 or those of x

    @property
    def width(self) -> int:
        return self.heads * self.per


def multiply(a: Csr, x: Array | None, weight: Array | None, v: _Sizes, shape: Any, pick: Array | None = None) -> Array:
    """Return the sums over the entries of each row of a; x None counts as 1."""
    y = empty(shape)
    if y.size == 0 or a.entries == 0:
        return fill(shape, 0.0)
    wide = v.per % 4 == 0 and x is not None
    units, per = (v.width // 4, v.per // 4) if wide else (v.width, v.per)
    parts = _parts(a, v.leads, units)
    rest = empty((v.leads, parts["pieces"], v.width)) if a.split else y
    kernel("sparse_matmul")(
        grid(parts["n"]), 4 * v.leads * a.entries * (v.width + 3), x=x or a.share,
        weight=weight or a.share, index=a.index, edge=a.edge, pick=pick or a.edge, y=y, rest=rest, columns=a.columns,
        per=per, heads=v.heads, weights=a.entries * v.heads if v.own > 1 else 0, WIDE=int(wide),
        WEIGHTED=int(weight is not None), ONES=int(x is None), PICKED=int(pick is not None), **parts,
    )  # fmt: skip
    if a.split:
        _join("sparse_join", a, v.leads, v.width, rest=rest, y=y)
    return y


def dots(a: Csr, g: Array, x: Array | None, v: _Sizes, shape: Any, pick: Array | None = None) -> Array:
    """Return the gradient of weights: for each edge the product of rows of g and x; x None counts as 1."""
    gw = empty(shape)
    if gw.size == 0 or v.leads * v.per == 0:
        return fill(shape, 0.0)
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
    v = _Sizes(leads, heads, x.shape[-1], own)
    y = multiply(csr, x, weight, v, (*lead, csr.rows, *x.shape[1 - axes :]))
    before = x.shape

    def pullback(g: Array) -> Any:
        by_x = lambda: multiply(csc, g, weight, v, before)  # noqa: E731
        return (by_x, None) if weight is None else (by_x, lambda: dots(csr, g, x, v, weight.shape))

    return y, pullback


def sparse_sum(weight: Array, *, csr: Csr) -> Result:
    """Sums of the weights (*, E, H) of each row's edges."""
    lead, heads = weight.shape[:-2], weight.shape[-1]
    v = _Sizes(math.prod(lead), heads, 1, math.prod(lead))
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
        y, pick, parts = empty(shape), empty(shape, UINT), _parts(csr, leads, width)
        pieces = (leads, parts["pieces"], width)
        rest, rest_pick = (empty(pieces), empty(pieces, UINT)) if csr.split else (y, pick)
        kernel("sparse_extremum")(
            grid(parts["n"]), 4 * leads * csr.entries * (width + 3), x=x, weight=weight or csr.share, index=csr.index,
            edge=csr.edge, y=y, pick=pick, rest=rest, rest_pick=rest_pick, columns=csr.columns,
            WEIGHTED=int(weight is not None), MIN=int(least), **parts,
        )  # fmt: skip
        if csr.split:
            _join(
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
    v, before = _Sizes(leads, 1, width, 1), x.shape

    def pullback(g: Array) -> Any:
        by_x = lambda: multiply(csc, g, weight, v, before, pick)  # noqa: E731
        return (by_x, None) if weight is None else (by_x, lambda: dots(csr, g, x, v, weight.shape, pick))

    return y, pullback


def _softmax(csr: Csr, source: Array, target: Array | None, shape: Any, negative: float) -> Result:
    """Softmax over the entries of each row, in the order of edges, of scores or of leaky_relu(source + target)."""
    if math.prod(shape) == 0:
        return empty(shape), lambda g: empty(shape)
    leads, heads = math.prod(shape[:-2]), shape[-1]
    parts = _parts(csr, leads, heads)
    bytes = 16 * math.prod(shape)
    y = empty(shape)
    common: dict[str, Any] = parts | {
        "source": source, "target": target or source, "index": csr.index, "edge": csr.edge, "columns": csr.columns,
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
            _join("sparse_softmax_join", csr, leads, heads, rest=rest, total=total)
        else:
            _join("sparse_join", csr, leads, heads, rest=rest, y=total)
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
    v = _Sizes(math.prod(lead), heads, 1, math.prod(lead))

    def pullback(g: Array) -> Any:
        gs = inner(g)  # type: ignore[misc]
        return multiply(csc, None, gs, v, source.shape), multiply(csr, None, gs, v, target.shape)

    return y, pullback
