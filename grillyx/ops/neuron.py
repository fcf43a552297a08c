"""Spiking neurons: all time steps in one dispatch forward, and one backward."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import Kernel, grid, kernel
from grillyx.ops import Result
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import reduced

KINDS = {"IF": 0, "LIF": 1, "PLIF": 2}
SEGMENT = 8  # steps between two membranes that are kept; also in shaders/include/neuron.glsl
_UNROLLED = 4  # segments; beyond it the driver no longer unrolls the loop, and one pipeline serves every T
_LOOP = 255


@dataclass(frozen=True)
class Surrogate:
    """How a surrogate gradient is computed: by a line of ``surrogates.glsl``, by a user's GLSL, or by a function.

    Attributes:
        name: the line in ``surrogates.glsl``; any, where there is a line of the user's or a function.
        alpha: its sharpness.
        define: a user's GLSL macro, or None.
        function: a user's function from H - threshold to its gradient, or None.
    """

    name: str
    alpha: float
    define: str | None = None
    function: Callable[[Array], Array] | None = None

    def kernel(self, shader: str) -> Kernel:
        """Return the variant of a shader for this surrogate, compiled with the user's GLSL if there is one."""
        if self.define is None:
            return kernel(f"{shader}.{self.name}")
        from grillyx.engine.kernel import custom_kernel

        return _custom(shader, self.define, custom_kernel)


_compiled: dict[tuple[str, str], Kernel] = {}


def _custom(name: str, define: str, build: Callable[[str, dict[str, str]], Kernel]) -> Kernel:
    found = _compiled.get((name, define))
    if found is None:
        found = _compiled[name, define] = build(name, {"USER_SURROGATE(x,alpha)": define})
    return found


def surrogate_gradient(x: Array, gy: Array, s: Surrogate) -> Array:
    """Return ``gy * g(x)``."""
    if s.function is not None:
        return combine(gy, s.function(x), "multiply")
    gx = empty(x.shape)
    if gx.size:
        quads = -(-gx.size // 4)
        s.kernel("surrogate")(grid(quads), 12 * gx.size, x=x, gy=gy, gx=gx, quads=quads, alpha=s.alpha)
    return gx


def spike(x: Array, *, surrogate: Surrogate, strict: bool = False) -> Result:
    """1 where x >= 0 (`strict`: x > 0), else 0; the gradient is the surrogate's."""
    x = cast(x, FLOAT)
    y = apply(x, "greater" if strict else "greater_equal", 0.0).view(FLOAT)
    return y, lambda g: (surrogate_gradient(x, g, surrogate),)


def neuron(
    x: Array, v0: Array | None, w: Array | None, *, kind: str, q: float, threshold: float, reset: float | None,
    decay_input: bool, detach_reset: bool, surrogate: Surrogate, keep: bool, store_v_seq: bool,
) -> Result:  # fmt: skip
    """Run x (T, *) through a neuron; the value is ``(spikes (T, *), v (*), v_seq (T, *) or None)``.

    For the backward pass it keeps, if `keep`, x and the membrane at every eighth step, from which that pass computes all
    others again; w is the scalar of a ParametricLIF.
    """
    x, v0 = cast(x, FLOAT), None if v0 is None else cast(v0, FLOAT)
    steps, state = x.shape[0], x.shape[1:]
    m = math.prod(state)
    if m and not steps:
        raise ValueError(f"neuron: no time steps, got an input of shape {x.shape}; expected (T, ...) with T >= 1.")
    threads, whole = -(-m // 4), steps // SEGMENT
    s, v_last = empty(x.shape), empty(state)
    starts = empty((-(-steps // SEGMENT) - 1, *state)) if keep and steps > SEGMENT else None
    v_seq = empty(x.shape) if store_v_seq else None
    shared = {
        "n": threads, "m": m, "steps": steps, "q": q, "threshold": threshold, "rest": 0.0 if reset is None else reset,
        "KIND": KINDS[kind], "DECAY": int(decay_input), "SOFT": int(reset is None), "TAIL": steps % SEGMENT,
        "WIDE": int(m % 4 == 0), "START": int(v0 is not None),
    }  # fmt: skip
    if m:
        kernel("neuron_forward")(
            grid(threads), 8 * x.size, x=x, v0=v0 or x, w=w or x, s=s, v_last=v_last, starts=starts or s, h=s,
            v_seq=v_seq or s, KEEP_STARTS=int(starts is not None), KEEP_V=int(store_v_seq),
            WHOLE=whole if whole <= _UNROLLED else _LOOP, **shared,
        )  # fmt: skip
    if not keep:
        return (s, v_last, v_seq), None

    def distances() -> Array:
        """H - threshold, for a surrogate that is a function."""
        h, scratch = empty(x.shape), empty(x.shape)
        kernel("neuron_forward")(
            grid(threads), 12 * x.size, x=x, v0=v0 or x, w=w or x, s=scratch, v_last=empty(state), starts=scratch, h=h,
            v_seq=scratch, KEEP_H=1, **shared,
        )  # fmt: skip
        return apply(h, "affine", 1.0, -threshold)

    def pullback(gs: Array | None, gv_last: Array | None, gv_seq: Array | None) -> Any:
        gx = empty(x.shape)
        gv0 = None if v0 is None else empty(state)
        gw = empty((threads,)) if kind == "PLIF" else None
        if m:
            sg = None if surrogate.function is None else surrogate.function(distances())
            surrogate.kernel("neuron_backward")(
                grid(threads), 12 * x.size, x=x, starts=starts or x, gs=gs or x, gv_seq=gv_seq or x, gv_last=gv_last or x,
                v0=v0 or x, w=w or x, sg=sg or x, gx=gx, gv0=gv0 or gx, gw=gw or gx, alpha=surrogate.alpha,
                DETACH=int(detach_reset), GIVEN=int(sg is not None),
                HAS_GS=int(gs is not None), HAS_GV_SEQ=int(gv_seq is not None), HAS_GV_LAST=int(gv_last is not None),
                WHOLE=_LOOP if whole else 0, **shared,
            )  # fmt: skip
        total = (lambda: reduced(gw, [0], "sum").reshape(w.shape)) if gw is not None and w is not None else None
        return gx, gv0, total

    return (s, v_last, v_seq), pullback
