"""Graphs, and spiking networks on them.

A `Graph` is made from edges, matrices, networkx graphs or PyG's objects, without importing any of those packages.
"""

from grillyx.graph._graph import Graph, as_graph

__all__ = ["Graph", "as_graph"]
