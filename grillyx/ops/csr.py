"""Sparse matrices in compressed rows, on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from grillyx.engine.array import Array, from_numpy

PART = 256  # entries of a row that one thread takes: longer rows are split, so that hubs keep nobody waiting


@dataclass(frozen=True, eq=False)
class Split:
    """Rows in parts of bounded length: see `sparse.glsl`."""

    first: Array  # (parts + 1,)
    owner: Array  # (parts,)
    place: Array  # (parts,)
    long_first: Array  # (count + 1,)
    long_row: Array  # (count,)
    pieces: int
    part: int  # entries of the longest


@dataclass(frozen=True, eq=False)
class Csr:
    """A sparse matrix (rows, columns) in compressed rows, on the device; its values are kept elsewhere, by edges.

    Attributes:
        start: (rows + 1,) int32: the entries of row i are start[i] to start[i + 1].
        index: (E,) int32: the column of each entry.
        edge: (E,) int32: which edge, in the order of the user, each entry is.
        row: (E,) int32: the row of each entry.
        share: (rows, 1) float32: 1 / number of entries; 1 where there is none.
        sorted: whether entry k is edge k.
        split: how rows are cut into parts; None if none is longer than a part.
    """

    start: Array
    index: Array
    edge: Array
    rows: int
    columns: int
    row: Array
    share: Array
    sorted: bool
    split: Split | None

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self.index.size

    @property
    def parts(self) -> int:
        """Number of parts of all rows."""
        return self.split.owner.size if self.split else self.rows


def _words(values: np.ndarray) -> Array:
    return from_numpy(np.ascontiguousarray(values, np.int32))


def _split(start: np.ndarray) -> Split | None:
    counts = np.diff(start)
    longest = int(counts.max(initial=0))
    part = max(PART, 1 << max(longest - 1, 1).bit_length() // 2)  # the parts of a row are joined in one loop
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
    return Split(
        _words(first), _words(owner), _words(place), _words(long_first), _words(long_row), int(several.sum()), part
    )


def _compress(rows: np.ndarray, columns: np.ndarray, count_rows: int, count_columns: int) -> Csr:
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=count_rows)
    start = np.append(0, np.cumsum(counts))
    share = from_numpy((1.0 / np.maximum(counts, 1)).astype(np.float32).reshape(-1, 1))
    index, row = _words(columns[order]), _words(rows[order])
    in_order = bool(np.all(order[1:] > order[:-1]))
    return Csr(_words(start), index, _words(order), count_rows, count_columns, row, share, in_order, _split(start))


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
