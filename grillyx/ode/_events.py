"""Layers that live on spike times: `EventLIF`, and `encode_times` in front of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.nn import Module, Parameter
from grillyx.ops import eventprop, random

_event_lif = differentiable(eventprop.event_lif)
LEARNABLE = ("tau_mem", "tau_syn")


def encode_times(
    x: Any, t_max: float, method: str = "direct", *, cutoff: float | None = None, bias: float | None = None
) -> Tensor:  # fmt: skip
    """Return a spike time for each value: +inf where there is none.

    ``"direct"``: ``t = t_max x``. ``"latency"``: ``t = t_max (1 - x)``, so that large values come first, as with
    images.

    Examples:
        >>> encode_times([[0.0, 0.25, 1.0]], 20.0, "latency", cutoff=0.1, bias=0.0).numpy()
        array([[inf, 15.,  0.,  0.]], dtype=float32)

    Args:
        x: values in [0, 1], (*, M).
        t_max: the latest time, in the unit of the time constants.
        method: ``"direct"`` or ``"latency"``.
        cutoff: values up to this give no spike. By default all give one.
        bias: a last input that always spikes at this time. By default there is none.

    Raises:
        ValueError: values outside [0, 1]; a time that is negative or not finite; an unknown method.

    Shape: ``(*, M)`` → ``(*, M)``, or ``(*, M + 1)`` with a bias.
    """
    _check.one_of(method, ("direct", "latency"), "encode_times", "method")
    end = _time(t_max, "encode_times", "t_max")
    if not isinstance(x, Tensor):  # what is on the device is not read back
        host = np.asarray(x)
        if host.size and not (host.min() >= 0.0 and host.max() <= 1.0):
            raise ValueError(
                f"encode_times: values out of range, got from {host.min()} to {host.max()}; expected 0 to 1. Scale them first."
            )
    x = as_tensor(x).astype(np.float32)
    t = F.multiply(x, end) if method == "direct" else F.multiply(F.subtract(1.0, x), end)
    if cutoff is not None:
        t = F.where(F.greater(x, _check.number(cutoff, "encode_times", "cutoff")), t, np.inf)
    if bias is not None:
        t = F.concatenate([t, np.full((*t.shape[:-1], 1), _time(bias, "encode_times", "bias"), np.float32)], axis=-1)
    return t


def _time(value: Any, name: str, what: str) -> float:
    out = _check.number(value, name, what)
    if out < 0.0:
        raise ValueError(f"{name}: {what} out of range, got {out}; expected at least 0.")
    return out


def _positive(value: Any, name: str, what: str) -> float:
    out = _check.number(value, name, what)
    if out <= 0.0:
        raise ValueError(f"{name}: {what} must be positive, got {out}.")
    return out


def _response(tau_mem: float, tau_syn: float) -> float:
    """Return the height of V for one input spike of weight 1."""
    if math.isclose(tau_mem, tau_syn, rel_tol=1e-6):
        return math.exp(-1.0)
    return (tau_mem / tau_syn) ** (tau_mem / (tau_syn - tau_mem))


class EventLIF(Module):
    """Leaky integrate-and-fire neurons with exponential synapses, from spike times to exact spike times.

    ``tau_mem V' = I - V``, ``tau_syn I' = -I``; an input spike adds its weight to I, and V goes to 0 when it reaches
    the threshold (there is no refractory time; I goes on). Between events both are known in closed form: the kernel
    goes from event to event, and finds each crossing by Newton's method, which here cannot fail. Gradients are exact
    (EventProp): of the weights, of the times of the input spikes and, where they are learnable, of the time constants.

    Examples:
        >>> layer = grillyx.ode.EventLIF(2, 1, tau_mem=20.0, tau_syn=5.0)
        >>> _ = layer.weight.copy_([[6.0, 4.0]])
        >>> layer([[1.0, 3.0]]).numpy().round(3)  # (samples, inputs) -> (samples, outputs, spikes)
        array([[[4.77]]], dtype=float32)

    Args:
        in_features: number of inputs, M.
        out_features: number of neurons, N.
        tau_mem: time constant of the membrane, in any unit that all times share. Default 20, such as ms.
        tau_syn: time constant of the synapses. Default 5. Both may be equal.
        v_threshold: where a neuron fires. None for neurons that never do, to be read by `voltage_max`. Default 1.
        duration: when the simulation ends: nothing from then on counts, but a spike right then. None, the default: it
            goes on until nothing can happen any more.
        max_spikes: a neuron that fires more often is an error, as nothing is ever dropped. At most 1024, the default.
        weight: mean and standard deviation of the first weights, normal. By default such that all inputs together, at
            the same time, would drive V to 2 thresholds, and ``1 / sqrt(M)`` thresholds apart: ``(2 / M, 1 / sqrt(M))
            v_threshold / h``, where h is the largest V for one spike of weight 1.
        learnable: which of ``"tau_mem"`` and ``"tau_syn"`` are parameters. Default none.
        single_spike: a neuron is silent after its first spike, as where only first spikes are read. Default False.

    Attributes:
        weight: (N, M), a parameter.
        tau_mem: (), a parameter or a number on the device.
        tau_syn: likewise.
        voltage_max: the largest V of each neuron over time in the last call, (B, N), differentiable; the threshold,
            without a gradient, where the neuron fired.

    Shape: times ``(B, M)``, or ``(B, M, k)`` for up to k spikes of an input, in any order, with +inf for none →
        ``(B, N, K)``, ascending, +inf behind the last; K is the largest number of spikes in the batch, at least 1.

    Raises:
        ValueError: time constants, threshold or duration that are not positive; an unknown name in `learnable`; when
            called, a wrong shape, a time that is NaN or below 0, more than `max_spikes` spikes, more than 16,384 input
            spikes in a sample.

    Source: Wunderlich and Pehle, "Event-based backpropagation can compute exact gradients for spiking neural
    networks", 2021.
    """

    voltage_max: Tensor | None = None

    def __init__(
        self, in_features: int, out_features: int, tau_mem: float = 20.0, tau_syn: float = 5.0, v_threshold: float | None = 1.0,
        duration: float | None = None, max_spikes: int = eventprop.MOST_SPIKES, *, weight: tuple[float, float] | None = None,
        learnable: Sequence[str] = (), single_spike: bool = False,
    ) -> None:  # fmt: skip
        name = "EventLIF"
        for what, count in (("in_features", in_features), ("out_features", out_features), ("max_spikes", max_spikes)):
            if not hasattr(count, "__index__") or isinstance(count, bool) or int(count) < 1:
                raise ValueError(f"{name}: {what} is a positive integer, got {count!r}.")
        if int(max_spikes) > eventprop.MOST_SPIKES:
            raise ValueError(
                f"{name}: max_spikes out of range, got {max_spikes}; expected at most {eventprop.MOST_SPIKES}."
            )
        for what in (learnable,) if isinstance(learnable, str) else learnable:
            _check.one_of(what, LEARNABLE, name, "name in learnable")
        self.in_features, self.out_features = int(in_features), int(out_features)
        mem, syn = _positive(tau_mem, name, "tau_mem"), _positive(tau_syn, name, "tau_syn")
        self.v_threshold = None if v_threshold is None else _positive(v_threshold, name, "v_threshold")
        self.duration = None if duration is None else _positive(duration, name, "duration")
        self.max_spikes = int(max_spikes)
        if weight is None:
            unit = (self.v_threshold or 1.0) / _response(mem, syn)
            weight = (2.0 * unit / self.in_features, unit / math.sqrt(self.in_features))
        mean, deviation = (_check.number(v, name, "weight") for v in weight)
        self.weight = Parameter(random.normal((self.out_features, self.in_features), mean, deviation))
        self.tau_mem = Parameter(mem, requires_grad="tau_mem" in learnable)
        self.tau_syn = Parameter(syn, requires_grad="tau_syn" in learnable)
        self.single_spike = bool(single_spike)
        self._room = [1]  # spikes of a neuron that memory is reserved for

    def forward(self, x: Any) -> Tensor:
        """``(B, M)`` or ``(B, M, k)`` → ``(B, N, K)``."""
        x = as_tensor(x)
        if x.ndim not in (2, 3) or x.shape[1] != self.in_features:
            raise ValueError(
                f"EventLIF: spike times have the wrong shape, got {x.shape}; expected (B, {self.in_features}) or "
                f"(B, {self.in_features}, k)."
            )
        if x.dtype.kind == "b":
            raise TypeError("EventLIF: needs spike times, got booleans. Use encode_times.")
        out, self.voltage_max = _event_lif(
            x if x.ndim == 3 else x.reshape(*x.shape, 1), self.weight, self.tau_mem, self.tau_syn,
            theta=self.v_threshold or math.inf, duration=self.duration or math.inf, most=self.max_spikes, last=int(self.single_spike),
            room=self._room,
        )  # fmt: skip
        return out

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, v_threshold={self.v_threshold}, "
            f"duration={self.duration}"
        )
