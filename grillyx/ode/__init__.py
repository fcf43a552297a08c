"""Continuous time: neurons that are solved rather than stepped, with exact spike times and their gradients.

`EventLIF` goes from spike to spike, and learns from spike times by EventProp, with `TTFSLoss`, `VoltageMaxLoss` or `SpikeCountLoss`;
`encode_times` turns values into spike times.
"""

from grillyx.ode._event_losses import SpikeCountLoss, TTFSLoss, VoltageMaxLoss, first_spikes, spike_charge
from grillyx.ode._events import EventLIF, encode_times

__all__ = ["EventLIF", "SpikeCountLoss", "TTFSLoss", "VoltageMaxLoss", "encode_times", "first_spikes", "spike_charge"]
