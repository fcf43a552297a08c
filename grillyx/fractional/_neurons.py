"""Fractional-order neurons, with spikeDE's names: each says how its voltage changes, and a solver does the rest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional._sequence import Layer, running
from grillyx.fractional._surrogates import Surrogate, logistic_noise, noisy_threshold_spike, spike_function
from grillyx.functional import _check
from grillyx.nn import Module, Parameter


class BaseNeuron(Module):
    """Base of all fractional neurons: ``forward(v_mem, current_input) -> (dv_dt, spike)``.

    Inside `SNNWrapper` a neuron is called with its input alone, and `forward` gives the right side of its equation,
    ``D^alpha w = dv_dt``, where w is the voltage plus all that resets have taken away, so that resets are no part of the
    memory. `spike` tests the voltage that is given, and `reset` says how far a spike lowers it.

    Examples:
        A neuron of your own defines `forward`:

        >>> class Quadratic(BaseNeuron):
        ...     def forward(self, v_mem, current_input=None):
        ...         dv_dt = (v_mem * (v_mem - 0.4) + current_input) / self.get_tau()
        ...         return dv_dt, self.fire(v_mem - self.threshold)

    Args:
        tau: time constant, in the unit of time, above 0.
        threshold: it fires where the voltage reaches this.
        surrogate_grad_scale: the scale of the surrogate; see `surrogate_f`: for two of them it is a width.
        surrogate_opt: a name in `surrogate_f`, or an `nn.SurrogateFunction`, which has its own scale.
        tau_learnable: whether tau is trained, ``tau = tau_0 e**tau_param``, so that it stays positive; with `compat`
            ``tau_0 (1 + e**tau_param)``, which starts at twice the tau that was asked for.
        v_reset: voltage after a spike; None subtracts the threshold instead.
        v0: voltage before the first step, a number or a tensor or array that fits (B, ...).
        detach_reset: whether the gradient ignores the reset.
        substep: whether a spike is thought to happen where the line between two voltages crosses the threshold, and not
            at the end of the step: rates then hardly depend on the step. Hard spikes only.
        store_v_seq: whether to keep the voltage after each step, (steps, B, ...), as `v_seq`.
        compat: whether to give spikeDE's numbers; see the page on fractional neurons for what is different.

    Attributes:
        tau_param: the parameter, shape (), first 0; or None.
        surrogate_f: the spike function, ``(input, scale) -> spikes``.
        v_seq: see `store_v_seq`.

    Raises:
        ValueError: tau or a scale that is not positive, an unknown surrogate, NaN.

    Source: spikeDE's `BaseNeuron`; Ge et al., "Fractional-order spiking neural network", ICLR 2026, arXiv 2507.16937.
    """

    leaks: bool | None = None  # of the linear neurons: whether the voltage decays
    gain, offset = 1.0, 0.0  # the current is gain * input + offset, where `to_fractional` made the neuron
    discrete = False  # whether `forward` returns the next voltage

    def __init__(
        self, tau: float = 0.5, threshold: float = 1.0, surrogate_grad_scale: float = 5.0,
        surrogate_opt: Any = "arctan_surrogate", tau_learnable: bool = False, *, v_reset: float | None = None,
        v0: Any = 0.0, detach_reset: bool = False, substep: bool = True, store_v_seq: bool = False, compat: bool = False,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.initial_tau = self.tau = positive(tau, name, "tau")
        self.threshold = _check.number(threshold, name, "threshold")
        self.surrogate_grad_scale = surrogate_grad_scale
        self.surrogate_opt, self.tau_learnable = surrogate_opt, bool(tau_learnable)
        self.surrogate_f = spike_function(surrogate_opt, surrogate_grad_scale, name)
        self.tau_param = Parameter(0.0) if tau_learnable else None
        self.v_reset = None if v_reset is None else _check.number(v_reset, name, "v_reset")
        self.v0 = v0 if isinstance(v0, Tensor) else Tensor(v0) if np.ndim(v0) else _check.number(v0, name, "v0")
        self.detach_reset, self.substep, self.compat = bool(detach_reset), bool(substep), bool(compat)
        self.store_v_seq = bool(store_v_seq)
        self.v_seq: Tensor | None = None

    def get_tau(self) -> Any:
        """Return the time constant: a number, or a tensor of shape () where it is learned."""
        if self.tau_param is None:
            return self.tau
        grown = F.exp(self.tau_param)
        return self.initial_tau * (1.0 + grown if self.compat else grown)

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``(dv_dt, spike)`` for a voltage and a current, both (B, ...)."""
        raise NotImplementedError(
            f"{type(self).__name__}: define forward(self, v_mem, current_input), -> (dv_dt, spike)."
        )

    def fire(self, distance: Tensor) -> Tensor:
        """Return the spikes for ``voltage - threshold``."""
        if self.surrogate_f is noisy_threshold_spike:
            return noisy_threshold_spike(distance, self.surrogate_grad_scale, self.training)
        return self.surrogate_f(distance, self.surrogate_grad_scale)

    def reset(self, v: Any = None, spike: Any = None) -> Any:
        """Return how far spikes lower the voltage v: ``threshold * spike``, or ``(v - v_reset) * spike``.

        Without arguments: forget `v_seq`.
        """
        if spike is None:
            self._forget()
            return None
        if self.v_reset is None:
            return spike * self.threshold
        return (v - self.v_reset if self.v_reset else v) * spike

    def _forget(self) -> None:
        self.v_seq = None

    def firing(self, shape: tuple[int, ...]) -> dict[str, Any] | None:
        """Return how `functional.fractional_neuron` fires for currents (T, B, ...); None if `fire` or `reset` is a user's."""
        kind = type(self)
        if (
            kind.fire is not BaseNeuron.fire
            or kind.reset is not BaseNeuron.reset
            or {"fire", "reset"} & vars(self).keys()
        ):
            return None
        if self.surrogate_f is noisy_threshold_spike:
            if not self.training:
                return {"substep": self.substep, "mute": True}
            return {
                "spikes": "soft",
                "width": 1.0 / self.surrogate_grad_scale,
                "noise": logistic_noise(shape),
                "substep": False,
            }
        if not isinstance(self.surrogate_f, Surrogate):
            return None
        return {"substep": self.substep, "surrogate": self.surrogate_f.function(self.surrogate_grad_scale).spec}

    def own_layer(self) -> Layer | None:
        """Return how to solve this neuron's equation, where it does not ask the wrapper."""
        return None

    @property
    def hard(self) -> bool:
        """Whether spikes are 0 or 1 for sure, at the threshold itself."""
        return not (self.surrogate_f is noisy_threshold_spike and self.training)

    @property
    def is_linear(self) -> bool:
        """Whether `forward` is that of a built-in neuron, whose equation is linear between spikes."""
        home = next((c for c in type(self).__mro__ if vars(c).get("leaks") is not None), None)
        return home is not None and type(self).forward is home.forward and "forward" not in vars(self)  # type: ignore[attr-defined]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        sequence = running()
        if sequence is None or len(inputs) != 1 or options:
            return super().__call__(*inputs, **options)
        from grillyx.fractional._run import run_layer  # it needs the neurons

        sent, spikes = run_layer(self, as_tensor(inputs[0]), sequence)
        for hook in tuple(self._hooks):
            hook(self, inputs, spikes)
        return sent

    def _with_lookahead(self, v: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Return spikeDE's derivative and spikes: the spike looks one unit of time ahead, and the reset is over tau."""
        spike = self.fire(v + change - self.threshold)
        return change - spike.detach() * self.threshold / self.get_tau(), spike

    def extra_repr(self) -> str:
        words = [f"tau={self.initial_tau}", f"threshold={self.threshold}"]
        words += [f"{w}=True" for w in ("tau_learnable", "detach_reset", "compat") if getattr(self, w)]
        return ", ".join(words) + f", surrogate_opt={self.surrogate_opt!r}"


class IFNeuron(BaseNeuron):
    """Integrate-and-fire: ``tau D^alpha v = I``. See `BaseNeuron` for the arguments."""

    leaks = False

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``(I / tau, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v, current = as_tensor(v_mem), as_tensor(current_input)
        _check.broadcast(type(self).__name__, v.shape, current.shape)
        change = current / self.get_tau()
        return self._with_lookahead(v, change) if self.compat else (change, self.fire(v - self.threshold))


class LIFNeuron(BaseNeuron):
    """Leaky integrate-and-fire: ``tau D^alpha v = -v + I``. See `BaseNeuron` for the arguments."""

    leaks = True

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``((I - v) / tau, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v = as_tensor(v_mem)
        change = (as_tensor(current_input) - v) / self.get_tau()
        return self._with_lookahead(v, change) if self.compat else (change, self.fire(v - self.threshold))


class LIFNeuron_OrderOne(BaseNeuron):
    """Leaky integrate-and-fire of order 1 in steps of 1: ``u = v + (I - v) / tau``, spikes where u reaches the threshold.

    `forward` returns ``(next voltage, spike)``. Inside `SNNWrapper` it walks from sample to sample, whatever the order and
    the method. See `BaseNeuron` for the arguments; `substep` does nothing here.
    """

    discrete = True

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``(u - threshold * spike, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v = as_tensor(v_mem)
        u = v + (as_tensor(current_input) - v) / self.get_tau()
        spike = self.fire(u - self.threshold)
        return u - self.reset(u, spike.detach() if self.compat or self.detach_reset else spike), spike


class HardResetLIF(LIFNeuron):
    """`LIFNeuron` that a spike sets to `v_reset`.

    Args:
        tau: see `BaseNeuron`, also for the rest.
        threshold: see `BaseNeuron`.
        surrogate_grad_scale: see `BaseNeuron`.
        reset_strength: accepted for compatibility; spikeDE computes a reset with it and does not use it, so that with
            `compat` there is none. Here the reset is exact.
        surrogate_opt: see `BaseNeuron`.
        tau_learnable: see `BaseNeuron`.
        v_reset: see `BaseNeuron`.
        **options: see `BaseNeuron`.
    """

    leaks = True

    def __init__(
        self, tau: float = 0.5, threshold: float = 1.0, surrogate_grad_scale: float = 5.0, reset_strength: float = 50.0,
        surrogate_opt: Any = "arctan_surrogate", tau_learnable: bool = False, *, v_reset: float | None = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(tau, threshold, surrogate_grad_scale, surrogate_opt, tau_learnable, v_reset=v_reset, **options)
        self.reset_strength = reset_strength

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``((I - v) / tau, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v = as_tensor(v_mem)
        return (as_tensor(current_input) - v) / self.get_tau(), self.fire(v - self.threshold)


def positive(value: Any, name: str, what: str) -> float:
    """Return a finite number above 0."""
    out = _check.number(value, name, what)
    if out <= 0.0 or not math.isfinite(out):
        raise ValueError(f"{name}: {what} must be positive, got {value}.")
    return out
