"""Fractional neurons whose memory is a sum of exponentials: work and memory of a step do not grow with the steps before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.fractional import Response, Run
from grillyx.ops.neuron import SEGMENT
from grillyx.ops.reduce import reduced

_ROW = 28  # words of a mode; see shaders/include/fractional_modes.glsl


def _weights(r: Response) -> Array:
    """Return the table of the modes on the device, (n, 28)."""

    def make() -> np.ndarray:
        assert r.modes is not None
        rho, a, d = (np.asarray(v, np.float64)[:, None] for v in r.modes)
        falling = np.arange(SEGMENT + 1, 0, -1)
        return np.concatenate(
            [rho ** np.arange(SEGMENT), a * rho ** falling[1:], d * rho**falling, rho**SEGMENT, rho * 0, rho * 0], 1
        )

    weights = r.kept("modes", make)
    assert weights.shape[1] == _ROW
    return weights


def _pieces(run: Run) -> tuple[int, list[tuple[int, int]]]:
    """Return how many modes there are, and pieces of the steps that a dispatch may do: see `LONGEST_LOOP`."""
    count, steps = _weights(run.response).shape[0], run.x.shape[0]
    most = max(LONGEST_LOOP // (count + 2), 1) * SEGMENT
    return count, [(first, min(most, steps - first)) for first in range(0, steps, most)]


def _shared(run: Run, first: int, count: int, r: Response) -> dict[str, Any]:
    """Return the arguments that depend on the piece."""
    return {
        "from": first, "steps": count, "modes": r.modes[0].size if r.modes else 0,
        "fade": r.array("fade"), "drive": r.array("drive"), "weights": _weights(r),
    }  # fmt: skip


def _work(run: Run, count: int, modes: int) -> int:
    return run.x.shape[1] * count * (16 + 2 * modes)


def forward(run: Run) -> None:
    """Compute ``run.s`` and what is to be kept."""
    r, x, spare = run.response, run.x, run.s
    modes, pieces = _pieces(run)
    m, unused = x.shape[1], r.array("fade")
    state, y = empty((3, m)), empty((modes, m))
    for first, count in pieces:
        kernel("fractional_modes")(
            grid(-(-m // 4)), _work(run, count, modes), x=x, v0=run.v0 or x,
            initial=unused if r.initial is None else r.array("initial"), kick=unused if r.kick is None else r.array("kick"),
            noise=run.noise or x, z=run.z or spare, s=run.s, jumps=run.jumps or spare, left=run.left or spare,
            v_seq=run.v_seq or spare, state=state, y=y, last=int(first + count == x.shape[0]),
            START=int(run.v0 is not None and r.initial is not None), KICK=int(r.kick is not None),
            KEEP_Z=int(run.z is not None), KEEP_JUMPS=int(run.jumps is not None), KEEP_LEFT=int(run.left is not None),
            KEEP_V=int(run.v_seq is not None), **run.shared, **_shared(run, first, count, r),
        )  # fmt: skip


def backward(
    run: Run, gs: Array | None, gv_seq: Array | None, sg: Array | None, wants_sums: bool
) -> tuple[Array, Array | None, Callable[[], Array]]:
    """Return the gradient of z (T, m), that of two more numbers (2, n), and what returns that of x."""
    r, z = run.response, run.z
    assert z is not None
    modes, pieces = _pieces(run)
    steps, m = z.shape
    gz, gx, carry, y = empty(z.shape), empty(z.shape), empty((m,)), empty((modes, m))
    sums = empty((2, -(-m // 4))) if wants_sums else None
    for first, count in reversed(pieces):
        run.firing.surrogate.kernel("fractional_modes_backward")(
            grid(-(-m // 4)), _work(run, count, modes), z=z, left=run.left or z, gs=gs or z, gv_seq=gv_seq or z,
            sg=sg or z, noise=run.noise or z, gz=gz, gx=gx, carry=carry, sums=sums or carry, y=y,
            alpha=run.firing.surrogate.alpha, open=int(first + count == steps), last=int(first == 0),
            DETACH=int(run.firing.detach_reset), GIVEN=int(sg is not None), HAS_GS=int(gs is not None),
            HAS_GV_SEQ=int(gv_seq is not None), SUMS=int(wants_sums), **run.shared, **_shared(run, first, count, r),
        )  # fmt: skip
    return gz, sums, lambda: gx


def slope(run: Run, gz: Array, slope: Response) -> Array:
    """Return ``sum gz * z'``, (1,), where z' is what currents and jumps give by the weights in `slope`."""
    modes, pieces = _pieces(run)
    m = run.x.shape[1]
    total, y = empty((-(-m // 4),)), empty((modes, m))
    fades = run.jumps is not None and slope.fade.size > 1
    for first, count in pieces:
        kernel("fractional_modes_slope")(
            grid(-(-m // 4)), _work(run, count, modes), x=run.x, jumps=run.jumps or gz, gz=gz, sum=total, y=y,
            n=-(-m // 4), m=m, WIDE=int(m % 4 == 0), FADE=int(fades),
            last=int(first + count == run.x.shape[0]), **_shared(run, first, count, slope),
        )  # fmt: skip
    return reduced(total, [0], "sum").reshape((1,))
