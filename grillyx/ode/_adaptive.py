"""The adaptive methods of `SpikingODELayer`."""

from __future__ import annotations

from grillyx.autograd import Tensor
from grillyx.ode._equations import Dynamics
from grillyx.ode._integrate import Solution, integrate
from grillyx.ode._methods import Run


def adaptive_forward(
    dynamics: Dynamics, currents: Tensor, interval: float, method: str, state: Solution | None, return_times: bool
) -> Run:  # fmt: skip
    """Take the neurons of a layer through currents (T, B, n), each constant for an interval, from the solution before."""
    record = ("times",) if return_times else ()
    found = integrate(dynamics, currents, interval, solver=method, initial=state, record=record)
    return Run(found.counts, found.state[dynamics.states[0]], found.times, found)
