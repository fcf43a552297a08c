"""Relatives of the leaky integrate-and-fire neuron, with SpikingJelly's names, defaults and equations."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._memories import MemoryNode, above
from grillyx.nn._module import Parameter
from grillyx.nn._neurons import BaseNode, LIFNode
from grillyx.nn.surrogate import Rect, Sigmoid, SurrogateFunction


class KLIFNode(BaseNode):
    """Leaky integrate-and-fire with a learned scale of the membrane: ``H = relu(k U)``, U charged as in `LIFNode`.

    With `scale_reset`, the reset acts on ``H / k`` with the threshold ``v_threshold / k``.

    Args:
        scale_reset: see above.
        tau: time constant in steps, above 1.
        decay_input: whether the input is divided by tau as well.
        v_threshold: see `BaseNode`.
        v_reset: see `BaseNode`.
        surrogate_function: the gradient of the step; ``Sigmoid(4)`` by default.
        detach_reset: see `BaseNode`.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        k: the parameter, shape (), first 1.

    Raises:
        ValueError: tau not above 1, NaN.

    Source: Jiang and Zhang, "KLIF: An optimized spiking neuron unit for tuning surrogate gradient slope and membrane
    potential", 2023; SpikingJelly's `KLIFNode`.
    """

    def __init__(
        self, scale_reset: bool = False, tau: float = 2.0, decay_input: bool = True, v_threshold: float = 1.0,
        v_reset: float | None = 0.0, surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False,
        step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.scale_reset, self.tau, self.decay_input = bool(scale_reset), tau, bool(decay_input)
        surrogate = Sigmoid() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)
        self.k = Parameter(1.0)

    def _check_settings(self) -> None:
        super()._check_settings()
        above(self.tau, 1.0, type(self).__name__, "tau")

    def neuronal_charge(self, x: Tensor) -> None:
        away = self.v - self._rest if self._rest else self.v
        charged = self.v + (x - away) / self.tau if self.decay_input else self.v - away / self.tau + x
        self.v = F.relu(charged * self.k)

    def neuronal_reset(self, spike: Tensor) -> None:
        if not self.scale_reset:
            super().neuronal_reset(spike)
            return
        s = spike.detach() if self.detach_reset else spike
        v = self.v / self.k
        self.v = v - s * (self.v_threshold / self.k) if self.v_reset is None else s * self.v_reset + (1.0 - s) * v

    def extra_repr(self) -> str:
        return f"scale_reset={self.scale_reset}, tau={self.tau}, decay_input={self.decay_input}, {super().extra_repr()}"


class CUBALIFNode(MemoryNode):
    """Leaky integrate-and-fire with a synaptic current: ``c = c_decay c + X``, ``H = v_decay V + c``.

    Args:
        c_decay: what is left of the current after a step.
        v_decay: what is left of the membrane after a step.
        v_threshold: see `BaseNode`.
        v_reset: see `BaseNode`; the membrane decays to 0 all the same.
        surrogate_function: the gradient of the step; ``Rect(1)`` by default.
        detach_reset: see `BaseNode`.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        c: the current after the last call, (N, *); at first 0.0.

    Raises:
        ValueError: NaN.

    Source: SpikingJelly's `CUBALIFNode`.
    """

    _memories = (("c", 0.0),)
    c: Any

    def __init__(
        self, c_decay: float = 0.5, v_decay: float = 0.75, v_threshold: float = 0.5, v_reset: float | None = 0.0,
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, step_mode: str = "s",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.c_decay, self.v_decay = c_decay, v_decay
        surrogate = Rect() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    def _check_settings(self) -> None:
        super()._check_settings()
        _check.number(self.c_decay, type(self).__name__, "c_decay")
        _check.number(self.v_decay, type(self).__name__, "v_decay")

    def neuronal_charge(self, x: Tensor) -> None:
        self.c = self.c * self.c_decay + x
        self.v = self.v * self.v_decay + self.c

    def extra_repr(self) -> str:
        return f"c_decay={self.c_decay}, v_decay={self.v_decay}, {super().extra_repr()}"


class ALIFNode(MemoryNode):
    """`LIFNode` with an adaptive threshold: each spike raises it, and it sinks back.

    It fires where ``H >= A``, ``A = v_threshold + beta b``; a soft reset subtracts A; then
    ``b = rho b + (1 - rho) S``, ``rho = exp(-1 / tau_adaptation)``.

    Args:
        tau: time constant of the membrane in steps, at least 1.
        tau_adaptation: time constant of the threshold in steps, positive.
        beta: how far b raises the threshold.
        decay_input: see `LIFNode`.
        v_threshold: the threshold at rest.
        v_reset: see `BaseNode`, also for the rest.
        surrogate_function: see `BaseNode`.
        detach_reset: see `BaseNode`; the spike in b keeps its gradient.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        b: the adaptation after the last call, (N, *); at first 0.0.

    Raises:
        ValueError: tau below 1, tau_adaptation not positive, NaN.

    The defaults of `tau_adaptation` and `beta` are those of the authors' code, whose steps are 1 ms and whose threshold is
    0.01: there a spike raises it by ``beta / tau_adaptation``, 80 % of what it is at rest. Here, where it is 1, that is
    0.8 %; ``beta=160`` is the same share. They solve sequential MNIST with 700 and 1.8.

    Source: Bellec et al., "Long short-term memory and learning-to-learn in networks of spiking neurons", NeurIPS 2018;
    their code, github.com/IGITUGraz/LSNN-official, `ALIF` in lsnn/spiking_models.py.
    """

    _memories = (("b", 0.0),)
    b: Any

    def __init__(
        self, tau: float = 2.0, tau_adaptation: float = 200.0, beta: float = 1.6, decay_input: bool = False,
        v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: SurrogateFunction | None = None,
        detach_reset: bool = False, step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.tau_adaptation, self.beta, self.decay_input = tau, tau_adaptation, beta, bool(decay_input)
        super().__init__(v_threshold, v_reset, surrogate_function, detach_reset, step_mode, backend, store_v_seq)

    def _check_settings(self) -> None:
        super()._check_settings()
        name = type(self).__name__
        LIFNode._options(self)  # type: ignore[arg-type]  # the same tau
        above(self.tau_adaptation, 0.0, name, "tau_adaptation")
        _check.number(self.beta, name, "beta")

    def _threshold(self) -> Any:
        return self.v_threshold + self.beta * self.b

    def neuronal_charge(self, x: Tensor) -> None:
        LIFNode._charge(self, x, 1.0 / self.tau)  # type: ignore[arg-type]

    def neuronal_fire(self) -> Tensor:
        return F.spike(self.v - self._threshold(), self.surrogate_function.spec)

    def neuronal_reset(self, spike: Tensor) -> None:
        if self.v_reset is None:
            self.v = self.v - (spike.detach() if self.detach_reset else spike) * self._threshold()
        else:
            super().neuronal_reset(spike)
        rho = math.exp(-1.0 / self.tau_adaptation)
        self.b = rho * self.b + (1.0 - rho) * spike

    def extra_repr(self) -> str:
        return (
            f"tau={self.tau}, tau_adaptation={self.tau_adaptation}, beta={self.beta}, decay_input={self.decay_input}, "
            f"{super().extra_repr()}"
        )
