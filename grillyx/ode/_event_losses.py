"""Losses of spike times (B, C, K) against classes (B,), and of the largest potentials."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.nn._losses import _Loss


def _positive(value: Any, name: str, what: str) -> float:
    out = _check.number(value, name, what)
    if out <= 0.0:
        raise ValueError(f"{name}: {what} must be positive, got {out}.")
    return out


def _times(times: Any, name: str) -> Tensor:
    times = as_tensor(times)
    if times.ndim != 3 or times.shape[2] == 0:
        raise ValueError(f"{name}: spike times have the wrong shape, got {times.shape}; expected (B, C, K), K >= 1.")
    return times


def first_spikes(times: Any, silent: float, voltage_max: Any = None, v_threshold: float = 1.0) -> Tensor:
    """Return the first spike of each neuron, (B, C), and where there is none a time that stands for it.

    That is `silent`, without a gradient; or with the largest potentials ``silent (2 - voltage_max / v_threshold)``,
    which sinks to `silent` as V rises to the threshold, and so brings silent neurons back.

    Args:
        times: (B, C, K), ascending, +inf for none.
        silent: the time that stands for no spike, above 0.
        voltage_max: `EventLIF.voltage_max`, (B, C).
        v_threshold: the threshold of those neurons.

    Raises:
        ValueError: a wrong shape, or a time or threshold that is not positive.
    """
    times, silent = _times(times, "first_spikes"), _positive(silent, "first_spikes", "silent")
    late: Any = silent
    if voltage_max is not None:
        voltage_max = as_tensor(voltage_max)
        if voltage_max.shape != times.shape[:2]:
            raise ValueError(
                f"first_spikes: voltage_max has the wrong shape, got {voltage_max.shape}; expected {times.shape[:2]}."
            )
        slope = silent / _positive(v_threshold, "first_spikes", "v_threshold")
        late = F.subtract(2.0 * silent, F.multiply(voltage_max, slope))
    first = times[:, :, 0]
    return F.where(F.less(first, np.inf), first, late)


def spike_charge(times: Any, duration: float, tau: float) -> Tensor:
    """Return a count of spikes that their times can change: ``sum_k 1 - exp(-(duration - t_k) / tau)``, (B, C).

    It is the charge that a synapse of time constant tau has delivered by the end: nearly 1 for each spike well before
    it, and 0 for one right then. Spikes after the end count for nothing.

    Args:
        times: (B, C, K), +inf for none.
        duration: the end.
        tau: time constant, above 0.

    Raises:
        ValueError: a wrong shape, or numbers that are not positive.
    """
    times = _times(times, "spike_charge")
    end, rate = _positive(duration, "spike_charge", "duration"), 1.0 / _positive(tau, "spike_charge", "tau")
    before = F.where(F.less(times, end), F.subtract(end, times), 0.0)
    return F.sum(F.neg(F.expm1(F.multiply(before, -rate))), axis=2)


class TTFSLoss(_Loss):
    """Time to first spike: the neuron of the right class shall be first, and early.

    ``-log(softmax(-t / tau0)[label]) + alpha (exp(t[label] / tau1) - 1)`` for the first spikes t.

    Args:
        tau0: how far apart first spikes shall be. Default 0.5.
        tau1: what counts as late. Default 6.4.
        alpha: weight of the second term. Default 0.003.
        silent: the time that stands for a neuron without a spike, see `first_spikes`. Default ``8 tau1``.
        v_threshold: the threshold of the neurons; only used with voltage_max. Default 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: Wunderlich and Pehle, 2021; the cross-entropy of first spikes is that of Mostafa, "Supervised learning
    based on temporal coding in spiking neural networks", 2018.
    """

    def __init__(
        self, tau0: float = 0.5, tau1: float = 6.4, alpha: float = 0.003, silent: float | None = None,
        v_threshold: float = 1.0, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(reduction)
        self.tau0, self.tau1 = _positive(tau0, "TTFSLoss", "tau0"), _positive(tau1, "TTFSLoss", "tau1")
        self.alpha = _check.number(alpha, "TTFSLoss", "alpha")
        if self.alpha < 0.0:
            raise ValueError(f"TTFSLoss: alpha out of range, got {alpha}; expected at least 0.")
        self.silent = 8.0 * self.tau1 if silent is None else _positive(silent, "TTFSLoss", "silent")
        self.v_threshold = _positive(v_threshold, "TTFSLoss", "v_threshold")

    def forward(self, times: Any, target: Any, voltage_max: Any = None) -> Tensor:
        """(B, C, K), (B,), and perhaps (B, C), the largest V → (), or (B,) without a reduction."""
        first = first_spikes(times, self.silent, voltage_max, self.v_threshold)
        target = as_tensor(target)
        loss = F.cross_entropy(F.multiply(first, -1.0 / self.tau0), target, reduction=self.reduction)
        if not self.alpha:
            return loss
        right = F.sum(F.multiply(first, F.one_hot(target, first.shape[1])), axis=1)
        late = F.multiply(F.expm1(F.multiply(right, 1.0 / self.tau1)), self.alpha)
        if self.reduction != "none":
            late = F.mean(late) if self.reduction == "mean" else F.sum(late)
        return F.add(loss, late)


class VoltageMaxLoss(_Loss):
    """Cross-entropy of the largest potentials over time, such as `EventLIF.voltage_max` of neurons that never fire.

    Args:
        scale: what the potentials are multiplied by. Default 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, scale: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.scale = _positive(scale, "VoltageMaxLoss", "scale")

    def forward(self, voltage_max: Any, target: Any) -> Tensor:
        """(B, C), (B,) → (), or (B,) without a reduction."""
        return F.cross_entropy(F.multiply(as_tensor(voltage_max), self.scale), target, reduction=self.reduction)


class SpikeCountLoss(_Loss):
    """``(spike_charge(times) - target)**2``: how often each neuron shall fire. See `spike_charge` for what is counted.

    Args:
        duration: the end, up to which spikes count.
        tau: how much a spike counts, by how long before the end it comes. Default a tenth of the duration.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, duration: float, tau: float | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.duration = _positive(duration, "SpikeCountLoss", "duration")
        self.tau = self.duration / 10.0 if tau is None else _positive(tau, "SpikeCountLoss", "tau")

    def forward(self, times: Any, target: Any) -> Tensor:
        """(B, C, K), counts (B, C) → (), or (B, C) without a reduction."""
        return F.mse_loss(spike_charge(times, self.duration, self.tau), target, self.reduction)
