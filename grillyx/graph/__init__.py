"""Graphs, and spiking networks on them.

A `Graph` is made from edges, matrices, networkx graphs or PyG's objects, without importing any of those packages.
"""

from grillyx.graph import datasets
from grillyx.graph._graph import Graph, as_graph
from grillyx.graph._loader import Loader, NeighborLoader
from grillyx.graph._sampling import sample_neighbors

__all__ = ["Graph", "Loader", "NeighborLoader", "as_graph", "datasets", "sample_neighbors"]
