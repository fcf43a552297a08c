"""What a method of `SpikingODELayer` is: a function that takes neurons through intervals. Each kind of dynamics names its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from grillyx.autograd import Tensor
from grillyx.ode._checks import NAME
from grillyx.ode._dynamics import ODELIFDynamics
from grillyx.ode._equations import Dynamics


class Run(NamedTuple):
    """What a method returns.

    Attributes:
        counts: spikes (T, B, n).
        voltage: (B, n) at the end.
        times: rows (interval, sample, neuron, time) in order of time, (S, 4), if they were wanted.
        state: what the next interval begins with; the method's own.
    """

    counts: Tensor
    voltage: Tensor
    times: Tensor | None
    state: Any


# (dynamics, currents (T, B, n), interval, method, state or None, return_times) -> Run
Adaptive = Callable[[Any, Tensor, float, str, Any, bool], Run]
ADAPTIVE: dict[str, Adaptive] = {}  # by name, such as "dopri5"


def method_of(dynamics: Any, method: str | None) -> str:
    """Return the method that a layer uses for its dynamics.

    Raises:
        ValueError: an unknown method, or one that cannot do these dynamics.
        TypeError: no dynamics at all.
    """
    closed = isinstance(dynamics, ODELIFDynamics)
    if not closed and not isinstance(dynamics, Dynamics):
        raise TypeError(f"{NAME}: dynamics is an ODELIFDynamics or another of grillyx.ode, got {dynamics!r}.")
    known = ["exact", "compat"] if closed else [*ADAPTIVE]
    if method is None and known:
        return known[0]
    if method not in known:
        raise ValueError(
            f"{NAME}: unknown method for {type(dynamics).__name__}, got {method!r}; expected one of "
            f"{', '.join(map(repr, known))}, or None."
        )
    return method


def rest_of(dynamics: Any, n: int) -> np.ndarray:
    """Return the voltages (n,) with which neurons begin."""
    if isinstance(dynamics, ODELIFDynamics):
        return np.full(n, dynamics.values().v_rest)
    first: np.ndarray = dynamics.start((n,), {}, NAME)[0]
    return first
