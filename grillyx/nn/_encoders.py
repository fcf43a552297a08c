"""Encoders as modules, with SpikingJelly's names: intensities in [0, 1] become spikes."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._module import Module


def _positive(steps: Any, name: str) -> int:
    if not hasattr(steps, "__index__") or int(steps) < 1:
        raise ValueError(f"{name}: the number of steps is a positive integer, got {steps!r}.")
    return int(steps)


class PoissonEncoder(Module):
    """Fires at each step with chance x.

    Args:
        T: how many steps a call returns, as (T, *); None returns one step, of the shape of x.
    """

    _follows_inputs = False

    def __init__(self, T: int | None = None) -> None:
        self.T = None if T is None else _positive(T, "PoissonEncoder")

    def forward(self, x: Any) -> Tensor:
        """* → (T, *), or * for a single step."""
        return F.poisson_encode(x, 1)[0] if self.T is None else F.poisson_encode(x, self.T)


class _StatefulEncoder(Module):
    """Encodes once, and then gives a step a call, or in step mode 'm' all at once."""

    _follows_inputs = False

    def __init__(self, steps: int, step_mode: str = "s") -> None:
        self.steps = _positive(steps, type(self).__name__)
        self.step_mode = _check.one_of(step_mode, ("s", "m"), type(self).__name__, "step_mode")
        self.reset()

    def reset(self) -> None:
        """Forget the input."""
        self.spike: Tensor | None = None
        self.t = 0

    def encode(self, x: Any) -> Tensor:
        """Return the whole train (T, *)."""
        raise NotImplementedError(f"{type(self).__name__}: define encode(self, x).")

    def forward(self, x: Any = None) -> Tensor:
        """* → (T, *); or in step mode 's' the next step, which begins again after T.

        Args:
            x: intensities; needed in the first call after `reset`, and ignored until the train has ended.
        """
        if self.step_mode == "m":
            return self.encode(x)
        if self.spike is None:
            if x is None:
                raise ValueError(f"{type(self).__name__}: the first call after reset needs an input.")
            self.spike = self.encode(x)
        step = self.spike[self.t]
        self.t = (self.t + 1) % self.steps
        return step


class LatencyEncoder(_StatefulEncoder):
    """Fires once in T steps, the earlier the larger x is; see `functional.latency_encode`.

    Args:
        T: number of steps.
        enc_function: ``"linear"`` or ``"log"``.
        step_mode: ``'s'``, a step a call; or ``'m'``, all.
    """

    def __init__(self, T: int, enc_function: str = "linear", step_mode: str = "s") -> None:
        super().__init__(T, step_mode)
        self.enc_function = _check.one_of(enc_function, ("linear", "log"), "LatencyEncoder", "enc_function")

    def encode(self, x: Any) -> Tensor:
        """Return the whole train (T, *)."""
        return F.latency_encode(x, self.steps, self.enc_function)


class WeightedPhaseEncoder(_StatefulEncoder):
    """Sends the first K binary digits of x; see `functional.weighted_phase_encode`.

    Args:
        K: number of steps.
        step_mode: ``'s'``, a step a call; or ``'m'``, all.
    """

    def __init__(self, K: int, step_mode: str = "s") -> None:
        super().__init__(K, step_mode)

    def encode(self, x: Any) -> Tensor:
        """Return the whole train (K, *)."""
        return F.weighted_phase_encode(x, self.steps)
