"""Neurons in continuous time: differential equations between spikes, whose times are found and not rounded to steps."""

from grillyx.ode._equations import Dynamics
from grillyx.ode._integrate import IntegrationError, Solution, integrate
from grillyx.ode._models import LIF, AdEx, CurrentLIF, ExponentialIF, HodgkinHuxley, Izhikevich, QuadraticIF
from grillyx.ode._solvers import Bosh3, Dopri5, Solver

__all__ = [
    "LIF", "AdEx", "Bosh3", "CurrentLIF", "Dopri5", "Dynamics", "ExponentialIF", "HodgkinHuxley", "IntegrationError",
    "Izhikevich", "QuadraticIF", "Solution", "Solver", "integrate",
]  # fmt: skip
