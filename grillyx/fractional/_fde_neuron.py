"""A fractional neuron with a memory of its own, for loops over time without a wrapper."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor
from grillyx.fractional._coefficients import grunwald_letnikov
from grillyx.fractional._loop import History, LinearSteps
from grillyx.fractional._neurons import BaseNeuron, positive
from grillyx.fractional._schemes import SCHEMES
from grillyx.fractional._sequence import Layer
from grillyx.fractional._tables import check_memory, check_orders
from grillyx.functional import _check


class LIFNeuronFDE(BaseNeuron):
    """Leaky integrate-and-fire of order beta that keeps its own past: a call is a step, ``-> (next voltage, spike)``.

    The voltage that is given counts before the first step only; `functional.reset_net` starts again. Inside `SNNWrapper` it
    uses its own order, method, step and memory.

    Args:
        tau: see `BaseNeuron`.
        threshold: see `BaseNeuron`.
        surrogate_grad_scale: see `BaseNeuron`.
        surrogate_opt: see `BaseNeuron`.
        tau_learnable: see `BaseNeuron`.
        method: "gl", "l1", "trap", "pred" or "exact"; see `SNNWrapper.forward`. With `compat` "gl".
        beta: the order, in (0, 1].
        batchsize: accepted for compatibility; any batch will do.
        T: the number of steps expected; more are no error.
        step_size: h.
        memory: -1 or None for all steps, a number of steps, or "exponentials".
        name: a name.
        **options: see `BaseNeuron`.

    Raises:
        ValueError: beta outside (0, 1], a step or a memory that is not positive, an unknown method.

    Source: spikeDE's `LIFNeuronFDE`.
    """

    leaks = True

    def __init__(
        self, tau: float = 0.5, threshold: float = 1.0, surrogate_grad_scale: float = 5.0,
        surrogate_opt: Any = "arctan_surrogate", tau_learnable: bool = False, method: str = "gl", beta: float = 0.5,
        batchsize: int = 32, T: int = 16, step_size: float = 1.0, memory: Any = -1, name: str = "", **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(tau, threshold, surrogate_grad_scale, surrogate_opt, tau_learnable, **options)
        own = type(self).__name__
        self.method = _check.one_of(method, ("gl",) if self.compat else tuple(SCHEMES), own, "method")
        (self.beta,) = check_orders(_check.number(beta, own, "beta"))
        self.step_size, self.memory = positive(step_size, own, "step_size"), check_memory(memory)
        self.batchsize, self.T, self.name = batchsize, int(positive(T, own, "T")), name
        self._past: Any = None

    def own_layer(self) -> Layer:
        return Layer(self.method, np.array([self.beta]), np.ones(1), self.step_size, self.memory)

    def _forget(self) -> None:
        super()._forget()
        self._past = None

    def detach(self) -> None:
        """Keep no past: it is one graph, and gradients to earlier calls would pass through all of it."""
        raise NotImplementedError(
            f"{type(self).__name__}.detach: the whole past is part of every step. Call functional.reset_net(model) instead, "
            "or truncate with memory."
        )

    def forward(self, v_mem: Any, current_input: Any = None) -> Any:
        """Return ``(next voltage, spike)``; v_mem itself without a current."""
        v = as_tensor(v_mem)
        if current_input is None:
            return v
        return (self._original if self.compat else self._step)(v, as_tensor(current_input))

    def _step(self, v: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        from grillyx.fractional._run import weights_of

        if self._past is None:
            self._past = LinearSteps(self, weights_of(self, self.own_layer(), self.T), v.shape, v)
        past = self._past
        if current.shape != past.state.v.shape:
            raise ValueError(
                f"{type(self).__name__}: the past has another shape, got a current {current.shape}; expected "
                f"{past.state.v.shape}. Call functional.reset_net(model) before another sequence."
            )
        if past.k + 1 >= past.weights.initial.shape[0]:
            past.extend(weights_of(self, self.own_layer(), 2 * past.k))
        past.step(current)
        return past.state.voltages[-1], past.state.spikes[-1]

    def _original(self, v: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        if self._past is None:
            steps = int(self.memory) if isinstance(self.memory, int) else self.T
            self._past = History(Tensor(grunwald_letnikov(steps + 1, self.beta).astype(np.float32)))
        change, total = (current - v) / self.get_tau(), self._past.total()
        u = change * self.step_size**self.beta
        u = u if total is None else u - total
        spike = self.fire(u - self.threshold)
        v = u - spike.detach() * self.threshold
        self._past.push(v)
        return v, spike

    def extra_repr(self) -> str:
        return f"beta={self.beta}, method={self.method!r}, step_size={self.step_size}, {super().extra_repr()}"
