"""Spiking neurons in continuous time: exact spike times and exact gradients of them, and solvers for any dynamics."""

from grillyx.ode._adaptive import adaptive_forward
from grillyx.ode._dynamics import ODELIFDynamics
from grillyx.ode._equations import Dynamics
from grillyx.ode._integrate import IntegrationError, Solution, integrate
from grillyx.ode._layer import SpikingODELayer
from grillyx.ode._methods import ADAPTIVE
from grillyx.ode._models import LIF, AdEx, CurrentLIF, ExponentialIF, HodgkinHuxley, Izhikevich, QuadraticIF
from grillyx.ode._solvers import SOLVERS, Bosh3, Dopri5, Solver

ADAPTIVE.update(dict.fromkeys(SOLVERS, adaptive_forward))

__all__ = [
    "LIF", "AdEx", "Bosh3", "CurrentLIF", "Dopri5", "Dynamics", "ExponentialIF", "HodgkinHuxley", "IntegrationError",
    "Izhikevich", "ODELIFDynamics", "QuadraticIF", "Solution", "Solver", "SpikingODELayer", "integrate",
]  # fmt: skip
