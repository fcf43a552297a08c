"""Spiking neurons in continuous time: exact spike times, and exact gradients of them."""

from grillyx.ode._dynamics import ODELIFDynamics
from grillyx.ode._layer import SpikingODELayer

__all__ = ["ODELIFDynamics", "SpikingODELayer"]
