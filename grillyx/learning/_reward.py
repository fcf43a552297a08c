"""Plasticity that waits for a reward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, no_grad
from grillyx.functional import _check
from grillyx.learning._learner import Factor, Learner, _traces, same, time_constant
from grillyx.nn import Linear, Module


class _RewardLearner(Learner):
    def reset(self) -> None:
        """Forget traces, eligibilities and what was recorded; weights and gradients stay."""
        super().reset()
        self.eligibility: Tensor | None = None

    def _spikes(self) -> tuple[Tensor, Tensor] | None:
        name = type(self).__name__
        if self.step_mode == "s" and len(self._pre) > 1:
            raise RuntimeError(
                f"{name}.step: each step has a reward of its own, got {len(self._pre)} calls of the synapse since the last "
                "one; expected 1. Call step after every call of the model, or use step_mode='m'."
            )
        return self._recorded()

    def _reward(self, reward: Any, steps: int, samples: tuple[int, ...]) -> Tensor:
        """Return a reward as (T, *samples)."""
        given = as_tensor(reward).astype(np.float32)
        allowed: list[tuple[int, ...]] = [(), (steps,), (steps, *samples)] if self.step_mode == "m" else [(), samples]
        if given.shape not in allowed:
            raise ValueError(
                f"{type(self).__name__}.step: the reward has the wrong shape, got {given.shape}; expected "
                f"{' or '.join(map(str, dict.fromkeys(allowed)))}."
            )
        if given.shape == (steps,) and self.step_mode == "m":
            given = given.reshape(steps, *(1 for _ in samples))
        return given.expand(steps, *samples)

    def _pairs(self, pre: Tensor, post: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Any]:
        """Return the factors, the traces, and the function that sums the changes of steps with weights (T, N)."""
        f_pre, f_post = self._factors()
        tr_pre, tr_post = self._traced(pre, post, math.exp(-1.0 / self.tau_pre), math.exp(-1.0 / self.tau_post))

        def summed(weights: Tensor) -> Tensor:
            """Return the sum of the changes of the first steps, as many as there are weights, (t, N)."""
            n, factor = weights.shape[0], F.expand_dims(weights, -1)
            grow = self._together(post[:n] * factor, tr_pre[:n])
            return f_post * grow - f_pre * self._together(tr_post[:n] * factor, pre[:n])

        return (f_pre, f_post), (tr_pre, tr_post), summed

    def _last(self, pre: Tensor, post: Tensor, factors: tuple[Tensor, Tensor]) -> Tensor:
        """Return the change of the last step for each sample, (N, O, I)."""
        assert self.trace_pre is not None
        assert self.trace_post is not None
        grow = F.expand_dims(post[-1], -1) * F.expand_dims(self.trace_pre, -2)
        shrink = F.expand_dims(self.trace_post, -1) * F.expand_dims(pre[-1], -2)
        return factors[1] * grow - factors[0] * shrink


class MSTDPLearner(_RewardLearner):
    """Plasticity that a reward lets happen: ``dw = sum r[t] e[t - 1]`` over time and samples.

    The eligibility is what `STDPLearner` would change in one step,
    ``e = f_post(w) tr_pre[i] s_post[o] - f_pre(w) tr_post[o] s_pre[i]``, with traces that decay by ``exp(-1 / tau)``.
    The reward of a step acts on the eligibility of the step before.

    Args:
        step_mode: ``'s'``, each call of the model is a step, followed by `step` with its reward; or ``'m'``, a sequence.
        synapse: the `Linear` layer that learns.
        sn: the neuron behind it, or any module whose output is spikes.
        tau_pre: time constant of the input's trace in steps, above 0.
        tau_post: that of the output's trace.
        f_pre: factor of the changes that an input spike makes, a function of the weight; by default the weight itself.
        f_post: that of an output spike.

    Attributes:
        trace_pre: (N, in_features), or None before the first `step`.
        trace_post: (N, out_features).
        eligibility: of the last step, (N, out_features, in_features).

    Raises:
        TypeError: another synapse; no module; no function.
        ValueError: an unknown step mode; a time constant that is not above 0.

    Source: Florian, "Reinforcement learning through modulation of spike-timing-dependent synaptic plasticity", 2007;
    SpikingJelly's `MSTDPLearner`, which has step mode 's' only.
    """

    def __init__(
        self, step_mode: str, synapse: Linear, sn: Module, tau_pre: float, tau_post: float, f_pre: Factor = same,
        f_post: Factor = same,
    ) -> None:  # fmt: skip
        super().__init__(step_mode, synapse, sn, tau_pre, tau_post, f_pre, f_post)

    @no_grad()
    def step(self, reward: Any, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Learn from what was recorded since the last step, and forget it; traces and eligibility go on.

        Args:
            reward: one number, or (N,); for a sequence one number, (T,), or (T, N).
            on_grad: whether to subtract the change from ``weight.grad``, so that an optimizer adds it to the weight.
            scale: factor of the change.

        Returns:
            The change, of the weight's shape, where `on_grad` is False; None if nothing was recorded.

        Raises:
            RuntimeError: synapse and neuron were not called equally often; the learner is closed.
            ValueError: shapes do not fit to each other, or to the traces.
        """
        scale = _check.number(scale, "MSTDPLearner", "scale")
        recorded = self._spikes()
        if recorded is None:
            return None
        pre, post = recorded
        r = self._reward(reward, pre.shape[0], pre.shape[1:2])
        factors, _, summed = self._pairs(pre, post)
        change = F.zeros_like(self.synapse.weight)
        if self.eligibility is not None:
            change = F.sum(self.eligibility * r[0].reshape(-1, 1, 1), 0)
        if pre.shape[0] > 1:
            change = change + summed(r[1:])
        self.eligibility = self._last(pre, post, factors)
        return self._learn(change, on_grad, scale)


