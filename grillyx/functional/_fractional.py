"""The fractional neuron over a whole sequence, as a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._spiking import ATAN
from grillyx.ops import fractional as ops
from grillyx.ops.fractional import Response
from grillyx.ops.neuron import Surrogate

_neuron = differentiable(ops.fractional_neuron)
_NAME = "fractional_neuron"


def fractional_neuron(
    x: Any, v0: Any = None, *, response: Response, parameters: Sequence[Any] = (),
    slopes: Sequence[Sequence[Response]] = (), v_threshold: float = 1.0, v_reset: float | None = None,
    detach_reset: bool = False, substep: bool = True, surrogate: Surrogate = ATAN, spikes: str = "hard",
    width: float = 1.0, temperature: float = 1.0, clip: float = math.inf, noise: Any = None, store_v_seq: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Run a neuron with a fading memory over all time steps.

    With the currents I_k over step k and the jumps J_k of the membrane after it, all forgotten by the same rule,

        z_k = initial_k v0 + kick_k I_1 + sum_{j<=k} drive_{k-j} I_j - sum_{i<k} (level + fade_{k-i}) J_i
        s_k = H(z_k - v_threshold),    J_k = v_threshold s_k    or    (z_k - v_reset) s_k,    v_k = z_k - J_k

    Args:
        x: currents, (T, *).
        v0: membrane before the first step, (*); None means 0.
        response: the weights: what makes the neuron an integer or a fractional one, with or without a leak.
        parameters: tensors that the response depends on, such as alpha and tau; gradients reach them through `slopes`.
        slopes: for each parameter, the derivative of the response after each of its elements.
        v_threshold: fires at ``z >= v_threshold``.
        v_reset: membrane after a spike; None takes the threshold away.
        detach_reset: whether the gradient ignores how a spike changes the membrane.
        substep: whether a jump lies where the membrane crosses the threshold, on a line between two steps, and not at the end
            of the step: ``v_k = z_k - (1 - c) J_k - c (level + fade_1) J_k`` with ``c = (z_k - v_threshold) / (z_k - v_{k-1})``,
            cut to [0, 1], and a constant for the gradient. Firing rates then hardly depend on the step. Only for hard spikes.
        surrogate: the gradient of a hard spike; see `grillyx.nn.SurrogateFunction.spec`.
        spikes: "hard"; "soft", where ``s = sigmoid(u)`` with ``u = (clip((z - v_threshold) / width) + noise) / temperature``,
            and the gradient is its own; or "straight", where ``s = H(u)`` has the gradient of the soft one.
        width: see `spikes`.
        temperature: see `spikes`.
        clip: what lies beyond ``[-clip, clip]`` is cut off, without a gradient; see `spikes`.
        noise: see `spikes`, (T, *); None for none. It has no gradient.
        store_v_seq: whether to return the membranes after each step.

    Returns:
        ``(spikes (T, *), v_seq (T, *) or None)``.

    Raises:
        ValueError: shapes or lengths that do not fit, numbers out of range, options that exclude each other.
    """
    x = as_tensor(x)
    if x.ndim == 0 or x.shape[0] == 0:
        raise ValueError(f"{_NAME}: needs a time axis in front, got shape {x.shape}; expected (T, ...) with T >= 1.")
    _check.one_of(spikes, tuple(ops.KINDS), _NAME, "spikes")
    for name, value in (("width", width), ("temperature", temperature), ("clip", clip)):
        if not value > 0.0:
            raise ValueError(f"{_NAME}: {name} must be above 0, got {value}.")
    _check.number(v_threshold, _NAME, "v_threshold")
    if v_reset is not None:
        _check.number(v_reset, _NAME, "v_reset")
    if spikes != "hard" and substep:
        raise ValueError(
            f"{_NAME}: only hard spikes have a place inside the step, got spikes={spikes!r} and substep=True. "
            "Set substep=False."
        )
    if spikes == "hard" and noise is not None:
        raise ValueError(f"{_NAME}: hard spikes take no noise. Set spikes='soft' or 'straight'.")
    v0 = _of_shape(v0, x.shape[1:], "v0")
    noise = _of_shape(noise, x.shape, "noise")
    parameters = [as_tensor(w) for w in parameters]
    if len(parameters) != len(slopes) or any(len(s) != w.size for s, w in zip(slopes, parameters, strict=False)):
        raise ValueError(
            f"{_NAME}: slopes do not fit the parameters, got {[len(s) for s in slopes]} for sizes "
            f"{[w.size for w in parameters]}; expected one response for each element."
        )
    for r in (response, *(r for s in slopes for r in s)):
        _check_response(r, response, x.shape[0])
    firing = ops.Firing(
        float(v_threshold), None if v_reset is None else float(v_reset), surrogate, spikes, float(width), float(temperature),
        float(clip), bool(substep) and (response.fade.size > 0 or response.level != 1.0), bool(detach_reset),
    )  # fmt: skip
    keep = autograd.is_recorded(x, v0, *parameters)
    return _neuron(
        x,
        v0,
        noise,
        *parameters,
        response=response,
        firing=firing,
        slopes=slopes,
        keep=keep,
        store_v_seq=bool(store_v_seq),
    )


def _of_shape(value: Any, shape: tuple[int, ...], name: str) -> Tensor | None:
    if value is None:
        return None
    value = as_tensor(value)
    if value.shape != shape:
        raise ValueError(f"{_NAME}: {name} has the wrong shape, got {value.shape}; expected {shape}.")
    return value


def _check_response(r: Response, main: Response, steps: int) -> None:
    for name in ("initial", "kick"):
        table = getattr(r, name)
        if table is not None and table.size <= steps:
            raise ValueError(
                f"{_NAME}: {name} is too short for {steps} steps, got {table.size} entries; expected {steps + 1}."
            )
    if (r.modes is None) != (main.modes is None) or (
        r.modes is not None and main.modes is not None and not np.array_equal(r.modes[0], main.modes[0])
    ):
        raise ValueError(f"{_NAME}: a slope has other modes than the response; expected the same rho.")
    if r.drive.size == 0:
        raise ValueError(f"{_NAME}: the response has no drive; expected at least one entry.")
