"""What a wrapper tells the neurons inside while it runs: how the time axis is folded, and how to solve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Layer:
    """How the equation of one neuron is solved.

    Attributes:
        method: see `SNNWrapper.forward`.
        alpha: the orders, (terms,): a tensor, or an array.
        coefficients: one for each order, or None for a single one.
        step: h.
        memory: None, a number of steps, or "exponentials".
        compat: whether to do as spikeDE does.
    """

    method: str
    alpha: Any
    coefficients: Any
    step: float
    memory: Any = None
    compat: bool = False


@dataclass
class Sequence:
    """A call of a wrapper: (steps, batch) are folded into one axis in front."""

    steps: int
    batch: int
    layers: dict[int, Layer]  # by the id of the neuron
    width: float = 1.0  # how many steps the current of a spike lasts
    held: list[tuple[Any, Any]] = field(default_factory=list)  # what neurons gave to the next layer, and their spikes
    has_time: bool = True  # False once a head has taken the mean over time
    called: list[int] = field(default_factory=list)

    def unfold(self, x: Any, name: str) -> Any:
        """(steps · batch, ...) → (steps, batch, ...)."""
        if x.ndim == 0 or x.shape[0] != self.steps * self.batch:
            raise ValueError(
                f"{name}: a layer in front changed the first axis, got {x.shape}; expected ({self.steps * self.batch}, "
                f"...): inside SNNWrapper, {self.steps} steps of {self.batch} samples are one axis."
            )
        return x.reshape(self.steps, self.batch, *x.shape[1:])

    def spikes_of(self, x: Any) -> Any:
        """Return the spikes themselves, if x is what a neuron gave to the next layer, else None."""
        return next((spikes for held, spikes in self.held if held is x), None)


_RUNNING: ContextVar[Sequence | None] = ContextVar("running", default=None)


def running() -> Sequence | None:
    """Return the call of the wrapper that runs now, if any."""
    return _RUNNING.get()


@contextmanager
def run(sequence: Sequence | None) -> Iterator[None]:
    """Let the neurons know of a call."""
    token = _RUNNING.set(sequence)
    try:
        yield
    finally:
        _RUNNING.reset(token)
