"""Continuous time: neurons that are solved rather than stepped, with exact spike times and their gradients.

`SpikingODELayer` solves leaky neurons in closed form, and any other `Dynamics` with adaptive steps, as `integrate` does.
`EventLIF` goes from spike to spike, and learns from spike times by EventProp, with `TTFSLoss`, `VoltageMaxLoss` or
`SpikeCountLoss`; `encode_times` turns values into spike times.
"""

from grillyx.ode._adaptive import adaptive_forward
from grillyx.ode._dynamics import ODELIFDynamics
from grillyx.ode._equations import Dynamics
from grillyx.ode._event_losses import SpikeCountLoss, TTFSLoss, VoltageMaxLoss, first_spikes, spike_charge
from grillyx.ode._events import EventLIF, encode_times
from grillyx.ode._integrate import IntegrationError, Solution, integrate
from grillyx.ode._layer import SpikingODELayer
from grillyx.ode._methods import ADAPTIVE
from grillyx.ode._models import LIF, AdEx, CurrentLIF, ExponentialIF, HodgkinHuxley, Izhikevich, QuadraticIF
from grillyx.ode._solvers import SOLVERS, Bosh3, Dopri5, Solver

ADAPTIVE.update(dict.fromkeys(SOLVERS, adaptive_forward))

__all__ = [
    "LIF", "AdEx", "Bosh3", "CurrentLIF", "Dopri5", "Dynamics", "EventLIF", "ExponentialIF", "HodgkinHuxley",
    "IntegrationError", "Izhikevich", "ODELIFDynamics", "QuadraticIF", "Solution", "Solver", "SpikeCountLoss",
    "SpikingODELayer", "TTFSLoss", "VoltageMaxLoss", "encode_times", "first_spikes", "integrate", "spike_charge",
]  # fmt: skip
