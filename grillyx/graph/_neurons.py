"""Neurons of spiking graph networks: with a threshold that follows the spikes, and with spikes of both signs."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn import LIFNode, SurrogateFunction, Triangle
from grillyx.nn._memories import MemoryNode


class _GraphNode(MemoryNode):
    """What both neurons share: the charge of a `LIFNode`, and how their settings are checked."""

    tau: float
    decay_input: bool

    def _check_settings(self) -> None:
        super()._check_settings()
        LIFNode._options(self)  # type: ignore[arg-type]  # the same tau

    def neuronal_charge(self, x: Tensor) -> None:
        LIFNode._charge(self, x, 1.0 / self.tau)  # type: ignore[arg-type]


class AdaptiveLIFNode(_GraphNode):
    """Leaky integrate-and-fire whose threshold follows its spikes: ``A = gamma S + decay A`` after each step.

    It fires where ``H >= A``, A at first `v_threshold`. A silent neuron's threshold sinks towards 0, so that every neuron
    with a positive input fires some day; a soft reset subtracts A. `nn.ALIFNode` is another one, whose threshold never
    falls below that at rest.

    Args:
        tau: time constant of the membrane in steps, at least 1. The default keeps nothing of the last step's membrane.
        gamma: how far a spike raises the threshold.
        threshold_decay: what is left of the threshold after a step, from 0 to 1.
        decay_input: see `nn.LIFNode`.
        v_threshold: the first threshold.
        v_reset: see `nn.BaseNode`, also for the rest.
        surrogate_function: the gradient of the step; ``Triangle(1)`` by default.
        detach_reset: see `nn.BaseNode`; the spike in A keeps its gradient.
        step_mode: see `nn.BaseNode`.
        backend: see `nn.BaseNode`.
        store_v_seq: see `nn.BaseNode`.

    Attributes:
        v_th: the threshold A after the last call, (N, *); at first the number `v_threshold`.

    Raises:
        ValueError: tau below 1, a decay out of range, NaN.

    Source: `LIF` in the code of Li et al., "Scaling up dynamic graph representation learning via spiking neural networks"
    (SpikeNet), AAAI 2023, with its defaults.
    """

    def __init__(
        self, tau: float = 1.0, gamma: float = 0.2, threshold_decay: float = 0.7, decay_input: bool = True,
        v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: SurrogateFunction | None = None,
        detach_reset: bool = False, step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.gamma, self.threshold_decay, self.decay_input = tau, gamma, threshold_decay, bool(decay_input)
        surrogate = Triangle() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    @property
    def _memories(self) -> tuple[tuple[str, float], ...]:  # type: ignore[override]
        return (("v_th", float(self.v_threshold)),)

    v_th: Any

    def _check_settings(self) -> None:
        super()._check_settings()
        name = type(self).__name__
        _check.number(self.gamma, name, "gamma")
        if not 0.0 <= _check.number(self.threshold_decay, name, "threshold_decay") <= 1.0:
            raise ValueError(f"{name}: threshold_decay is out of range, got {self.threshold_decay}; expected 0 to 1.")

    def neuronal_fire(self) -> Tensor:
        return F.spike(self.v - self.v_th, self.surrogate_function.spec)

    def neuronal_reset(self, spike: Tensor) -> None:
        if self.v_reset is None:
            self.v = self.v - (spike.detach() if self.detach_reset else spike) * self.v_th
        else:
            super().neuronal_reset(spike)
        self.v_th = self.gamma * spike + self.threshold_decay * self.v_th

    def extra_repr(self) -> str:
        return (
            f"tau={self.tau}, gamma={self.gamma}, threshold_decay={self.threshold_decay}, "
            f"decay_input={self.decay_input}, {super().extra_repr()}"
        )


class BLIFNode(_GraphNode):
    """Leaky integrate-and-fire that fires both ways: ``S = 1`` where ``H >= v_threshold``, ``-1`` where
    ``H <= -v_threshold``, else 0.

    A hard reset sets the membrane to `v_reset` after either; a soft one moves it by the threshold towards 0.
    The gradient of S is ``g(H - v_threshold) + g(-H - v_threshold)``, g the surrogate.

    Args:
        tau: time constant of the membrane in steps, at least 1.
        decay_input: see `nn.LIFNode`.
        v_threshold: the threshold, positive.
        v_reset: see `nn.BaseNode`, also for the rest.
        surrogate_function: the gradient of the step; ``Triangle(1)`` by default.
        detach_reset: see `nn.BaseNode`.
        step_mode: see `nn.BaseNode`.
        backend: see `nn.BaseNode`.
        store_v_seq: see `nn.BaseNode`.

    Raises:
        ValueError: tau below 1, a threshold that is not positive, NaN.

    Source: the bidirectional neuron of SGNNBench, 2025. There both signs come out as 1, as its second step is written
    down; here the spike keeps its sign, as that of Li et al., SpikeGCL, ICLR 2024, is described.
    """

    def __init__(
        self, tau: float = 1.0, decay_input: bool = True, v_threshold: float = 1.0, v_reset: float | None = 0.0,
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, step_mode: str = "s",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.decay_input = tau, bool(decay_input)
        surrogate = Triangle() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    def _check_settings(self) -> None:
        super()._check_settings()
        if _check.number(self.v_threshold, "BLIFNode", "v_threshold") <= 0.0:  # else it would fire both ways at once
            raise ValueError(f"BLIFNode: v_threshold must be positive, got {self.v_threshold}.")

    def _sides(self) -> tuple[Tensor, Tensor]:
        spec = self.surrogate_function.spec
        return F.spike(self.v - self.v_threshold, spec), F.spike(-self.v - self.v_threshold, spec)

    def neuronal_fire(self) -> Tensor:
        up, down = self._sides()
        return up - down

    def neuronal_reset(self, spike: Tensor) -> None:
        if self.v_reset is None:
            self.v = self.v - (spike.detach() if self.detach_reset else spike) * self.v_threshold
        else:
            up, down = self._sides()  # the sum of both, for which |S| would have no gradient where nothing fires
            super().neuronal_reset(up + down)

    def extra_repr(self) -> str:
        return f"tau={self.tau}, decay_input={self.decay_input}, {super().extra_repr()}"
