"""Neurons whose leak is no straight line, with SpikingJelly's names, defaults and equations."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._memories import MemoryNode, above
from grillyx.nn._neurons import BaseNode
from grillyx.nn.surrogate import Sigmoid, SurrogateFunction


def _check_levels(name: str, v_threshold: float, v_rest: float, v_reset: float | None) -> None:
    if v_reset is not None and (v_threshold <= v_reset or v_rest < v_reset):
        raise ValueError(
            f"{name}: v_reset is too high, got {v_reset}; expected less than v_threshold ({v_threshold}) and at most "
            f"v_rest ({v_rest})."
        )


class QIFNode(BaseNode):
    """Quadratic integrate-and-fire: ``H = V + (X + a0 (V - v_rest) (V - v_c)) / tau``.

    Args:
        tau: time constant in steps, above 1.
        v_c: the critical voltage; above it the membrane rises by itself.
        a0: strength of the parabola, positive.
        v_threshold: see `BaseNode`.
        v_rest: where the membrane rests without input.
        v_reset: membrane after a spike, and the first one; None subtracts `v_threshold` instead, and starts at 0.
        surrogate_function: the gradient of the step; ``Sigmoid(4)`` by default.
        detach_reset: see `BaseNode`, also for the rest.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Raises:
        ValueError: tau not above 1, a0 not positive, v_reset above v_rest or not below v_threshold, NaN.

    Source: Gerstner et al., "Neuronal Dynamics", section 5.3; SpikingJelly's `QIFNode`.
    """

    def __init__(
        self, tau: float = 2.0, v_c: float = 0.8, a0: float = 1.0, v_threshold: float = 1.0, v_rest: float = 0.0,
        v_reset: float | None = -0.1, surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False,
        step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.v_c, self.a0, self.v_rest = tau, v_c, a0, v_rest
        surrogate = Sigmoid() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    def _check_settings(self) -> None:
        super()._check_settings()
        name = type(self).__name__
        above(self.tau, 1.0, name, "tau")
        above(self.a0, 0.0, name, "a0")
        _check.number(self.v_c, name, "v_c")
        _check.number(self.v_rest, name, "v_rest")
        _check_levels(name, self.v_threshold, self.v_rest, self.v_reset)

    def neuronal_charge(self, x: Tensor) -> None:
        v = self.v
        self.v = v + (x + self.a0 * (v - self.v_rest) * (v - self.v_c)) / self.tau

    def extra_repr(self) -> str:
        return f"tau={self.tau}, v_c={self.v_c}, a0={self.a0}, v_rest={self.v_rest}, {super().extra_repr()}"


class EIFNode(BaseNode):
    """Exponential integrate-and-fire: ``H = V + (X - (V - v_rest) + delta_T exp((V - theta_rh) / delta_T)) / tau``.

    Args:
        tau: time constant in steps, above 1.
        delta_T: sharpness of the exponential, positive.
        theta_rh: the rheobase threshold, from where the exponential matters.
        v_threshold: see `BaseNode`.
        v_rest: where the leak pulls the membrane.
        v_reset: membrane after a spike, and the first one; None subtracts `v_threshold` instead, and starts at 0.
        surrogate_function: the gradient of the step; ``Sigmoid(4)`` by default.
        detach_reset: see `BaseNode`, also for the rest.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Raises:
        ValueError: tau not above 1, delta_T not positive, v_reset above v_rest or not below v_threshold, NaN.

    Source: Fourcaud-Trocmé et al., "How spike generation mechanisms determine the neuronal response to fluctuating
    inputs", 2003; SpikingJelly's `EIFNode`.
    """

    def __init__(
        self, tau: float = 2.0, delta_T: float = 1.0, theta_rh: float = 0.8, v_threshold: float = 1.0,
        v_rest: float = 0.0, v_reset: float | None = -0.1, surrogate_function: SurrogateFunction | None = None,
        detach_reset: bool = False, step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.delta_T, self.theta_rh, self.v_rest = tau, delta_T, theta_rh, v_rest
        surrogate = Sigmoid() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    def _check_settings(self) -> None:
        super()._check_settings()
        name = type(self).__name__
        above(self.tau, 1.0, name, "tau")
        above(self.delta_T, 0.0, name, "delta_T")
        _check.number(self.theta_rh, name, "theta_rh")
        _check.number(self.v_rest, name, "v_rest")
        _check_levels(name, self.v_threshold, self.v_rest, self.v_reset)

    def neuronal_charge(self, x: Tensor) -> None:
        v = self.v
        upswing = self.delta_T * F.exp((v - self.theta_rh) / self.delta_T)
        self.v = v + (x + self.v_rest - v + upswing) / self.tau

    def extra_repr(self) -> str:
        return (
            f"tau={self.tau}, delta_T={self.delta_T}, theta_rh={self.theta_rh}, v_rest={self.v_rest}, "
            f"{super().extra_repr()}"
        )


class IzhikevichNode(MemoryNode):
    """Izhikevich's neuron, a parabola with a recovery current w:

    | | |
    |---|---|
    | charge | ``H = V + (X + a0 (V - v_rest) (V - v_c) - w) / tau`` |
    | fire | ``S = 1 where H >= v_threshold`` |
    | adapt | ``w = w + (a (H - v_rest) - w) / tau_w + b S`` |
    | reset | as `BaseNode` |

    Args:
        tau: time constant of the membrane in steps, above 1.
        v_c: the critical voltage; above it the membrane rises by itself.
        a0: strength of the parabola, positive.
        v_threshold: see `BaseNode`.
        v_reset: see `BaseNode`.
        v_rest: where the membrane rests without input.
        w_rest: the first w.
        tau_w: time constant of w in steps, positive.
        a: how w follows the membrane.
        b: what a spike adds to w.
        surrogate_function: the gradient of the step; ``Sigmoid(4)`` by default.
        detach_reset: see `BaseNode`; the spike in `adapt` keeps its gradient.
        step_mode: see `BaseNode`, also for the rest.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        w: the recovery current after the last call, (N, *); at first the number `w_rest`.

    Raises:
        ValueError: tau not above 1, a0 or tau_w not positive, NaN.

    Source: Izhikevich, "Simple model of spiking neurons", 2003; SpikingJelly's `IzhikevichNode`.
    """

    def __init__(
        self, tau: float = 2.0, v_c: float = 0.8, a0: float = 1.0, v_threshold: float = 1.0, v_reset: float | None = 0.0,
        v_rest: float = -0.1, w_rest: float = 0.0, tau_w: float = 2.0, a: float = 0.0, b: float = 0.0,
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, step_mode: str = "s",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.tau, self.v_c, self.a0, self.v_rest = tau, v_c, a0, v_rest
        self.w_rest, self.tau_w, self.a, self.b = w_rest, tau_w, a, b
        surrogate = Sigmoid() if surrogate_function is None else surrogate_function
        super().__init__(v_threshold, v_reset, surrogate, detach_reset, step_mode, backend, store_v_seq)

    w: Any

    @property
    def _memories(self) -> tuple[tuple[str, float], ...]:  # type: ignore[override]
        return (("w", float(self.w_rest)),)

    def _check_settings(self) -> None:
        super()._check_settings()
        name = type(self).__name__
        above(self.tau, 1.0, name, "tau")
        above(self.tau_w, 0.0, name, "tau_w")
        above(self.a0, 0.0, name, "a0")
        for what in ("v_c", "v_rest", "w_rest", "a", "b"):
            _check.number(getattr(self, what), name, what)

    def neuronal_charge(self, x: Tensor) -> None:
        v = self.v
        self.v = v + (x + self.a0 * (v - self.v_rest) * (v - self.v_c) - self.w) / self.tau

    def neuronal_adaptation(self, spike: Tensor) -> None:
        """Change ``self.w`` by the charged membrane ``self.v`` and the spikes."""
        self.w = self.w + (self.a * (self.v - self.v_rest) - self.w) / self.tau_w + self.b * spike

    def single_step_forward(self, x: Tensor) -> Tensor:
        self.v = self._state(x.shape)
        self.neuronal_charge(x)
        spike = self.neuronal_fire()
        self.neuronal_adaptation(spike)
        self.neuronal_reset(spike)
        return spike

    def extra_repr(self) -> str:
        return (
            f"tau={self.tau}, v_c={self.v_c}, a0={self.a0}, v_rest={self.v_rest}, w_rest={self.w_rest}, "
            f"tau_w={self.tau_w}, a={self.a}, b={self.b}, {super().extra_repr()}"
        )
