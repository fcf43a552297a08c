"""Random edges, drawn one by one and never from a matrix N × N. All come sorted by target."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np

from grillyx.graph._inputs import LARGEST

_BLOCK = 1 << 22  # numbers drawn at once
_BYTES = 100  # of an edge while a graph is made: int64 pairs twice, the weight, and what they are drawn from
Pairs = tuple[np.ndarray, np.ndarray]


def affordable(edges: float, owner: str, advice: str) -> None:
    """Refuse more edges than the device can count, or than this machine's memory can hold."""
    if edges > LARGEST:
        raise ValueError(f"{owner}: too many edges, got {edges:.3g}; expected at most {LARGEST}. {advice}")
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not told here
        return
    if edges * _BYTES > memory:
        raise ValueError(
            f"{owner}: too many edges for the memory, got {edges:.3g}, which take {edges * _BYTES / 2**30:.1f} GiB to make; expected "
            f"at most {memory / 2**30:.1f} GiB. {advice}"
        )


def bernoulli(rng: np.random.Generator, n: int, first: int, last: int, p: float) -> Pairs:
    """Return (sources, targets): each pair of a source in [first, last) and another node as target, with chance p.

    The distance from one edge to the next in the list of all pairs is geometric, so that edges are drawn and not pairs
    (Batagelj and Brandes, 2005).
    """
    width = last - first
    pieces = [np.zeros((2, 0), np.int64)]
    for places in _hits(rng, n * width, p):
        target, source = np.divmod(places, width)
        source += first
        kept = source != target
        pieces.append(np.stack([source[kept], target[kept]]))
    source, target = np.concatenate(pieces, 1)
    return source, target


def _hits(rng: np.random.Generator, cells: int, p: float) -> Iterator[np.ndarray]:
    """Yield the places, ascending, of the successes among trials of chance p."""
    if p <= 0.0 or not cells:
        return
    rate, at = (math.inf if p >= 1.0 else -math.log1p(-p)), -1
    while True:
        expected = (cells - 1 - at) * p
        size = min(int(expected + 4.0 * math.sqrt(expected)) + 16, _BLOCK)
        gaps = np.minimum(rng.standard_exponential(size) / rate, cells).astype(np.int64) + 1
        places = at + np.cumsum(gaps)
        if places[-1] >= cells:
            yield places[: np.searchsorted(places, cells)]
            return
        yield places
        at = int(places[-1])


def fixed_degree(rng: np.random.Generator, n: int, degree: int) -> Pairs:
    """Return (sources, targets): into every node `degree` edges, from any of the others, each at most once."""
    return _pairs(_distinct(rng, np.zeros((n, degree), np.int32), np.ones((n, degree), bool), n - 1))


def ring(rng: np.random.Generator, n: int, k: int, p: float) -> Pairs:
    """Return (sources, targets): into every node its k neighbours on a ring, each exchanged for another with chance p."""
    steps = np.append(np.arange(-(k // 2), 0), np.arange(1, k // 2 + 1))
    target = np.arange(n)[:, None]
    source = (target + steps) % n
    others = (source - (source > target)).astype(np.int32)
    return _pairs(_distinct(rng, others, rng.random((n, k)) < p, n - 1))


def _pairs(others: np.ndarray) -> Pairs:
    """Turn the numbers of the others, 0 to n - 2, into those of nodes, which leave out the target itself."""
    n, degree = others.shape
    target = np.repeat(np.arange(n), degree)
    source = others.reshape(-1).astype(np.int64)
    source += source >= target
    return source, target


def _distinct(rng: np.random.Generator, rows: np.ndarray, free: np.ndarray, others: int) -> np.ndarray:
    """Return rows of distinct numbers in [0, others), sorted: those that are free are drawn, the rest stays.

    The numbers drawn for a row are a uniform choice among those that it does not keep.
    """
    if rows.shape[1] * 4 > others:
        return _chosen(rng, rows, free, others)
    rows[free] = rng.integers(0, others, np.count_nonzero(free), dtype=np.int32)
    pending = np.arange(len(rows))
    while len(pending):  # one of two equal numbers is drawn again, so that no number that stays is lost
        block = np.sort(rows[pending], axis=1)
        again = block[:, 1:] == block[:, :-1]
        block[:, 1:][again] = rng.integers(0, others, np.count_nonzero(again), dtype=np.int32)
        rows[pending] = block
        pending = pending[again.any(1)]
    return rows


def _chosen(rng: np.random.Generator, rows: np.ndarray, free: np.ndarray, others: int) -> np.ndarray:
    """Do the same where rows take many of the numbers: every number gets a mark, and the lowest are taken."""
    degree = rows.shape[1]
    out = np.empty_like(rows)
    step = max(_BLOCK // max(others, 1), 1)
    for k in range(0, len(rows), step):
        piece = rows[k : k + step]
        marks = rng.random((len(piece), others))
        at, column = np.nonzero(~free[k : k + step])
        marks[at, piece[at, column]] = -1.0
        out[k : k + step] = np.sort(np.argpartition(marks, degree - 1, axis=1)[:, :degree], axis=1)
    return out
