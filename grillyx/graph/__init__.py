"""Graphs, and spiking networks on them.

A `Graph` is made from edges, matrices, networkx graphs or PyG's objects, without importing any of those packages.
"""

from grillyx.graph._aggregate import aggregate, softmax
from grillyx.graph._attention import GATConv
from grillyx.graph._convs import GCNConv, GINConv, SAGEConv, SGConv
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._neurons import AdaptiveLIFNode, BLIFNode
from grillyx.graph._pool import global_add_pool, global_max_pool, global_mean_pool
from grillyx.graph._spike_conv import SpikeGraphConv

__all__ = [
    "AdaptiveLIFNode", "BLIFNode", "GATConv", "GCNConv", "GINConv", "Graph", "SAGEConv", "SGConv", "SpikeGraphConv",
    "aggregate", "as_graph", "global_add_pool", "global_max_pool", "global_mean_pool", "softmax",
]  # fmt: skip
