"""Sparse rows: which columns each row has, on the device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grillyx.engine.array import Array, from_numpy


class Csr(NamedTuple):
    """Compressed sparse rows; all arrays are int32."""

    start: Array
    index: Array
    edge: Array
    rows: int
    columns: int


def _sorted(rows: np.ndarray, columns: np.ndarray, count_rows: int, count_columns: int) -> Csr:
    order = np.argsort(rows, kind="stable")
    start = np.zeros(count_rows + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=count_rows), out=start[1:])
    index, edge = columns[order].astype(np.int32), order.astype(np.int32)
    return Csr(from_numpy(start), from_numpy(index), from_numpy(edge), count_rows, count_columns)


def build(rows: np.ndarray, columns: np.ndarray, count_rows: int, count_columns: int) -> tuple[Csr, Csr]:
    """Return the rows and their transpose; entries of a row keep the order of the edges."""
    return _sorted(rows, columns, count_rows, count_columns), _sorted(columns, rows, count_columns, count_rows)
