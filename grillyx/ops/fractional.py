"""Fractional neurons: neurons whose membrane is a convolution over the whole past, with what a spike takes away included.

A linear method for ``D^alpha w = f(w, x)`` on equal steps is one answer to inputs and one to jumps, so that all of them run
here: what they are is in a `Response`, and where it comes from is not asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, Array, empty, from_numpy
from grillyx.ops import Result
from grillyx.ops.gemm import NN, product
from grillyx.ops.neuron import SEGMENT, Surrogate
from grillyx.ops.pointwise import apply, cast, combine
from grillyx.ops.reduce import reduced
from grillyx.ops.rows import rows, set_rows
from grillyx.ops.shape import joined

KINDS = {"hard": 0, "soft": 1, "straight": 2}
BLOCK = 128  # steps, a multiple of SEGMENT: a kernel goes through a block, and products go between blocks


@dataclass(frozen=True)
class Response:
    """What a method makes of currents I_k, jumps J_k and v0: float64, and the same for its derivatives after a parameter.

    The membrane before the reset is ``z_k = initial_k v0 + kick_k I_1 + sum_{j<=k} drive_{k-j} I_j
    - sum_{i<k} (level + fade_{k-i}) J_i``.

    Attributes:
        drive: (n,), the answer to a current of one step; 0 from n on.
        fade: (n,), what is left of a jump after so many steps, beyond what never fades; entry 0 is not used; 0 from n on.
        level: what never fades.
        initial: (T + 1,) or None for zeros.
        kick: (T + 1,) or None: an answer to the first current beyond that of `drive`, for methods that use it at t = 0.
        modes: ``(rho, a, d)``, (n,) each: `drive` is ``sum_i a_i rho_i^m`` and `fade` ``sum_i d_i rho_i^m`` beyond the first
            eight steps, and memory and work do not grow with T.
        error: of the modes, ``sum |error| / max(1, sum |weight|)``.
    """

    drive: np.ndarray
    fade: np.ndarray
    level: float = 0.0
    initial: np.ndarray | None = None
    kick: np.ndarray | None = None
    modes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    error: float = 0.0
    _device: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)

    def array(self, name: str) -> Array:
        """Return ``drive``, ``fade``, ``initial`` or ``kick`` on the device, followed by as many zeros as kernels read."""
        return self.kept(name, lambda: np.append(getattr(self, name), np.zeros(BLOCK + 2 * SEGMENT)))

    def kept(self, name: str, make: Any) -> Array:
        """Return what `make` gives, on the device; made once."""
        found = self._device.get(name)
        if found is None or found.storage.device.closed:
            found = self._device[name] = from_numpy(np.ascontiguousarray(make(), np.float32))
        return found


@dataclass(frozen=True)
class Firing:
    """How a membrane becomes a spike, and what a spike takes away.

    Attributes:
        threshold: the threshold.
        reset: membrane after a spike; None takes the threshold away.
        surrogate: the gradient of a hard spike.
        kind: "hard", ``H(z - threshold)``; "soft", ``sigmoid(u)`` of ``u = (clip((z - threshold) / width) + noise) /
            temperature``; "straight", ``H(u)`` with the gradient of "soft".
        width, temperature, clip: see `kind`.
        substep: whether a spike's jump is where the membrane crosses the threshold, on a line between two steps.
        detach_reset: whether the gradient ignores how a spike changes the membrane.
    """

    threshold: float
    reset: float | None
    surrogate: Surrogate
    kind: str = "hard"
    width: float = 1.0
    temperature: float = 1.0
    clip: float = math.inf
    substep: bool = False
    detach_reset: bool = False

    def arguments(self, m: int, response: Response, noise: Array | None) -> dict[str, Any]:
        """Return the arguments that all kernels take."""
        return {
            "n": -(-m // 4), "m": m, "threshold": self.threshold, "rest": 0.0 if self.reset is None else self.reset,
            "slope": 1.0 / self.width, "limit": min(self.clip, 3e38), "cold": 1.0 / self.temperature, "level": response.level,
            "WIDE": int(m % 4 == 0), "SOFT": int(self.reset is None), "FIRE": KINDS[self.kind], "SUBSTEP": int(self.substep),
            "NOISE": int(noise is not None), "LEVEL": int(response.level != 0.0), "FADE": int(response.fade.size > 0),
        }  # fmt: skip


@dataclass
class Run:
    """What the passes share: inputs, what was kept, and what is to be computed."""

    response: Response
    firing: Firing
    x: Array  # (T, m)
    v0: Array | None  # (m,)
    noise: Array | None
    s: Array
    v_seq: Array | None
    z: Array | None  # membranes before the reset
    jumps: Array | None  # (T + 1, m)
    left: Array | None  # how much of each step is left after a crossing

    @property
    def shared(self) -> dict[str, Any]:
        """Return the arguments that all kernels take."""
        return self.firing.arguments(self.x.shape[1], self.response, self.noise)


def fractional_neuron(
    x: Array, v0: Array | None, noise: Array | None, *parameters: Array, response: Response, firing: Firing,
    slopes: Sequence[Sequence[Response]], keep: bool, store_v_seq: bool,
) -> Result:  # fmt: skip
    """Run x (T, *) through a fractional neuron; the value is ``(spikes (T, *), v_seq (T, *) or None)``.

    Args:
        x: currents, one for each step.
        v0: (*), the membrane before the first step; None for 0.
        noise: (T, *), for soft spikes.
        parameters: what the response depends on; only their gradients are of interest.
        response: the method.
        firing: the neuron.
        slopes: for each parameter, the derivatives of the response after each of its elements.
        keep: whether there will be a backward pass.
        store_v_seq: whether to return the membranes after each step.
    """
    from grillyx.ops import fractional_blocks, fractional_modes

    shape, steps = x.shape, x.shape[0]
    flat = (steps, math.prod(shape[1:]))
    x, v0 = cast(x, FLOAT).reshape(flat), None if v0 is None else cast(v0, FLOAT).reshape(flat[1:])
    noise = None if noise is None else cast(noise, FLOAT).reshape(flat)
    way = fractional_blocks if response.modes is None else fractional_modes
    keeps_jumps = way is fractional_blocks or (keep and bool(parameters))
    run = Run(
        response, firing, x, v0, noise, s=empty(flat), v_seq=empty(flat) if store_v_seq else None,
        z=empty(flat) if keep or way is fractional_blocks else None,
        jumps=empty((steps + 1, flat[1])) if keeps_jumps and response.fade.size else None,
        left=empty(flat) if keep and firing.substep else None,
    )  # fmt: skip
    if x.size:
        way.forward(run)
    value = run.s.reshape(shape), None if run.v_seq is None else run.v_seq.reshape(shape)
    if not keep:
        return value, None

    def pullback(gs: Array | None, gv_seq: Array | None) -> Any:
        if not x.size:
            return (
                empty(shape), None if v0 is None else empty(shape[1:]), None,
                *(from_numpy(np.zeros(w.shape, np.float32)) for w in parameters),
            )  # fmt: skip
        sg = None
        if firing.surrogate.function is not None and firing.kind == "hard" and run.z is not None:
            sg = firing.surrogate.function(apply(run.z, "affine", 1.0, -firing.threshold))
        ups = [None if g is None else g.reshape(flat) for g in (gs, gv_seq)]
        gz, sums, gx = way.backward(run, *ups, sg, bool(parameters))

        def of_parameter(w: Array, ways: Sequence[Response]) -> Any:
            return lambda: joined([_slope(run, gz, sums, e, way) for e in ways], 0, (len(ways),), FLOAT).reshape(
                w.shape
            )

        return (
            (lambda: _kicked(run, gz, gx()).reshape(shape)),
            None if v0 is None else (lambda: _weighted(response, "initial", gz).reshape(shape[1:])),
            None,
            *(of_parameter(w, ways) for w, ways in zip(parameters, slopes, strict=True)),
        )

    return value, pullback


def _weighted(response: Response, name: str, gz: Array) -> Array:
    """Return ``sum_k c_k gz_k`` (m,), for the weights c of v0 or of the first current."""
    if getattr(response, name) is None:
        return from_numpy(np.zeros(gz.shape[1], np.float32))
    row = response.kept(f"{name} row", lambda: getattr(response, name)[None, 1 : gz.shape[0] + 1])
    return product(row, gz, NN).reshape(gz.shape[1:])


def _kicked(run: Run, gz: Array, gx: Array) -> Array:
    """Add to the gradient of the first current what it does besides."""
    if run.response.kick is not None:
        set_rows(gx, 0, combine(rows(gx, 0, 1), _weighted(run.response, "kick", gz), "add"))
    return gx


def _slope(run: Run, gz: Array, sums: Array, slope: Response, way: Any) -> Array:
    """Return the gradient of a number that the response depends on, (1,)."""
    total = way.slope(run, gz, slope)
    near = slope.kept("near", lambda: np.array([slope.fade[1] if slope.fade.size > 1 else 0.0, slope.level]))
    others = [combine(reduced(sums, [1], "sum"), near, "multiply")]
    if run.v0 is not None and slope.initial is not None:
        others.append(combine(_weighted(slope, "initial", gz), run.v0, "multiply"))
    if slope.kick is not None:
        others.append(combine(_weighted(slope, "kick", gz), rows(run.x, 0, 1).reshape(gz.shape[1:]), "multiply"))
    for other in others:
        total = combine(total, reduced(other, [0], "sum").reshape((1,)), "add")
    return total
