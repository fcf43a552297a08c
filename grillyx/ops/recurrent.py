"""LSTM and GRU over time: a product and a kernel a step."""

from __future__ import annotations

from typing import Any

from grillyx.engine.array import Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.gemm import NN, NT, TN, Matrices, product
from grillyx.ops.pointwise import combine
from grillyx.ops.reduce import reduced
from grillyx.ops.rows import rows, set_rows
from grillyx.ops.shape import fill

GATES = {"lstm": 4, "gru": 3}
_KEPT = 4  # values that either keeps for a unit


def recurrent(
    gx: Array, h0: Array, c0: Array | None, w: Array, b: Array | None, *, kind: str, reverse: bool
) -> Result:  # fmt: skip
    """Run a layer over gx (T, N, gates * H), what the inputs give to its gates, from the first step or the last.

    h0, c0 (N, H), w (gates * H, H), b (gates * H,) or None. The value is ``(h (T, N, H), last h, last c)``.
    """
    steps, batch, width = gx.shape
    size = w.shape[1]
    state = batch * size
    h, c = empty((steps + 1, batch, size)), empty((steps + 1, batch, size) if c0 is not None else (1,))
    gates, gh = empty((steps, batch, _KEPT * size)), empty((batch, width))
    first, shift = (steps, 0) if reverse else (0, 1)  # where the states begin; from a step's number to its result
    set_rows(h, first, h0)
    if c0 is not None:
        set_rows(c, first, c0)
    wide = size % 4 == 0
    unit = 4 if wide else 1
    order = range(steps - 1, -1, -1) if reverse else range(steps)
    shared = {"n": state // unit, "units": size // unit, "WIDE": int(wide)}

    def places(t: int) -> dict[str, int]:
        before, after = (t + 1 - shift) * state // unit, (t + shift) * state // unit
        return {"gx_start": t * batch * width // unit, "from": before, "to": after}

    for t in order:
        product(Matrices(h, batch, size, size, (t + 1 - shift) * state), w, NT, b, out=_whole(gh))
        kernel(f"{kind}_step")(
            grid(shared["n"]), 8 * _KEPT * state, gx=gx, gh=gh, h=h, c=c, gates=gates, **shared, **places(t)
        )
    y, last = rows(h, shift, steps + shift), steps - first
    states = (y, rows(h, last, last + 1).reshape(h0.shape), rows(c, last, last + 1).reshape(h0.shape) if c0 else None)
    biased, celled = b is not None, c0 is not None

    def pullback(g: Array | None, g_h: Array | None, g_c: Array | None) -> Any:
        ggx = empty((steps, batch, width))
        ggh = empty((steps, batch, width)) if kind == "gru" else ggx
        gy = fill((steps, batch, size), 0.0) if g is None else g
        carry = fill((batch, size), 0.0) if g_c is None else g_c
        back = fill((batch, size), 0.0) if g_h is None else g_h
        spare = [empty((batch, size)), empty((batch, size))], empty((batch, size))
        for at, t in enumerate(reversed(order)):
            after = spare[0][at % 2]
            kernel(f"{kind}_step_backward")(
                grid(shared["n"]), 12 * _KEPT * state, gates=gates, h=h, c=c, gy=gy, back=back, carry=carry, gx=ggx, gh=ggh,
                before=after, gy_start=t * state // unit, **shared, **places(t),
            )  # fmt: skip
            carry, back = after, spare[1]
            product(Matrices(ggh, batch, width, width, t * batch * width), w, NN, out=_whole(back))
        through = Matrices(ggh, steps * batch, width, width)
        before = Matrices(h, steps * batch, size, size, (1 - shift) * state)
        return (
            ggx,
            back if celled else combine(carry, back, "add"),
            carry if celled else None,
            lambda: product(through, before, TN),
            (lambda: reduced(ggh, [0, 1], "sum")) if biased else None,
        )

    return states, pullback


def _whole(x: Array) -> Matrices:
    return Matrices(x, x.shape[0], x.shape[1], x.shape[1])
