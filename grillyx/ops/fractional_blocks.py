"""Fractional neurons with all weights of their memory: steps in blocks, and what reaches a block from others is one product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops.fractional import BLOCK, Response, Run
from grillyx.ops.gemm import NN, Matrices, product
from grillyx.ops.pointwise import combine
from grillyx.ops.reduce import reduced


def _toeplitz(table: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """Return ``table[ages]``, 0 where an age is below 0 or beyond the table."""
    padded = np.concatenate([[0.0], table, [0.0]])
    return padded[np.clip(ages + 1, 0, table.size + 1)]


def _ages(rows: int, columns: int) -> np.ndarray:
    return np.arange(rows)[:, None] - np.arange(columns)[None, :]


def _quads(n: int) -> int:
    return -(-n // 4) * 4


def _matrices(x: Array, first: int, rows: int) -> Matrices:
    m = x.shape[1]
    return Matrices(x, rows, m, m, first * m)


def _blocks(steps: int) -> list[tuple[int, int]]:
    return [(first, min(BLOCK, steps - first)) for first in range(0, steps, BLOCK)]


def _past(
    r: Response, name: str, x: Array, first: int, count: int, own: bool = True, residual: Array | None = None,
    out: Matrices | None = None,
) -> Array:  # fmt: skip
    """Return what x gives to a block (count, m): currents by ``drive``, or jumps by ``-fade``, those of the block if `own`."""
    late = int(name == "fade")  # row k of the jumps lies before step k, a row of currents in it
    steps, table = x.shape[0] - late, getattr(r, name)
    size = min(BLOCK, _quads(steps))
    right = _quads(min(steps, table.size + 3))  # the column of the block's first row of x

    def weights() -> np.ndarray:
        ages = _ages(size, right + size) + right + late
        return _toeplitz(np.append(0.0, -table[1:]) if late else table, ages)

    whole = r.kept(f"{name} before {steps}", weights)
    low = max(0, first - table.size + 1 + late) // 4 * 4
    high = first + (count if own else 1)
    part = Matrices(whole, count, high - low, right + size, right - first + low)
    return product(part, _matrices(x, low, high - low), NN, residual=residual, out=out)


def _future(r: Response, name: str, gz: Array, first: int, count: int, out: Matrices) -> None:
    """Write what gradients of a block and later ones give to its currents, or those of later ones to jumps at its times."""
    late = int(name == "fade")
    steps, table = gz.shape[0], getattr(r, name)
    size = min(BLOCK, _quads(steps))
    width = _quads(min(steps, table.size + size))
    whole = r.kept(f"{name} after {steps}", lambda: _toeplitz(table, late * (size + 1) - _ages(size + late, width)))
    begin = first + late * count
    length = min(width, steps - begin)
    product(Matrices(whole, count + late, length, width), _matrices(gz, begin, length), NN, out=out)


def _grid(run: Run) -> tuple[int, int, int]:
    return grid(-(-run.x.shape[1] // 4))


def _work(run: Run, count: int) -> int:
    """Return the bytes that a block touches, or their equal in arithmetic."""
    return run.x.shape[1] * count * (16 + min(count, run.response.fade.size) // 2)


def forward(run: Run) -> None:
    """Compute ``run.s``, ``run.z`` and what else is to be kept."""
    r, x, z, spare = run.response, run.x, run.z, run.s
    assert z is not None
    state, unused = empty((2, x.shape[1])), r.array("fade")
    for first, count in _blocks(x.shape[0]):
        if first and run.jumps is not None:
            driven = _driven(r, x, first, count)
            _past(r, "fade", run.jumps, first, count, own=False, residual=driven, out=_matrices(z, first, count))
        else:
            _past(r, "drive", x, first, count, out=_matrices(z, first, count))
        kernel("fractional_forward")(
            _grid(run), _work(run, count), x=x, v0=run.v0 or x, fade=unused,
            initial=unused if r.initial is None else r.array("initial"), kick=unused if r.kick is None else r.array("kick"),
            noise=run.noise or x, z=z, s=run.s, jumps=run.jumps or spare, left=run.left or spare,
            v_seq=run.v_seq or spare, state=state, steps=count,
            START=int(run.v0 is not None and r.initial is not None), KICK=int(r.kick is not None),
            KEEP_LEFT=int(run.left is not None), KEEP_V=int(run.v_seq is not None), **run.shared, **{"from": first},
        )  # fmt: skip


def _driven(r: Response, x: Array, first: int, count: int) -> Array:
    out = empty((count, x.shape[1]))
    return _past(r, "drive", x, first, count, out=_matrices(out, 0, count))


def backward(
    run: Run, gs: Array | None, gv_seq: Array | None, sg: Array | None, wants_sums: bool
) -> tuple[Array, Array | None, Callable[[], Array]]:
    """Return the gradient of z (T, m), that of two more numbers (2, n), and what computes that of x."""
    r, x, z = run.response, run.x, run.z
    assert z is not None
    steps, m = x.shape
    gz, carry = empty(x.shape), empty((m,))
    sums = empty((2, -(-m // 4))) if wants_sums else None
    later = empty((BLOCK + 1, m)) if steps > BLOCK and r.fade.size else None
    for first, count in reversed(_blocks(steps)):
        last = first + count == steps
        if not last and later is not None:
            _future(r, "fade", gz, first, count, _matrices(later, 0, count + 1))
        run.firing.surrogate.kernel("fractional_backward")(
            _grid(run), _work(run, count), z=z, left=run.left or z, gs=gs or z, gv_seq=gv_seq or z, sg=sg or z,
            noise=run.noise or z, later=later or z, fade=r.array("fade"), gz=gz, carry=carry, sums=sums or carry,
            alpha=run.firing.surrogate.alpha, steps=count, open=int(last),
            DETACH=int(run.firing.detach_reset), GIVEN=int(sg is not None), HAS_GS=int(gs is not None),
            HAS_GV_SEQ=int(gv_seq is not None), SUMS=int(wants_sums), **run.shared, **{"from": first},
        )  # fmt: skip

    def of_currents() -> Array:
        gx = empty(x.shape)
        for first, count in _blocks(steps):
            _future(r, "drive", gz, first, count, _matrices(gx, first, count))
        return gx

    return gz, sums, of_currents


def slope(run: Run, gz: Array, slope: Response) -> Array:
    """Return ``sum gz * z'``, (1,), where z' is what currents and jumps give by the weights in `slope`."""
    total = empty(gz.shape)
    for first, count in _blocks(gz.shape[0]):
        out = _matrices(total, first, count)
        if run.jumps is not None and slope.fade.size > 1:
            driven = _driven(slope, run.x, first, count)
            _past(slope, "fade", run.jumps, first, count, residual=driven, out=out)
        else:
            _past(slope, "drive", run.x, first, count, out=out)
    return reduced(combine(total, gz, "multiply"), [0, 1], "sum").reshape((1,))
