"""Containers that feed the output of a step back into the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._containers import _in_sequence, _single_step
from grillyx.nn._layers import Linear, _count
from grillyx.nn._module import Module
from grillyx.nn._synapses import check_step


class _Feedback(Module):
    def __init__(self, sub_module: Module, step_mode: str) -> None:
        name = type(self).__name__
        if not isinstance(sub_module, Module):
            raise TypeError(f"{name}: sub_module must be a module, got {type(sub_module).__name__}.")
        self.sub_module = sub_module
        self.step_mode = _check.one_of(step_mode, ("s", "m"), name, "step_mode")
        self.y: Any = None

    def reset(self) -> None:
        """Forget the last output."""
        self.y = None

    def detach(self) -> None:
        """Keep the last output, but let no gradient pass to earlier calls."""
        if isinstance(self.y, Tensor):
            self.y = self.y.detach()

    def _step(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _run(self, x: Tensor) -> Tensor:
        whole = self.step_mode == "m"
        with _single_step(self), _in_sequence(self, 1):
            return F.stack([self._step(row) for row in F.unstack(x)]) if whole else self._step(x)

    def extra_repr(self) -> str:
        return f"step_mode={self.step_mode!r}"


class ElementWiseRecurrentContainer(_Feedback):
    """``y[t] = sub_module(element_wise_function(y[t - 1], x[t]))``, ``y[-1] = 0``.

    What is inside runs step by step, whatever its step mode, and keeps its state until `functional.reset_net`.

    Args:
        sub_module: a module whose output has its input's shape.
        element_wise_function: such as ``lambda y, x: y + x``.
        step_mode: ``'s'``, one step (N, *) a call; or ``'m'``, a sequence (T, N, *).

    Attributes:
        y: the output of the last step, (N, *); at first None.

    Shape: (N, *) → (N, *), or (T, N, *) → (T, N, *).

    Raises:
        TypeError: sub_module is no module.
        ValueError: an unknown step mode, an input that does not fit the state, an output of another shape.

    Source: SpikingJelly's `ElementWiseRecurrentContainer`.
    """

    def __init__(
        self, sub_module: Module, element_wise_function: Callable[[Any, Any], Any], step_mode: str = "s"
    ) -> None:  # fmt: skip
        super().__init__(sub_module, step_mode)
        self.element_wise_function = element_wise_function

    def _step(self, x: Tensor) -> Tensor:
        y = F.zeros_like(x, "float32") if self.y is None else self.y
        out = self.sub_module(self.element_wise_function(y, x))
        if out.shape != x.shape:
            raise ValueError(
                f"ElementWiseRecurrentContainer: the output does not fit the next input, got {out.shape}; expected {x.shape}."
            )
        self.y = out
        return out

    def forward(self, x: Any) -> Tensor:
        """(N, *) → (N, *), or (T, N, *) → (T, N, *)."""
        return self._run(check_step(self, autograd.as_tensor(x), self.y))


class LinearRecurrentContainer(_Feedback):
    """``y[t] = sub_module(rc([x[t], y[t - 1]]))`` with a `Linear` layer `rc` of both, ``y[-1] = 0``.

    What is inside runs step by step, whatever its step mode, and keeps its state until `functional.reset_net`.

    Args:
        sub_module: (N, *, in_features) → (N, *, out_features).
        in_features: last axis of the input.
        out_features: last axis of the output of `sub_module`.
        bias: whether `rc` has a bias.
        step_mode: ``'s'``, one step (N, *, in_features) a call; or ``'m'``, a sequence (T, N, *, in_features).

    Attributes:
        rc: ``Linear(in_features + out_features, in_features)``.
        y: the output of the last step, (N, *, out_features); at first None.

    Shape: (N, *, in_features) → (N, *, out_features), or both with T in front.

    Raises:
        TypeError: sub_module is no module.
        ValueError: as `ElementWiseRecurrentContainer`.

    Source: SpikingJelly's `LinearRecurrentContainer`.
    """

    def __init__(
        self, sub_module: Module, in_features: int, out_features: int, bias: bool = True, step_mode: str = "s"
    ) -> None:  # fmt: skip
        super().__init__(sub_module, step_mode)
        self.in_features = _count(in_features, "LinearRecurrentContainer", "in_features")
        self.out_features = _count(out_features, "LinearRecurrentContainer", "out_features")
        self.rc = Linear(self.in_features + self.out_features, self.in_features, bias)

    def _step(self, x: Tensor) -> Tensor:
        wanted = (*x.shape[:-1], self.out_features)
        y = F.zeros_like(x[..., :1], "float32").expand(wanted) if self.y is None else self.y
        out = self.sub_module(self.rc(F.concatenate([x, y], axis=-1)))
        if out.shape != wanted:
            raise ValueError(
                f"LinearRecurrentContainer: the output has the wrong shape, got {out.shape}; expected {wanted}."
            )
        self.y = out
        return out

    def forward(self, x: Any) -> Tensor:
        """(N, *, in_features) → (N, *, out_features), or both with T in front."""
        x = check_step(self, autograd.as_tensor(x), self.y, self.out_features)
        if x.ndim < 1 + (self.step_mode == "m") or x.shape[-1] != self.in_features:
            raise ValueError(
                f"LinearRecurrentContainer: the input has the wrong shape, got {x.shape}; expected (..., {self.in_features})."
            )
        return self._run(x)
