"""What modules are made of: parameters, buffers, and two small records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from grillyx.autograd import Tensor


class Parameter(Tensor):
    """A tensor that training changes. An attribute of a module that is one belongs to its parameters.

    Args:
        data: the first values; anything that `Tensor` takes.
        requires_grad: False freezes it.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A tensor that is saved with a module but not trained, such as a running mean."""

    __slots__ = ()


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Handle:
    """Removes a hook."""

    def __init__(self, hooks: list, hook: Callable) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)
