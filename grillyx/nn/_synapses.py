"""Layers between spikes and what follows: synapses that filter, and outputs that vote."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._memories import above
from grillyx.nn._module import Module, Parameter


class SynapseFilter(Module):
    """Synapses whose current decays while no spike comes: ``I = I - (1 - X) I / tau + X``.

    Args:
        tau: time constant in steps, above 1.
        learnable: whether ``1 / tau = sigmoid(w)`` is learned, first with this tau.
        step_mode: ``'s'``, one step (N, *) a call; or ``'m'``, a sequence (T, N, *).

    Attributes:
        w: the parameter, shape (), first ``-ln(tau - 1)``; only with `learnable`.
        out_i: the current after the last call, (N, *); at first 0.0. It stays until `functional.reset_net`.

    Shape: (N, *) → (N, *), or (T, N, *) → (T, N, *).

    Raises:
        ValueError: tau not above 1, NaN, an unknown step mode, an input that does not fit the state.

    Source: Diehl and Cook, "Unsupervised learning of digit recognition using STDP", 2015; Fang et al., "Incorporating
    learnable membrane time constant", ICCV 2021; SpikingJelly's `SynapseFilter`.
    """

    def __init__(self, tau: float = 100.0, learnable: bool = False, step_mode: str = "s") -> None:
        first = above(tau, 1.0, "SynapseFilter", "tau")
        self.learnable, self.step_mode = bool(learnable), step_mode
        if learnable:
            self.w = Parameter(-math.log(first - 1.0))
        else:
            self.tau = first
        self.out_i: Any = 0.0
        _check.one_of(step_mode, ("s", "m"), "SynapseFilter", "step_mode")

    def reset(self) -> None:
        """Forget the current."""
        self.out_i = 0.0

    def detach(self) -> None:
        """Keep the current, but let no gradient pass to earlier calls."""
        if isinstance(self.out_i, Tensor):
            self.out_i = self.out_i.detach()

    def single_step_forward(self, x: Tensor) -> Tensor:
        """(N, *) → (N, *)."""
        q = F.sigmoid(self.w) if self.learnable else 1.0 / self.tau
        self.out_i = self.out_i - (1.0 - x) * self.out_i * q + x
        return self.out_i

    def forward(self, x: Any) -> Tensor:
        """(N, *) → (N, *), or (T, N, *) → (T, N, *)."""
        x = check_step(self, autograd.as_tensor(x), self.out_i)
        if self.step_mode == "s":
            return self.single_step_forward(x)
        return F.stack([self.single_step_forward(row) for row in F.unstack(x)])

    def extra_repr(self) -> str:
        tau = "" if self.learnable else f"tau={self.tau}, "
        return f"{tau}learnable={self.learnable}, step_mode={self.step_mode!r}"


class VotingLayer(Module):
    """The mean of each group of neighbouring outputs, so that several neurons vote for a class.

    Args:
        voting_size: length of a group.
        step_mode: accepted for compatibility: axes in front of the last one are kept either way.

    Shape: ``(*, C * voting_size)`` → ``(*, C)``.

    Raises:
        ValueError: the last axis is no multiple of `voting_size`.
    """

    per_sample = True

    def __init__(self, voting_size: int = 10, step_mode: str = "s") -> None:
        self.voting_size = _count(voting_size, "VotingLayer", "voting_size")
        self.step_mode = _check.one_of(step_mode, ("s", "m"), "VotingLayer", "step_mode")

    def forward(self, x: Any) -> Tensor:
        """``(*, C * voting_size)`` → ``(*, C)``."""
        x = autograd.as_tensor(x)
        if x.ndim == 0 or x.shape[-1] % self.voting_size:
            raise ValueError(
                f"VotingLayer: the last axis is no whole number of groups, got shape {x.shape}; expected (..., C * "
                f"{self.voting_size})."
            )
        return x.reshape(*x.shape[:-1], x.shape[-1] // self.voting_size, self.voting_size).mean(-1)

    def extra_repr(self) -> str:
        return f"voting_size={self.voting_size}, step_mode={self.step_mode!r}"


def check_step(layer: Any, x: Tensor, state: Any, last: int | None = None) -> Tensor:
    """Return the input if it suits the step mode and the state, whose last axis may have another length."""
    name = type(layer).__name__
    if _check.one_of(layer.step_mode, ("s", "m"), name, "step_mode") == "m" and (x.ndim == 0 or x.shape[0] == 0):
        raise ValueError(
            f"{name}: step_mode 'm' needs a sequence, got shape {x.shape}; expected (T, N, ...) with T >= 1."
        )
    sample = x.shape if layer.step_mode == "s" else x.shape[1:]
    wanted = sample if last is None else (*sample[:-1], last)
    if state is not None and not isinstance(state, (int, float)) and autograd.as_tensor(state).shape != wanted:
        raise ValueError(
            f"{name}: the state does not fit the input, got {sample} a step; the state is "
            f"{autograd.as_tensor(state).shape}. Call functional.reset_net(model) before a batch of another shape."
        )
    return x
