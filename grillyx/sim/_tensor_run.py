"""Steps of a model by its methods, one after another: for models that override them."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.ops.network import MOST_SPIKES
from grillyx.sim._device_run import warn_saturated


class TensorRun:
    """Runs ``input``, ``non_linearity``, ``emit_spikes`` and ``next_state`` of a model; a step takes some ten kernels.

    Args:
        model: a `BaseModel`.
        graph: the network.
        x: the first state (N, T), an array or a tensor.
        weights: what `input` gets as W: a `Filter`, (W, edge_index), or W for the edges of the graph.
        whole: cut spikes off to whole numbers, as an integer dtype would.
    """

    def __init__(self, model: Any, graph: Graph, x: Any, weights: Any, whole: bool = False) -> None:
        self.whole, self._warned = whole, False
        self.model, self.graph, self.weights = model, graph, weights
        self.edge_index = graph.edge_index
        if isinstance(weights, tuple):
            self.weights, self.edge_index = weights
        self.x = x if isinstance(x, Tensor) else Tensor(x)

    def step(self, t: int) -> Tensor:
        """Take a step and return its spikes (N,)."""
        model, n = self.model, self.x.shape[0]
        model._neurons = n
        spikes = as_tensor(model(edge_index=self.edge_index, W=self.weights, state=self.x, t=t)).astype(np.float32)
        if spikes.size != n:
            raise ValueError(
                f"{type(model).__name__}.forward: spikes have the wrong shape, got {spikes.shape}; expected ({n},), one a neuron."
            )
        spikes = F.floor(spikes.reshape(n)) if self.whole else spikes.reshape(n)
        self.x = model.next_state(self.x, spikes)
        return spikes

    def advance(self, times: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Take a step for each of the times (S,), and return the spikes (S, N)."""
        given = None if uniforms is None else Tensor(np.asarray(uniforms, np.float32))
        rows, steps = [], times.tolist()
        try:
            for k, t in enumerate(steps):
                self.model._uniforms = None if given is None else given[k]
                rows.append(self.step(t))
        finally:
            self.model._uniforms = None
        if not rows:
            return np.zeros((0, self.graph.num_nodes), np.float32)
        spikes = F.stack(rows).numpy()
        if not np.isfinite(spikes).all():
            raise FloatingPointError(
                f"{type(self.model).__name__}: spikes are NaN or infinite. Look at the rates and parameters."
            )
        if self.model._counts and not self._warned and (cut := int((spikes >= MOST_SPIKES).sum())):
            self._warned = True
            warn_saturated(type(self.model).__name__, cut)
        return spikes

    def state(self) -> np.ndarray:
        """Return the state (N, T)."""
        return self.x.numpy()

    def kept(self) -> None:
        """Return None: the state says everything."""

    def go_on(self, kept: Any, x: np.ndarray) -> None:
        """Do nothing: the state says everything."""
