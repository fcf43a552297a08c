"""The gated leaky integrate-and-fire neuron."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._layers import _count
from grillyx.nn._module import Parameter
from grillyx.nn._neurons import BaseNode
from grillyx.nn.surrogate import Sigmoid, SurrogateFunction
from grillyx.ops import random
from grillyx.ops.shape import fill


class GatedLIFNode(BaseNode):
    """Leaky integrate-and-fire with learned gates between ways to leak, integrate and reset; for sequences of T steps.

    With a = sigmoid(alpha), and likewise for all parameters (g_t for ``conduct[t]``, theta for `v_threshold`, l for
    `linear_decay`, r for `v_subreset`), and S the spikes of the step before (0 at the first step of a call):

        d = 1 - a (1 - tau)
        V = d V - (1 - a) l + X (1 - beta (1 - g_t)) - gamma d V S - (1 - gamma) r S
        S = 1 where V >= theta

    Args:
        T: number of steps.
        inplane: number of channels, the second axis of a sample's batch (T, N, C, *), each with parameters of its own;
            None shares them.
        init_linear_decay: first linear decay, in (0, 1); ``init_v_threshold / (2 T)`` by default.
        init_v_subreset: first subtracting reset, in (0, 1); `init_v_threshold` by default.
        init_tau: first exponential decay, in (0, 1).
        init_v_threshold: first threshold, in (0, 1).
        init_conduct: first conductance, in (0, 1).
        surrogate_function: the gradient of the step; ``Sigmoid(4)`` by default.
        step_mode: ``'m'``.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        alpha, beta, gamma: gates of leak, input and reset, () or (C,), first uniform in ±0.1.
        tau, v_threshold, linear_decay, v_subreset: parameters () or (C,), before the sigmoid.
        conduct: (T,) or (T, C), before the sigmoid.

    Shape: (T, N, C, *) → (T, N, C, *); any (T, *) without `inplane`.

    Raises:
        ValueError: a first value outside (0, 1), step mode 's', an input with another number of steps or channels.

    Source: Yao et al., "GLIF: A unified gated leaky integrate-and-fire neuron", NeurIPS 2022; SpikingJelly's
    `GatedLIFNode`.
    """

    tau: Any
    linear_decay: Any
    v_subreset: Any
    conduct: Any

    def __init__(
        self, T: int, inplane: int | None = None, init_linear_decay: float | None = None,
        init_v_subreset: float | None = None, init_tau: float = 0.25, init_v_threshold: float = 0.5,
        init_conduct: float = 0.5, surrogate_function: SurrogateFunction | None = None, step_mode: str = "m",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.T = _count(T, "GatedLIFNode", "T")
        self.inplane = None if inplane is None else _count(inplane, "GatedLIFNode", "inplane")
        surrogate = Sigmoid() if surrogate_function is None else surrogate_function
        super().__init__(0.0, None, surrogate, False, step_mode, backend, store_v_seq)
        shape = () if self.inplane is None else (self.inplane,)
        first = {
            "init_tau": init_tau, "init_v_threshold": init_v_threshold, "init_conduct": init_conduct,
            "init_linear_decay": init_v_threshold / (2.0 * self.T) if init_linear_decay is None else init_linear_decay,
            "init_v_subreset": init_v_threshold if init_v_subreset is None else init_v_subreset,
        }  # fmt: skip
        for what, value in first.items():
            if not 0.0 < _check.number(value, "GatedLIFNode", what) < 1.0:
                raise ValueError(f"GatedLIFNode: {what} out of range, got {value}; expected between 0 and 1.")
        self.alpha, self.beta, self.gamma = (Parameter(random.uniform(shape, -0.1, 0.1)) for _ in range(3))
        for what, value in first.items():
            size = (self.T, *shape) if what == "init_conduct" else shape
            setattr(self, what.removeprefix("init_"), Parameter(fill(size, -math.log(1.0 / value - 1.0))))

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.step_mode != "m":
            raise ValueError(
                f"GatedLIFNode: works on whole sequences, got step_mode {self.step_mode!r}; expected 'm', outside a "
                "MultiStepContainer."
            )

    def _check_input(self, x: Tensor) -> None:
        super()._check_input(x)
        if x.shape[0] != self.T:
            raise ValueError(f"GatedLIFNode: made for T={self.T}, got {x.shape[0]} time steps, shape {x.shape}.")
        if self.inplane is not None and (x.ndim < 3 or x.shape[2] != self.inplane):
            raise ValueError(
                f"GatedLIFNode: made for {self.inplane} channels, got shape {x.shape}; expected (T, N, {self.inplane}, ...)."
            )

    def _gate(self, parameter: Tensor, ndim: int) -> Tensor:
        gate = F.sigmoid(parameter)
        return gate if self.inplane is None else gate.reshape(*gate.shape, *[1] * (ndim - 2))

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        ndim = x_seq.ndim - 1
        alpha, beta, gamma, tau, theta, linear, fixed, conduct = (
            self._gate(p, ndim)
            for p in (
                self.alpha, self.beta, self.gamma, self.tau, self.v_threshold, self.linear_decay, self.v_subreset,
                self.conduct,
            )
        )  # fmt: skip
        decay, lost, subtracted = 1.0 - alpha * (1.0 - tau), (1.0 - alpha) * linear, (1.0 - gamma) * fixed
        taken = decay * gamma
        scale = 1.0 - beta * (1.0 - conduct)
        v, spike = self._state(x_seq.shape[1:]), None
        spikes, membranes = [], []
        for t, x in enumerate(F.unstack(x_seq)):
            h = decay * v - lost + x * scale[t]
            v = h if spike is None else h - (taken * v + subtracted) * spike
            spike = F.spike(v - theta, self.surrogate_function.spec)
            spikes.append(spike)
            membranes.append(v)
        self.v = v
        if self.store_v_seq:
            self.v_seq = F.stack(membranes)
        return F.stack(spikes)

    def single_step_forward(self, x: Tensor) -> Tensor:
        raise ValueError("GatedLIFNode: works on whole sequences; call it with step_mode 'm'.")

    def forward(self, x: Any) -> Tensor:
        """(T, N, C, *) → (T, N, C, *)."""
        x = autograd.as_tensor(x)
        self._check_input(x)
        return self.multi_step_forward(x)

    def extra_repr(self) -> str:
        return f"T={self.T}, inplane={self.inplane}, surrogate_function={self.surrogate_function!r}"
