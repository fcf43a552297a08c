"""Spiking networks on graphs, as in their papers, and the network without spikes that they are measured against.

All are called alike: ``Model(in_features, hidden, classes, ...)``, then ``model(x, graph)`` for the logits (N, classes).
"""

from grillyx.graph.models._drsgnn import DRSGNN, ReactiveNode, random_walk_encoding
from grillyx.graph.models._gcn import GCN
from grillyx.graph.models._msg import MSG
from grillyx.graph.models._signn import SiGNN
from grillyx.graph.models._spikegcl import SpikeGCL
from grillyx.graph.models._spikegt import SpikeGT
from grillyx.graph.models._spikenet import SpikeNet
from grillyx.graph.models._spiking_gcn import SpikingGCN
from grillyx.graph.models._stfn import GASNN, GCSNN, STFNorm

__all__ = [
    "DRSGNN", "GASNN", "GCN", "GCSNN", "MSG", "ReactiveNode", "STFNorm", "SiGNN", "SpikeGCL", "SpikeGT", "SpikeNet",
    "SpikingGCN", "random_walk_encoding",
]  # fmt: skip
