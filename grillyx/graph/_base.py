"""What layers on graphs share: how they are called, and what they check before anything goes to the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.graph._graph import Graph, as_graph
from grillyx.nn import Module


def read(x: Any, name: str, what: str = "the input") -> Any:
    """Return a tensor as it is, and all else as a float32 array that was looked into for NaN."""
    if isinstance(x, Tensor):
        return x
    host = to_numpy(x)
    if host.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {what} must be real numbers, got {host.dtype}; expected float32.")
    if host.dtype.kind == "f" and not np.isfinite(host).all():
        at = tuple(int(k) for k in np.argwhere(~np.isfinite(host))[0])
        raise ValueError(
            f"{name}: {what} is not finite, got {host[at]} at {list(at)}; expected finite numbers. Replace it, as with "
            "np.nan_to_num."
        )
    return host.astype(np.float32)


def features(x: Any, name: str, width: int | None = None, what: str = "the input") -> Tensor:
    """Return features (N, F) or (T, N, F) as float32."""
    x = as_tensor(read(x, name, what))
    if x.ndim not in (2, 3) or (width is not None and x.shape[-1] != width):
        size = "F" if width is None else width
        raise ValueError(
            f"{name}: {what} has a wrong shape, got {x.shape}; expected (N, {size}), or (T, N, {size}) for a sequence."
        )
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def graph_of(graph: Any, x: Any, name: str, edge_weight: Any = None, dense: bool = False) -> Graph:
    """Return a graph that has as many nodes as x has rows; `dense`: a 2 × 2 array is an adjacency, not two edges."""
    shape = tuple(x.shape if hasattr(x, "shape") else to_numpy(x).shape)
    nodes = shape[-2] if len(shape) > 1 else None
    own = _shape(graph)
    if isinstance(graph, Graph):
        out = graph
    elif own == (2, 2) and dense and nodes == 2:
        out = Graph.from_adjacency(graph)
    elif own is not None and own[0] == 2:
        out = Graph(graph, num_nodes=nodes)
    else:
        out = as_graph(graph)
    if nodes is not None and out.num_nodes != nodes:
        raise ValueError(
            f"{name}: the graph has {out.num_nodes} nodes, but the input has {nodes} rows, got shape {shape}; "
            f"expected ({out.num_nodes}, F) or (T, {out.num_nodes}, F)."
        )
    return out if edge_weight is None else out.with_weight(edge_weight)


def _shape(graph: Any) -> tuple[int, ...] | None:
    """Return the shape of an array of two axes; None of everything else."""
    if not isinstance(graph, (np.ndarray, Tensor, list, tuple)):
        return None
    shape = tuple(graph.shape if isinstance(graph, Tensor) else np.shape(graph))
    return shape if len(shape) == 2 else None


class FeatureModule(Module):
    """A layer whose first input is features: those from the host are looked into before they become a tensor."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if inputs:
            inputs = (read(inputs[0], type(self).__name__), *inputs[1:])
        return super().__call__(*inputs, **options)


class GraphModule(FeatureModule):
    """A layer that is called with features and a graph: ``layer(x, graph)``, or ``layer(x, edge_index, edge_weight)``."""

    _dense = False

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if len(inputs) > 1:  # arrays of edges shall not become tensors, which graphs do not need
            graph = graph_of(inputs[1], inputs[0], type(self).__name__, dense=self._dense)
            inputs = (inputs[0], graph, *inputs[2:])
        return super().__call__(*inputs, **options)


def size(value: Any, name: str, what: str) -> int:
    """Return a positive whole number."""
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{name}: {what} is a positive integer, got {value!r}.")
    return int(value)
