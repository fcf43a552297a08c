"""Leaky neurons whose threshold is noisy: spikes are drawn, and their gradient is that of their probability."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional._neurons import BaseNeuron, positive
from grillyx.fractional._surrogates import logistic_noise
from grillyx.functional import _check

MODES = ("meanfield", "soft_noisy", "hard_st", "concrete", "hard_concrete")


class NoisyLIF(BaseNeuron):
    """Leaky integrate-and-fire with logistic noise at the threshold: ``P(spike) = sigmoid(z)``, ``z = (v - theta) / gamma``.

    | `train_spike_mode` | spike, g being logistic noise | gradient |
    |---|---|---|
    | ``"meanfield"`` | sigmoid(z) | its own |
    | ``"soft_noisy"`` | sigmoid(z + g) | its own |
    | ``"concrete"`` | sigmoid((z + g) / concrete_temp) | its own |
    | ``"hard_st"`` | 1 where z + g >= 0 | of sigmoid(z) |
    | ``"hard_concrete"`` | 1 where z + g >= 0 | of sigmoid(z + g) |

    Args:
        tau: see `BaseNeuron`.
        threshold: theta.
        gamma: width of the noise, above 0.
        train_spike_mode: see above; used in training, and in evaluation without `hard_eval`.
        concrete_temp: see above, above 0.
        z_clip: z is kept within ± this; None does not.
        hard_eval: whether `eval()` means spikes where the voltage reaches theta, without noise and without a gradient.
        detach_reset: see `BaseNeuron`.
        **options: tau_learnable and what else `BaseNeuron` has.

    Raises:
        ValueError: tau, gamma or concrete_temp not positive, an unknown mode, NaN.

    Source: spikeDE's `NoisyLIFNeuron`.
    """

    leaks = True

    def __init__(
        self, tau: float = 10.0, threshold: float = 1.0, gamma: float = 0.2, train_spike_mode: str = "hard_concrete",
        concrete_temp: float = 0.25, z_clip: float | None = 10.0, hard_eval: bool = True, detach_reset: bool = True,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(tau, threshold, detach_reset=detach_reset, **options)
        name = type(self).__name__
        self.gamma, self.concrete_temp = positive(gamma, name, "gamma"), positive(concrete_temp, name, "concrete_temp")
        self.z_clip = None if z_clip is None else positive(z_clip, name, "z_clip")
        self.train_spike_mode = _check.one_of(str(train_spike_mode).lower(), MODES, name, "train_spike_mode")
        self.hard_eval = bool(hard_eval)

    @property
    def hard(self) -> bool:
        return not self.training and self.hard_eval

    def noise(self, shape: tuple[int, ...]) -> Tensor | None:
        """Return the noise of one call; None where the mode has none."""
        return None if self.hard or self.train_spike_mode == "meanfield" else logistic_noise(shape, 1e-7)

    def fire(self, distance: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the spikes for ``voltage - threshold``."""
        if self.hard:
            return (distance.detach() >= 0.0).float()
        z = distance / self.gamma
        if self.z_clip is not None:
            z = F.clip(z, -self.z_clip, self.z_clip)
        g = self.noise(z.shape) if noise is None else noise
        if g is None:
            return F.sigmoid(z)
        if self.train_spike_mode == "concrete":
            return F.sigmoid((z + g) / self.concrete_temp)
        if self.train_spike_mode == "soft_noisy":
            return F.sigmoid(z + g)
        soft = F.sigmoid(z if self.train_spike_mode == "hard_st" else z + g)
        # soft - soft is an exact 0, so that the spike is one too
        return ((z + g).detach() >= 0.0).float() + (soft - soft.detach())

    def firing(self, shape: tuple[int, ...]) -> dict[str, Any] | None:
        kind, mode = type(self), self.train_spike_mode
        if (
            kind.fire is not NoisyLIF.fire
            or kind.reset is not BaseNeuron.reset
            or {"fire", "reset"} & vars(self).keys()
        ):
            return None
        if self.hard:
            return {"substep": self.substep, "mute": True}
        if mode == "hard_st":  # forward and backward do not see the same noise
            return None
        return {
            "spikes": "straight" if mode == "hard_concrete" else "soft", "width": self.gamma, "noise": self.noise(shape),
            "temperature": self.concrete_temp if mode == "concrete" else 1.0, "substep": False,
            "clip": math.inf if self.z_clip is None else self.z_clip,
        }  # fmt: skip

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``((I - v) / tau, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v = as_tensor(v_mem)
        change = (as_tensor(current_input) - v) / self.get_tau()
        if not self.compat:
            return change, self.fire(v - self.threshold)
        spike = self.fire(v + change - self.threshold)
        return change - (spike.detach() if self.detach_reset else spike) * self.threshold, spike

    def extra_repr(self) -> str:
        return f"gamma={self.gamma}, train_spike_mode={self.train_spike_mode!r}, {super().extra_repr()}"


class NoisyLIF_OrderOne(NoisyLIF):
    """`NoisyLIF` of order 1 in steps of 1; `forward` returns ``(next voltage, spike)``, as `LIFNeuron_OrderOne` does."""

    discrete = True

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``(u - threshold * spike, spike)``; v_mem itself without a current."""
        if current_input is None:
            return v_mem
        v = as_tensor(v_mem)
        u = v + (as_tensor(current_input) - v) / self.get_tau()
        spike = self.fire(u - self.threshold)
        return u - self.reset(u, spike.detach() if self.detach_reset else spike), spike
