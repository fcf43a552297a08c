"""Networks that are simulated: edges with weights, from `Graph` or what looks like one."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, to_numpy
from grillyx.engine.device import current_device
from grillyx.graph import Graph
from grillyx.ops import network
from grillyx.ops.network import Synapses

_BUILT: weakref.WeakKeyDictionary[Graph, dict[Any, tuple[Any, Synapses]]] = weakref.WeakKeyDictionary()


def as_network(data: Any, who: str) -> Graph:
    """Return a graph with float32 weights on the host, of one network or of several side by side.

    Args:
        data: a `Graph`, whose edge_weight are the weights; an object with ``.edge_index`` (2, E; source, target) and ``.W0`` (E,), and
            ``.num_nodes`` if some neurons have no edge; or a list of these, which are simulated side by side.
        who: the method that asks, for errors.

    Raises:
        TypeError: it is none of these.
        ValueError: indices out of range, weights that are NaN or infinite, wrong sizes.
    """
    if isinstance(data, (list, tuple)):
        if not data:
            raise ValueError(f"{who}: there is no network, got an empty {type(data).__name__}; expected one or more.")
        graphs = [as_network(part, who) for part in data]
        return graphs[0] if len(graphs) == 1 else Graph.batch_of(graphs)
    if isinstance(data, Graph):
        return _plain(data)
    if not hasattr(data, "edge_index"):
        raise TypeError(
            f"{who}: this is no network, got {type(data).__name__}; expected a Graph, something with .edge_index and .W0, or a "
            "list of these. A matrix of weights becomes one by Graph.from_adjacency(W), with W[i, j] from j to i."
        )
    if getattr(data, "W0", None) is None:
        return _plain(Graph.from_any(data))
    weight = to_numpy(data.W0)
    if weight.ndim == 2 and weight.shape[1] == 1:
        weight = weight[:, 0]
    nodes = getattr(data, "num_nodes", None)
    parts = {name: to_numpy(value) for name in ("batch", "ptr") if (value := getattr(data, name, None)) is not None}
    return Graph(to_numpy(data.edge_index), weight, None if nodes is None else int(nodes), **parts)


def _plain(graph: Graph) -> Graph:
    if isinstance(graph.edge_weight, Tensor):
        return graph.replace(edge_weight=graph.edge_weight.numpy())
    return graph


def weights(graph: Graph) -> np.ndarray:
    """Return the weights (E,), 1 where there are none."""
    return np.ones(graph.num_edges, np.float32) if graph.edge_weight is None else graph.edge_weight


def synapses(graph: Graph, counts: bool, without_loops: bool = False) -> Synapses:
    """Return the edges on the device; made once for each graph.

    Args:
        graph: the network.
        counts: whether neurons may spike several times in a step.
        without_loops: leave out edges from a neuron to itself, and let those after them have the weights of those before, as
            spikeometric does.
    """
    built, device = _BUILT.setdefault(graph, {}), current_device()
    found = built.get((counts, without_loops))
    if found is None or found[0] is not device:
        (source, target), weight = graph.edge_index, weights(graph)
        if without_loops:
            source, target, weight = shifted(source, target, weight)
        found = device, network.synapses(source, target, weight, graph.num_nodes, counts)
        built[counts, without_loops] = found
    return found[1]


def shifted(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges without loops, and the first weights, as many as there are then."""
    kept = source != target
    return source[kept], target[kept], weight[: int(kept.sum())]


def weight_of(graph: Graph) -> Tensor:
    """Return the weights (E,) as a tensor, uploaded once."""
    weight = graph.weight
    return Tensor(weights(graph)) if weight is None else weight
