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

# in the order of the cases in shaders/include/surrogates.glsl
SURROGATES = ("ATan", "Sigmoid", "FastSigmoid", "PiecewiseQuadratic", "PiecewiseExp", "SuperSpike", "Erf", "Rect")
KINDS = {"IF": 0, "LIF": 1, "PLIF": 2}
USER, GIVEN = 100, 255  # a GLSL line of the user, a function of the user
_UNROLLED = 32  # beyond it the driver no longer unrolls the time loop, and one pipeline serves every T


@dataclass(frozen=True)
class Surrogate:
    """How a surrogate gradient is computed: by a case of the shader, by a user's GLSL, or by a function.

    Attributes:
        code: the case in ``surrogates.glsl``.
        alpha: its sharpness.
        define: a user's GLSL macro, or None.
        function: a user's function from H - threshold to its gradient, or None.
    """

    code: int
    alpha: float
    define: str | None = None
    function: Callable[[Array], Array] | None = None

    def kernel(self, name: str) -> Kernel:
        """Return the shader of this name, compiled with the user's GLSL if there is one."""
        if self.define is None:
            return kernel(name)
        from grillyx.engine.kernel import custom_kernel

        return _custom(name, self.define, custom_kernel)


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
        s.kernel("surrogate")(
            grid(quads), 12 * gx.size, x=x, gy=gy, gx=gx, quads=quads, alpha=s.alpha, SURROGATE=s.code
        )
    return gx


def spike(x: Array, *, surrogate: Surrogate) -> Result:
    """1 where x >= 0, else 0; the gradient is the surrogate's."""
    x = cast(x, FLOAT)
    y = apply(x, "greater_equal", 0.0).view(FLOAT)
    return y, lambda g: (surrogate_gradient(x, g, surrogate),)


def neuron(
    x: Array, v0: Array | None, w: Array | None, *, kind: str, q: float, threshold: float, reset: float | None,
    decay_input: bool, detach_reset: bool, surrogate: Surrogate, keep: bool, store_v_seq: bool,
) -> Result:  # fmt: skip
    """Run x (T, *) through a neuron; the value is ``(spikes (T, *), v (*), v_seq (T, *) or None)``.

    `keep` keeps H (T, *) for the backward pass; w is the scalar of a ParametricLIF.
    """
    x, v0 = cast(x, FLOAT), None if v0 is None else cast(v0, FLOAT)
    steps, state = x.shape[0], x.shape[1:]
    m = math.prod(state)
    threads = -(-m // 4)
    s, v_last = empty(x.shape), empty(state)
    h = empty(x.shape) if keep else None
    v_seq = empty(x.shape) if store_v_seq else None
    rest = 0.0 if reset is None else reset
    shared = {
        "n": threads, "m": m, "steps": steps, "q": q, "threshold": threshold, "rest": rest, "KIND": KINDS[kind],
        "DECAY": int(decay_input), "SOFT": int(reset is None), "STEPS": steps if steps <= _UNROLLED else 0,
        "WIDE": int(m % 4 == 0), "START": int(v0 is not None),
    }  # fmt: skip
    if x.size:
        kernel("neuron_forward")(
            grid(threads), 12 * x.size, x=x, v0=v0 or x, w=w or x, s=s, v_last=v_last, h=h or s, v_seq=v_seq or s,
            KEEP_H=int(keep), KEEP_V=int(store_v_seq), **shared,
        )  # fmt: skip
    elif m:
        raise ValueError(f"neuron: no time steps, got an input of shape {x.shape}; expected (T, ...) with T >= 1.")

    if h is None:
        return (s, v_last, v_seq), None
    size = x.size  # the pullback keeps h, and neither x nor the spikes

    def pullback(gs: Array | None, gv_last: Array | None, gv_seq: Array | None) -> Any:
        gx, gv0 = empty(h.shape), empty(state)
        gw = empty((threads,)) if kind == "PLIF" else None
        if size:
            sg = None
            if surrogate.function is not None:
                sg = surrogate.function(apply(h, "affine", 1.0, -threshold))
            surrogate.kernel("neuron_backward")(
                grid(threads), 16 * size, h=h, gs=gs or h, gv_seq=gv_seq or h, gv_last=gv_last or h, v0=v0 or h,
                w=w or h, sg=sg or h, gx=gx, gv0=gv0, gw=gw or gv0, alpha=surrogate.alpha, DETACH=int(detach_reset),
                SURROGATE=GIVEN if sg is not None else surrogate.code, HAS_GS=int(gs is not None),
                HAS_GV_SEQ=int(gv_seq is not None), HAS_GV_LAST=int(gv_last is not None), **shared,
            )  # fmt: skip
        total = (lambda: reduced(gw, [0], "sum").reshape(w.shape)) if gw is not None and w is not None else None
        return gx, gv0 if v0 is not None else None, total

    return (s, v_last, v_seq), pullback
