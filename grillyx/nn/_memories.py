"""Neurons that remember more than their membrane."""

from __future__ import annotations

from typing import Any

from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.nn._neurons import BaseNode


class MemoryNode(BaseNode):
    """A neuron with memories beside `v`: attributes that `reset` sets to their first values, and `detach` cuts."""

    _memories: tuple[tuple[str, float], ...] = ()  # names and first values

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._forget()

    def _forget(self) -> None:
        for name, value in self._memories:
            setattr(self, name, value)

    def reset(self) -> None:
        super().reset()
        self._forget()

    def detach(self) -> None:
        super().detach()
        for name, _ in self._memories:
            value = getattr(self, name)
            if isinstance(value, Tensor):
                setattr(self, name, value.detach())

    def _check_input(self, x: Tensor) -> None:
        super()._check_input(x)
        sample = x.shape if self.step_mode == "s" else x.shape[1:]
        for name, _ in self._memories:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) and autograd.as_tensor(value).shape not in ((), sample):
                raise ValueError(
                    f"{type(self).__name__}: the state {name} has another shape than the input, got {sample} a step; "
                    f"expected {autograd.as_tensor(value).shape}. Call functional.reset_net(model) before a batch of "
                    "another shape."
                )


def above(value: Any, low: float, name: str, what: str) -> float:
    """Return a number that is larger than `low`."""
    out = _check.number(value, name, what)
    if out <= low:
        raise ValueError(f"{name}: {what} is too small, got {value}; expected more than {low:g}.")
    return out
