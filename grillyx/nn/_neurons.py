"""Spiking neurons, with SpikingJelly's names."""

from __future__ import annotations

import math
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._module import Module, Parameter
from grillyx.nn.surrogate import ATan, SurrogateFunction
from grillyx.ops.shape import fill


class BaseNode(Module):
    """Base of all spiking neurons: charge, fire, reset.

    Examples:
        A neuron of your own defines `neuronal_charge`, which adds the input to ``self.v``; it then works in both step
        modes, with gradients through time:

        >>> class Decaying(BaseNode):
        ...     def neuronal_charge(self, x):
        ...         self.v = self.v * 0.9 + x

    Args:
        v_threshold: the neuron fires where ``H >= v_threshold``.
        v_reset: membrane after a spike; None subtracts `v_threshold` instead (soft reset).
        surrogate_function: the gradient of the step.
        detach_reset: whether the gradient ignores the reset.
        step_mode: ``'s'``, one step (N, *) a call; or ``'m'``, a sequence (T, N, *).
        backend: accepted for compatibility and ignored.
        store_v_seq: whether to keep the membrane after each step of a sequence, as ``v_seq`` (T, N, *).

    Attributes:
        v: the membrane after the last call, (N, *); before the first it is the number `v_reset`, or 0.0. It stays
            from call to call until `functional.reset_net`.
        v_seq: see `store_v_seq`.

    Raises:
        ValueError: NaN, an unknown step mode; in a call, an input that does not fit the state.
    """

    v_threshold: Any  # a number, or a parameter of neurons that learn it

    def __init__(
        self, v_threshold: float = 1.0, v_reset: float | None = 0.0, surrogate_function: SurrogateFunction | None = None,
        detach_reset: bool = False, step_mode: str = "s", backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        self.v_threshold, self.v_reset, self.step_mode = v_threshold, v_reset, step_mode
        self.surrogate_function = ATan() if surrogate_function is None else surrogate_function
        self.detach_reset, self.backend, self.store_v_seq = bool(detach_reset), backend, bool(store_v_seq)
        self._check_settings()
        self.v: Any = self._rest
        self.v_seq: Tensor | None = None

    @property
    def _rest(self) -> float:
        return 0.0 if self.v_reset is None else float(self.v_reset)

    def reset(self) -> None:
        """Forget the state."""
        self.v, self.v_seq = self._rest, None

    def detach(self) -> None:
        """Keep the state, but let no gradient pass to earlier calls."""
        if isinstance(self.v, Tensor):
            self.v = self.v.detach()

    # --- one step, for neurons that are defined in Python
    def neuronal_charge(self, x: Tensor) -> None:
        """Add the input of one step to ``self.v``."""
        raise NotImplementedError(f"{type(self).__name__}: define neuronal_charge(self, x), which changes self.v.")

    def neuronal_fire(self) -> Tensor:
        """Return the spikes for the charged membrane ``self.v``."""
        return F.spike(self.v - self.v_threshold, self.surrogate_function.spec)

    def neuronal_reset(self, spike: Tensor) -> None:
        """Set ``self.v`` back where `spike` is 1."""
        s = spike.detach() if self.detach_reset else spike
        self.v = self.v - s * self.v_threshold if self.v_reset is None else s * self.v_reset + (1.0 - s) * self.v

    def single_step_forward(self, x: Tensor) -> Tensor:
        """(N, *) → spikes (N, *)."""
        self.v = self._state(x.shape)
        self.neuronal_charge(x)
        spike = self.neuronal_fire()
        self.neuronal_reset(spike)
        return spike

    def multi_step_forward(self, x_seq: Tensor) -> Tensor:
        """(T, N, *) → spikes (T, N, *)."""
        spikes, membranes = [], []
        for x in F.unstack(x_seq):
            spikes.append(self.single_step_forward(x))
            if self.store_v_seq:
                membranes.append(self.v)
        if membranes:
            self.v_seq = F.stack(membranes)
        return F.stack(spikes)

    def forward(self, x: Any) -> Tensor:
        """(N, *) → spikes (N, *), or (T, N, *) → spikes (T, N, *)."""
        x = autograd.as_tensor(x)
        self._check_input(x)
        return self.single_step_forward(x) if self.step_mode == "s" else self.multi_step_forward(x)

    def _check_settings(self) -> None:
        """Settings are attributes, and may be changed at any time."""
        name = type(self).__name__
        if not isinstance(self.v_threshold, Tensor):  # a learned one is not read, which would wait for the device
            _check.number(self.v_threshold, name, "v_threshold")
        if self.v_reset is not None:
            _check.number(self.v_reset, name, "v_reset")
        _check.one_of(self.step_mode, ("s", "m"), name, "step_mode")
        if not isinstance(self.surrogate_function, SurrogateFunction):
            raise TypeError(
                f"{name}: surrogate_function must be a SurrogateFunction such as nn.ATan(), got "
                f"{self.surrogate_function!r}."
            )

    def _check_input(self, x: Tensor) -> None:
        name = type(self).__name__
        self._check_settings()
        if self.step_mode == "m" and (x.ndim == 0 or x.shape[0] == 0):
            raise ValueError(
                f"{name}: step_mode 'm' needs a sequence, got shape {x.shape}; expected (T, N, ...) with T >= 1."
            )
        sample = x.shape if self.step_mode == "s" else x.shape[1:]
        if not isinstance(self.v, (int, float)) and autograd.as_tensor(self.v).shape not in ((), sample):
            raise ValueError(
                f"{name}: the state has another shape than the input, got {sample} a step; expected "
                f"{autograd.as_tensor(self.v).shape}. Call functional.reset_net(model) before a batch of another shape."
                + (" Or is this a sequence? Then set step_mode 'm'." if self.step_mode == "s" else "")
            )

    def _state(self, shape: tuple[int, ...]) -> Tensor:
        """Return the membrane as a tensor of this shape."""
        if isinstance(self.v, (int, float)):
            return Tensor(fill(shape, float(self.v)))
        v = autograd.as_tensor(self.v)
        return v if v.shape == shape else v.expand(shape)

    def extra_repr(self) -> str:
        return (
            f"v_threshold={self.v_threshold}, v_reset={self.v_reset}, detach_reset={self.detach_reset}, "
            f"step_mode={self.step_mode!r}, surrogate_function={self.surrogate_function!r}"
        )


class _FusedNode(BaseNode):
    """A neuron whose steps, all of them, are one dispatch; unless a subclass changes one of the three rules."""

    _kind = ""
    decay_input = False

    def _is_fused(self) -> bool:
        own = type(self)
        rules = ("neuronal_charge", "neuronal_fire", "neuronal_reset", "single_step_forward", "multi_step_forward")
        return all(rule not in vars(self) and getattr(own, rule) is getattr(self._home, rule) for rule in rules)

    @property
    def _home(self) -> type:
        return next(c for c in type(self).__mro__ if "_kind" in vars(c))

    def _options(self) -> dict[str, Any]:
        return {}

    def forward(self, x: Any) -> Tensor:
        x = autograd.as_tensor(x)
        self._check_input(x)
        if not self._is_fused():
            return self.single_step_forward(x) if self.step_mode == "s" else self.multi_step_forward(x)
        sequence = x if self.step_mode == "m" else x.reshape(1, *x.shape)
        resting = isinstance(self.v, (int, float)) and self.v == self._rest
        spikes, self.v, v_seq = F.multi_step_neuron(
            sequence, None if resting else self._state(sequence.shape[1:]), kind=self._kind,
            v_threshold=self.v_threshold, v_reset=self.v_reset, decay_input=self.decay_input,
            detach_reset=self.detach_reset, surrogate=self.surrogate_function.spec,
            store_v_seq=self.store_v_seq and self.step_mode == "m", **self._options(),
        )  # fmt: skip
        if v_seq is not None:
            self.v_seq = v_seq
        return spikes if self.step_mode == "m" else spikes.reshape(x.shape)


class IFNode(_FusedNode):
    """Integrate-and-fire: ``H = V + X``. See `BaseNode` for the arguments."""

    _kind = "IF"

    def neuronal_charge(self, x: Tensor) -> None:
        self.v = self.v + x


class LIFNode(_FusedNode):
    """Leaky integrate-and-fire: ``H = V - (V - v_reset) / tau + X``, or with `decay_input`
    ``H = V + (X - (V - v_reset)) / tau``. A soft reset leaks to 0.

    Args:
        tau: time constant in steps, at least 1.
        decay_input: whether the input is divided by tau as well. False is better for deep networks.
        v_threshold: see `BaseNode`, also for the rest.
        v_reset: see `BaseNode`.
        surrogate_function: see `BaseNode`.
        detach_reset: see `BaseNode`.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Raises:
        ValueError: tau below 1, NaN.
    """

    _kind = "LIF"

    def __init__(
        self, tau: float = 2.0, decay_input: bool = False, v_threshold: float = 1.0, v_reset: float | None = 0.0,
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, step_mode: str = "s",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(v_threshold, v_reset, surrogate_function, detach_reset, step_mode, backend, store_v_seq)
        self.tau, self.decay_input = tau, bool(decay_input)
        self._options()

    def _options(self) -> dict[str, Any]:
        tau = _check.number(self.tau, type(self).__name__, "tau")
        if tau < 1.0:
            raise ValueError(f"{type(self).__name__}: tau is too small, got {self.tau}; expected at least 1.")
        return {"tau": tau}

    def _charge(self, x: Tensor, q: Any) -> None:
        away = self.v - self._rest if self._rest else self.v
        self.v = self.v + (x - away) * q if self.decay_input else self.v - away * q + x

    def neuronal_charge(self, x: Tensor) -> None:
        self._charge(x, 1.0 / self.tau)

    def extra_repr(self) -> str:
        return f"tau={self.tau}, decay_input={self.decay_input}, {super().extra_repr()}"


class ParametricLIFNode(LIFNode):
    """`LIFNode` whose leak is learned: ``1 / tau = sigmoid(w)`` with one scalar `w` for the layer.

    Args:
        init_tau: first value of tau, above 1.
        decay_input: see `LIFNode`.
        v_threshold: see `BaseNode`, also for the rest.
        v_reset: see `BaseNode`.
        surrogate_function: see `BaseNode`.
        detach_reset: see `BaseNode`.
        step_mode: see `BaseNode`.
        backend: see `BaseNode`.
        store_v_seq: see `BaseNode`.

    Attributes:
        w: the parameter, shape (), first ``-ln(init_tau - 1)``.

    Raises:
        ValueError: init_tau is not above 1, NaN.

    Source: Fang et al., "Incorporating learnable membrane time constant", ICCV 2021.
    """

    _kind = "PLIF"

    def __init__(
        self, init_tau: float = 2.0, decay_input: bool = False, v_threshold: float = 1.0, v_reset: float | None = 0.0,
        surrogate_function: SurrogateFunction | None = None, detach_reset: bool = False, step_mode: str = "s",
        backend: str | None = None, store_v_seq: bool = False,
    ) -> None:  # fmt: skip
        BaseNode.__init__(self, v_threshold, v_reset, surrogate_function, detach_reset, step_mode, backend, store_v_seq)
        tau = _check.number(init_tau, type(self).__name__, "init_tau")
        if tau <= 1.0:
            raise ValueError(f"{type(self).__name__}: init_tau is too small, got {init_tau}; expected more than 1.")
        self.decay_input = bool(decay_input)
        self.w = Parameter(-math.log(tau - 1.0))

    @property
    def tau(self) -> float:  # type: ignore[override]
        """The time constant now; reads the parameter from the device."""
        return 1.0 + math.exp(-float(self.w))

    def _options(self) -> dict[str, Any]:
        return {"w": self.w}

    def neuronal_charge(self, x: Tensor) -> None:
        self._charge(x, self.w.sigmoid())

    def extra_repr(self) -> str:
        return f"decay_input={self.decay_input}, {BaseNode.extra_repr(self)}"
