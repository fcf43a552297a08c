"""Pictures of spikes, membranes and training. They need matplotlib, the extra ``plot``.

Each function draws into the axes that it is given, or into new ones, and returns them.
"""

from grillyx.plot._curves import accuracy_over_steps, curves, energy
from grillyx.plot._graph import graph, graph_layout
from grillyx.plot._overview import Sample, overview
from grillyx.plot._trains import raster, voltages

__all__ = [
    "Sample",
    "accuracy_over_steps",
    "curves",
    "energy",
    "graph",
    "graph_layout",
    "overview",
    "raster",
    "voltages",
]
