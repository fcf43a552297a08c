"""Spike-timing dependent plasticity."""

from __future__ import annotations

from grillyx.autograd import Tensor, no_grad
from grillyx.functional import _check
from grillyx.learning._learner import Factor, Learner, same
from grillyx.nn import Conv1d, Conv2d, Linear, Module


class STDPLearner(Learner):
    """Plasticity of pairs of spikes: a weight grows when its output fires after its input, and shrinks when before.

    Both sides have a trace, ``tr[t] = tr[t - 1] (1 - 1 / tau) + s[t]``, and the weight from input i to output o changes by
    ``dw = sum f_post(w) tr_pre[i] s_post[o] - f_pre(w) tr_post[o] s_pre[i]`` over time, samples, and places of a window.

    It records what goes into the synapse and what comes out of the neuron, until `step` learns from it. All steps of a sequence
    are learned with the weight as it is then, in two products. Traces go on until `reset` or `functional.reset_net`.

    Examples:
        >>> net = nn.Sequential(nn.Linear(3, 1, bias=False), nn.IFNode(step_mode="m"))
        >>> learner = grillyx.learning.STDPLearner("m", net[0], net[1], tau_pre=2.0, tau_post=2.0)
        >>> out = net(np.ones((5, 1, 3)))
        >>> learner.step(on_grad=False).shape
        (1, 3)

    Args:
        step_mode: ``'s'``, each call of the model is a step; or ``'m'``, a sequence.
        synapse: the `Linear`, `Conv1d` or `Conv2d` that learns. In step mode 'm' a convolution is inside a
            `SeqToANNContainer`.
        sn: the neuron behind it, or any module whose output is spikes.
        tau_pre: time constant of the input's trace in steps, at least 1.
        tau_post: that of the output's trace.
        f_pre: factor of the changes that an input spike makes, a function of the weight; by default the weight itself.
        f_post: that of an output spike.

    Attributes:
        trace_pre: (N, in_features) or (N, C, *), or None before the first `step`.
        trace_post: of the output's shape.

    Raises:
        TypeError: another synapse; no module; no function.
        ValueError: an unknown step mode; a time constant below 1.

    Source: Bi and Poo, "Synaptic modifications in cultured hippocampal neurons", 1998; with traces, Morrison, Diesmann and
    Gerstner, "Phenomenological models of synaptic plasticity based on spike timing", 2008; SpikingJelly's `STDPLearner`.
    """

    _synapses = (Linear, Conv1d, Conv2d)
    _least_tau = 1.0

    def __init__(
        self, step_mode: str, synapse: Linear | Conv1d | Conv2d, sn: Module, tau_pre: float, tau_post: float,
        f_pre: Factor = same, f_post: Factor = same,
    ) -> None:  # fmt: skip
        super().__init__(step_mode, synapse, sn, tau_pre, tau_post, f_pre, f_post)

    @no_grad()
    def step(self, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Learn from what was recorded since the last step, and forget it; the traces go on.

        Args:
            on_grad: whether to subtract the change from ``weight.grad``, so that an optimizer adds it to the weight.
            scale: factor of the change.

        Returns:
            The change, of the weight's shape, where `on_grad` is False; None if nothing was recorded.

        Raises:
            RuntimeError: synapse and neuron were not called equally often; the learner is closed.
            ValueError: shapes do not fit to each other, or to the traces.
        """
        scale = _check.number(scale, "STDPLearner", "scale")
        recorded = self._recorded()
        if recorded is None:
            return None
        pre, post = recorded
        f_pre, f_post = self._factors()
        tr_pre, tr_post = self._traced(pre, post, 1.0 - 1.0 / self.tau_pre, 1.0 - 1.0 / self.tau_post)
        change = f_post * self._together(post, tr_pre) - f_pre * self._together(tr_post, pre)
        return self._learn(change, on_grad, scale)
