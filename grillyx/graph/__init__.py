"""Graphs, and spiking networks on them.

A `Graph` is made from edges, matrices, networkx graphs or PyG's objects, without importing any of those packages.
"""

from grillyx.graph import datasets, models
from grillyx.graph._aggregate import aggregate, softmax
from grillyx.graph._attention import GATConv
from grillyx.graph._convs import GCNConv, GINConv, SAGEConv, SGConv
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._heads import EdgeHead, GraphHead, NodeHead, negative_sampling
from grillyx.graph._loader import Loader, NeighborLoader
from grillyx.graph._neurons import AdaptiveLIFNode, BLIFNode
from grillyx.graph._pool import global_add_pool, global_max_pool, global_mean_pool
from grillyx.graph._sampling import sample_neighbors
from grillyx.graph._sequential import Sequential, SpikingGraphConv
from grillyx.graph._spike_conv import SpikeGraphConv
from grillyx.graph._spike_layers import SpikeGNNLayer

__all__ = [
    "AdaptiveLIFNode", "BLIFNode", "EdgeHead", "GATConv", "GCNConv", "GINConv", "Graph", "GraphHead", "Loader",
    "NeighborLoader", "NodeHead", "SAGEConv", "SGConv", "Sequential", "SpikeGNNLayer", "SpikeGraphConv", "SpikingGraphConv",
    "aggregate", "as_graph", "datasets", "global_add_pool", "global_max_pool", "global_mean_pool", "models", "negative_sampling",
    "sample_neighbors", "softmax",
]  # fmt: skip
