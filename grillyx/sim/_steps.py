"""The methods that make up a step of a network, and what a model may override."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import autograd, nn
from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.graph import Graph
from grillyx.ops import random as random_ops
from grillyx.ops.network import MOST_SPIKES
from grillyx.sim import _data
from grillyx.sim._checks import number
from grillyx.sim._drive import checked
from grillyx.sim._filter import Filter
from grillyx.sim._random import generator_of
from grillyx.sim._state import State

STEPS = (
    "forward", "input", "synaptic_input", "message", "stimulus_input", "stimulus_filter", "non_linearity", "emit_spikes",
    "connectivity_filter", "coupling_kernel", "own_kernel", "background_input", "update_activation", "next_state", "uniform",
)  # fmt: skip


def overridden(model: Any, names: tuple[str, ...]) -> bool:
    """Return whether a model has a method of these that is not of this package."""
    kind = type(model)
    return any(
        name in vars(model) or not getattr(getattr(kind, name), "__module__", "").startswith("grillyx.sim.")
        for name in names
        if hasattr(model, name)
    )


class Steps(nn.Module):
    """A step of a network, method by method; any of them may be overridden. `BaseModel` is what models are made from."""

    _counts = False  # whether a neuron may spike several times in a step
    T = 1  # steps that a state holds
    _remembers_spikes = True  # whether the state is the spikes of the last T steps

    def __init__(self, dt: float = 1.0, rng: Any = None, compat: bool = False) -> None:
        who = type(self).__name__
        self.dt, self.compat = number(dt, "dt", who, "positive"), bool(compat)
        self.random = generator_of(rng, who)
        self.stimulus: Callable[..., Any] | None = None
        self.state: State | None = None
        self.result: np.ndarray | None = None
        self._uniforms: Tensor | None = None  # of this step, where they are given
        self._neurons: int | None = None  # of the network that is simulated
        self._edges_before: tuple[Any, Graph, Tensor] | None = None
        self._learns_through_spikes = False  # `tune` sets it

    # --- the steps
    def forward(self, edge_index: Any, W: Any, state: Any, **kwargs: Any) -> Tensor:
        """Return the spikes (N,) that follow on a state.

        Args:
            edge_index: (2, E), source and target of each edge.
            W: (E, T), weights over time; or the `Filter` that stands for them.
            state: (N, T), the last column the most recent step.
            **kwargs: for `input`, such as the step ``t``.
        """
        state = as_tensor(state).astype(np.float32)
        return self.emit_spikes(self.non_linearity(self.input(edge_index=edge_index, W=W, state=state, **kwargs)))

    def input(self, edge_index: Any, W: Any, state: Any, t: int = -1, **kwargs: Any) -> Tensor:
        """Return what reaches each neuron, (N,): synaptic input and stimulus."""
        return self.synaptic_input(edge_index, W, state=state, **kwargs) + self.stimulus_input(t)

    def non_linearity(self, input: Any) -> Tensor:
        """Return the response to the input; here the input itself."""
        return as_tensor(input)

    def emit_spikes(self, mean: Any) -> Tensor:
        """Return spikes, drawn or not, from the response. A model defines it."""
        raise NotImplementedError(
            f"{type(self).__name__}: define emit_spikes(self, mean), which returns the spikes (N,)."
        )

    def synaptic_input(self, edge_index: Any, W: Any, state: Any, **kwargs: Any) -> Tensor:
        """Return ``I_i = sum over edges (j, i) and steps k of W[e, k] state[j, k]``, (N,).

        A `Filter` takes one sparse product. An array W, or a `message` of one's own, takes E × T numbers, as in spikeometric.
        """
        state = as_tensor(state).astype(np.float32)
        if isinstance(W, Filter):
            if not overridden(self, ("message",)):
                return W.arriving(state)
            W, edge_index = W.dense()
        source, graph = self._edges_of(edge_index, state.shape[0])
        messages = self.message(
            F.take(state, source, axis=0), as_tensor(to_numpy(W) if not isinstance(W, Tensor) else W)
        )
        return F.sparse_sum(graph.csr, as_tensor(messages).reshape(-1, 1)).reshape(-1)

    def _edges_of(self, edge_index: Any, neurons: int) -> tuple[Tensor, Graph]:
        """Return the sources of edges (E,) and their graph; kept for the next step, which has the same."""
        known = self._edges_before
        if known is None or known[0] is not edge_index or known[1].num_nodes != neurons:
            graph = Graph(edge_index, num_nodes=neurons)
            known = self._edges_before = edge_index, graph, Tensor(graph.edge_index[0])
        return known[2], known[1]

    def message(self, state_j: Any, W: Any) -> Tensor:
        """Return the message of each edge, (E, 1), from the history of its source (E, T) and its weights (E, T)."""
        return (state_j * W).sum(axis=1, keepdims=True)

    def stimulus_input(self, t: Any, **kwargs: Any) -> Any:
        """Return the stimulus at step t: (N,), or a number for all."""
        if self.stimulus is None:
            return 0.0
        return self.stimulus_filter(checked(self.stimulus(t), self._neurons, type(self).__name__), **kwargs)

    def stimulus_filter(self, stimulus: Any, **kwargs: Any) -> Any:
        """Return what a stimulus does to the neurons; here the stimulus itself."""
        return stimulus

    def next_state(self, state: Tensor, spikes: Tensor) -> Tensor:
        """Return the state (N, T) after these spikes (N,): the oldest step goes."""
        column = spikes.reshape(-1, 1)
        return column if state.shape[1] == 1 else F.concatenate([state[:, 1:], column], 1)

    def uniform(self, neurons: int) -> Tensor:
        """Return uniform numbers in [0, 1), (N,), for this step: those that were given to `simulate`, or drawn ones."""
        if self._uniforms is not None:
            return self._uniforms
        return Tensor(random_ops.uniform((neurons,), 0.0, 1.0, self.random))

    def draw_bernoulli(self, chance: Any) -> Tensor:
        """Return spikes, 1 with the chance of each neuron (N,), else 0; while `tune` learns through spikes, with its gradient."""
        chance = as_tensor(chance)
        known = chance.detach().reshape(-1)
        return self._drawn((self.uniform(chance.size) < known).astype(np.float32) + known * 0.0, chance)  # NaN stays

    def draw_poisson(self, mean: Any) -> Tensor:
        """Return Poisson counts of the means (N,), at most 65,535; with their gradient while `tune` learns through spikes."""
        mean = as_tensor(mean)
        counts = random_ops.poisson_quantile(mean.detach().reshape(-1).array, self.uniform(mean.size).array)
        return self._drawn(F.minimum(Tensor(counts), float(MOST_SPIKES)), mean)

    def _drawn(self, spikes: Tensor, mean: Tensor) -> Tensor:
        spikes = spikes.detach()
        return spikes + (mean.reshape(-1) - mean.detach().reshape(-1)) if self._learns_through_spikes else spikes

    # --- weights over time
    def coupling_kernel(self) -> Tensor:
        """Return how the effect of a spike goes over the steps, (T,), the last the most recent step; here a single 1."""
        return Tensor(
            np.ones(self.T, np.float32) if self.T == 1 else np.eye(1, self.T, self.T - 1, dtype=np.float32)[0]
        )

    def own_kernel(self) -> Tensor | None:
        """Return the effect of a neuron's spikes on itself, such as refractoriness, (T,), or None."""
        return None

    def connectivity_filter(self, W0: Any, edge_index: Any) -> tuple[Tensor, np.ndarray]:
        """Return weights over time (E + loops, T) for the weights W0 (E,), and their edge_index.

        The last column is the most recent step. The loops, of `own_kernel`, are at the end. A model that overrides this may
        have any weights over time; its steps then take E × T numbers.
        """
        graph = Graph(edge_index, W0 if isinstance(W0, Tensor) else np.asarray(W0, np.float32).reshape(-1))
        return self._filter(graph).dense()

    # --- for simulations
    def _program(self, graph: Graph, kind: np.dtype) -> Any:
        """Return what a shader of this model wants, or None: its methods are called."""

    def _run_filter(self, graph: Graph) -> Any:
        """Return what steps get as W: a `Filter`, or (W, edge_index) where the user has weights over time of his own."""
        if not overridden(self, ("connectivity_filter",)):
            return self._filter(graph)
        out = self.connectivity_filter(Tensor(_data.weights(graph)), graph.edge_index)
        W, edge_index = out if isinstance(out, (tuple, list)) and len(out) == 2 else (out, graph.edge_index)
        W, edge_index = as_tensor(W).astype(np.float32), to_numpy(edge_index)
        if W.ndim == 1:
            W = W.reshape(-1, 1)
        if W.ndim != 2 or edge_index.shape != (2, W.shape[0]):
            raise ValueError(
                f"{type(self).__name__}.connectivity_filter: weights do not fit their edges, got W of {W.shape} and edge_index of "
                f"{edge_index.shape}; expected (E, T) and (2, E)."
            )
        return W, edge_index

    def _first_state(self, neurons: int) -> np.ndarray:
        """Return a random state (N, T)."""
        x = np.zeros((neurons, self.T), np.float32)
        x[:, -1] = random_ops.uniform((neurons,), 0.0, 1.0, self.random).numpy() < 0.5
        return x

    def _unit(self, kind: np.dtype) -> float:
        """Return what a spike counts in a state of this dtype."""
        return 1.0

    def _check(self, graph: Graph, kind: np.dtype) -> None:
        """Refuse a network that does not fit the model, and let T be what the user's own weights over time have."""
        for name, value in self.named_parameters():
            if not name.startswith("stimulus.") and value.ndim == 1 and value.shape[0] != graph.num_nodes:
                raise ValueError(
                    f"{type(self).__name__}: {name} is for another number of neurons, got {value.shape[0]}; expected {graph.num_nodes}."
                )

        if self._remembers_spikes and overridden(self, ("connectivity_filter",)):
            with autograd.no_grad():
                self.T = self._run_filter(graph)[0].shape[1]

    def _filter(self, graph: Graph) -> Filter:
        weight = graph.weight
        weight = Tensor(_data.weights(graph)) if weight is None else weight
        return Filter(graph, weight, self.coupling_kernel(), self.own_kernel())