class MSTDPETLearner(_RewardLearner):
    """`MSTDPLearner` with a trace of the eligibility: a reward also acts on what happened some time ago.

    ``E[t] = E[t - 1] exp(-1 / tau_trace) + e[t - 1] / tau_trace`` and ``dw = sum r[t] E[t]``. There is no batch: spikes are
    (in_features,) and (out_features,) a step.

    Args:
        step_mode: ``'s'``, each call of the model is a step, followed by `step` with its reward; or ``'m'``, a sequence.
        synapse: the `Linear` layer that learns.
        sn: the neuron behind it, or any module whose output is spikes.
        tau_pre: time constant of the input's trace in steps, above 0.
        tau_post: that of the output's trace.
        tau_trace: that of the eligibility's trace.
        f_pre: factor of the changes that an input spike makes, a function of the weight; by default the weight itself.
        f_post: that of an output spike.

    Attributes:
        trace_pre: (in_features,), or None before the first `step`.
        trace_post: (out_features,).
        eligibility: of the last step, (out_features, in_features).
        trace_e: its trace, of the same shape.

    Raises:
        TypeError: another synapse; no module; no function.
        ValueError: an unknown step mode; a time constant that is not above 0.

    Source: Florian, "Reinforcement learning through modulation of spike-timing-dependent synaptic plasticity", 2007;
    SpikingJelly's `MSTDPETLearner`, which has step mode 's' only.
    """

    def __init__(
        self, step_mode: str, synapse: Linear, sn: Module, tau_pre: float, tau_post: float, tau_trace: float,
        f_pre: Factor = same, f_post: Factor = same,
    ) -> None:  # fmt: skip
        super().__init__(step_mode, synapse, sn, tau_pre, tau_post, f_pre, f_post)
        self.tau_trace = time_constant(tau_trace, 0.0, "MSTDPETLearner", "tau_trace")
        self._axes = 1

    def reset(self) -> None:
        """Forget traces, eligibilities and what was recorded; weights and gradients stay."""
        super().reset()
        self.trace_e: Tensor | None = None

    @no_grad()
    def step(self, reward: Any, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Learn from what was recorded since the last step, and forget it; traces and eligibility go on.

        Args:
            reward: one number; for a sequence one number, or (T,).
            on_grad: whether to subtract the change from ``weight.grad``, so that an optimizer adds it to the weight.
            scale: factor of the change.

        Returns:
            The change, of the weight's shape, where `on_grad` is False; None if nothing was recorded.

        Raises:
            RuntimeError: synapse and neuron were not called equally often; the learner is closed.
            ValueError: shapes do not fit to each other, or to the traces.
        """
        scale = _check.number(scale, "MSTDPETLearner", "scale")
        recorded = self._spikes()
        if recorded is None:
            return None
        pre, post = recorded
        steps, decay = pre.shape[0], math.exp(-1.0 / self.tau_trace)
        r = self._reward(reward, steps, ())
        # what a reward from step s on is worth to an eligibility that is there at s: the rewards' trace, backward in time
        worth = _traces(r[::-1], F.zeros_like(r[0]), decay=decay)[::-1]
        factors, _, summed = self._pairs(pre, post)
        shape = self.synapse.weight.shape
        change, trace = F.zeros_like(self.synapse.weight), F.zeros_like(self.synapse.weight)
        if self.eligibility is not None and self.trace_e is not None:
            change = worth[0] * (self.trace_e * decay + self.eligibility / self.tau_trace)
            trace = self.trace_e * decay**steps + self.eligibility * (decay ** (steps - 1) / self.tau_trace)
        if steps > 1:
            left = decay ** np.arange(steps - 2, -1, -1.0) / self.tau_trace
            change = change + summed(worth[1:] / self.tau_trace)
            trace = trace + summed(Tensor(left))
        self.eligibility, self.trace_e = self._last(pre, post, factors).reshape(shape), trace
        return self._learn(change, on_grad, scale)
