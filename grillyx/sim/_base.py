"""`BaseModel`: a network of spiking neurons in steps of input, response and spikes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.device import choose, current_device
from grillyx.graph import Graph
from grillyx.ops import random as random_ops
from grillyx.ops.network import MOST_SPIKES
from grillyx.sim import _data, _files, _simulate, _tune
from grillyx.sim._filter import Filter, sums_over_edges
from grillyx.sim._random import generator_of
from grillyx.sim._state import State

STEPS = (
    "forward", "input", "synaptic_input", "message", "stimulus_input", "stimulus_filter", "non_linearity", "emit_spikes",
    "connectivity_filter", "coupling_kernel", "own_kernel", "background_input", "update_activation", "next_state", "uniform",
)  # fmt: skip


class BaseModel(nn.Module):
    """A network of N spiking neurons, simulated step by step; the names are those of spikeometric.

    A step takes the state (N, T), the spikes of the last T steps with the most recent last, through three methods:

        g = input(edge_index, W, state, t)      what reaches each neuron, (N,)
        mean = non_linearity(g)                 its response, (N,)
        spikes = emit_spikes(mean)              (N,)

    A model of one's own overrides any of them, with functions of `grillyx.functional` or operators of tensors; it runs on the
    device, a few kernels a step. The built-in models run in two kernels a step: one for the neurons, and one in which spikes
    travel along edges, so that edges of neurons that are silent cost nothing.

    Args:
        dt: length of a step, ms; above 0.
        rng: where random numbers come from: a seed, a NumPy generator, or None for the next seed of `grillyx.manual_seed`. A seed
            gives the same spikes on every device.
        compat: compute what spikeometric computes, also where that differs from what it says; each model lists the differences.

    Attributes:
        stimulus: what was given to `add_stimulus`, or None.
        state: the `State` after the last simulation, or None. It goes into ``simulate(initial_state=...)``.
        result: what the last simulation computed, also if it was interrupted: (N, steps), or None.
    """

    _counts = False  # whether a neuron may spike several times in a step
    T = 1  # steps that a state holds

    def __init__(self, dt: float = 1.0, rng: Any = None, compat: bool = False) -> None:
        who = type(self).__name__
        if isinstance(dt, bool) or not np.isfinite(float(dt)) or not float(dt) > 0:
            raise ValueError(f"{who}: dt is not positive, got {dt}; expected the length of a step in ms.")
        self.dt, self.compat = float(dt), bool(compat)
        self.random = generator_of(rng, who)
        self.stimulus: Callable[..., Any] | None = None
        self.state: State | None = None
        self.result: np.ndarray | None = None
        self._uniforms: Tensor | None = None  # of this step, where they are given
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
        own_message = type(self).message is not BaseModel.message
        if isinstance(W, Filter):
            if not own_message:
                return W.arriving(state)
            W, edge_index = W.dense()
        edge_index = np.asarray(edge_index)
        messages = self.message(F.take(state, edge_index[0], axis=0), as_tensor(W).astype(np.float32))
        return sums_over_edges(edge_index, messages, state.shape[0])

    def message(self, state_j: Any, W: Any) -> Tensor:
        """Return the message of each edge, (E, 1), from the history of its source (E, T) and its weights (E, T)."""
        return (state_j * W).sum(axis=1, keepdims=True)

    def stimulus_input(self, t: Any, **kwargs: Any) -> Any:
        """Return the stimulus at step t: (N,), or a number for all."""
        return 0.0 if self.stimulus is None else self.stimulus_filter(self.stimulus(t), **kwargs)

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
        """Return spikes, 1 with the chance of each neuron (N,), else 0; with the gradient of the chance while `tune` learns through spikes."""
        chance = as_tensor(chance)
        return self._drawn((self.uniform(chance.size) < chance.detach().reshape(-1)).astype(np.float32), chance)

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
        if type(self).connectivity_filter.__module__.startswith("grillyx.sim."):
            return self._filter(graph)
        W, edge_index = self.connectivity_filter(Tensor(_data.weights(graph)), graph.edge_index)
        return as_tensor(W).astype(np.float32), np.asarray(edge_index)

    def _first_state(self, neurons: int) -> np.ndarray:
        """Return a random state (N, T)."""
        x = np.zeros((neurons, self.T), np.float32)
        x[:, -1] = random_ops.uniform((neurons,), 0.0, 1.0, self.random).numpy() < 0.5
        return x

    def _unit(self, kind: np.dtype) -> float:
        """Return what a spike counts in a state of this dtype."""
        return 1.0

    def _check(self, graph: Graph, kind: np.dtype) -> None:
        """Refuse a network that does not fit the model."""
        for name, value in self.named_parameters():
            if not name.startswith("stimulus.") and value.ndim == 1 and value.shape[0] != graph.num_nodes:
                raise ValueError(
                    f"{type(self).__name__}: {name} is for another number of neurons, got {value.shape[0]}; expected {graph.num_nodes}."
                )

    def _filter(self, graph: Graph) -> Filter:
        weight = graph.weight
        weight = Tensor(_data.weights(graph)) if weight is None else weight
        return Filter(graph, weight, self.coupling_kernel(), self.own_kernel())

    # --- stimuli, parameters
    def add_stimulus(self, stimulus: Callable[..., Any] | None) -> None:
        """Set what stimulates the network: a function of the step t that returns (N,) or a number, such as the stimuli of this package.

        Args:
            stimulus: the function; None takes it away. Parameters of a module can be tuned, as "stimulus.strength".

        Raises:
            TypeError: it cannot be called.
        """
        if stimulus is not None and not callable(stimulus):
            raise TypeError(
                f"{type(self).__name__}.add_stimulus: a stimulus is a function of the step, got {type(stimulus).__name__}; expected "
                "a RegularStimulus or another one, or any callable."
            )
        self.stimulus = stimulus

    @property
    def tunable_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that `tune` may change, by name; those of the stimulus too."""
        return dict(self.named_parameters())

    def set_tunable(self, parameters: str | list[str]) -> None:
        """Let parameters learn.

        Args:
            parameters: a name or several.

        Raises:
            ValueError: there is no such parameter; the message lists those there are.
        """
        _tune.check_names(self, [parameters] if isinstance(parameters, str) else list(parameters))
        found = self.tunable_parameters
        for name in [parameters] if isinstance(parameters, str) else parameters:
            found[name].requires_grad = True

    # --- what is done with a model
    def simulate(
        self, data: Any, n_steps: int, verbose: bool = True, equilibration_steps: int | None = None,
        store_as_dtype: Any = np.int32, initial_state: Any = None, uniforms: Any = None,
        out: str | os.PathLike[str] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Simulate a network, or several side by side.

        Ctrl-C ends a simulation after the step that runs: what was computed is in `result` (and in the file), and `state` goes on
        from there.

        Args:
            data: a `Graph`, something with ``.edge_index`` and ``.W0``, or a list of these.
            n_steps: how many steps to record.
            verbose: show a progress bar.
            equilibration_steps: steps before, with t = -1, that are not recorded; by default 100, and 0 with an initial state.
            store_as_dtype: dtype of the result; spikes that it cannot hold are cut off, with a warning.
            initial_state: (N, T), the last column the most recent step; a `State` also goes on with its step and its random numbers.
                By default each neuron fired in the last step with chance 1/2 (models with other states say theirs).
            uniforms: (n_steps, N) in [0, 1), in place of drawn numbers; a neuron fires where its number is below its chance, and
                counts are the quantiles of their distribution.
            out: a file to write to, chunk by chunk, instead of keeping the result in memory: ``.npy``, or with the packages
                installed ``.h5`` (h5py) or ``.zarr``. It must not exist.

        Returns:
            (N, n_steps); with `out` the file's array, read from disk as it is needed.

        Raises:
            TypeError: data is no network.
            ValueError: wrong shapes, negative steps, weights or uniforms out of range.
            FloatingPointError: the mean of a neuron's spikes is infinite or NaN.
        """
        return _simulate.simulate(
            self, data, n_steps, verbose=verbose, equilibration_steps=equilibration_steps, dtype=store_as_dtype,
            initial_state=initial_state, uniforms=uniforms, out=out,
        )  # fmt: skip

    def equilibrate(
        self, edge_index: Any, W: Any, inital_state: Any, n_steps: int = 100, store_as_dtype: Any = np.int32
    ) -> np.ndarray:
        """Return the state (N, T) after some steps at t = -1 that begin with the spikes (N,) of one step.

        Args:
            edge_index: (2, E).
            W: (E, T), from `connectivity_filter`; or a `Filter`.
            inital_state: (N,) the spikes of the step before, or (N, T). (The name is spikeometric's.)
            n_steps: how many steps.
            store_as_dtype: dtype of the result.
        """
        return _simulate.equilibrate(self, edge_index, W, inital_state, n_steps, store_as_dtype)

    def tune(
        self, data: Any, firing_rate: Any, tunable_parameters: Any = "all", lr: float = 0.1, n_steps: int = 100,
        n_epochs: int = 100, verbose: bool = True, method: str = "expected",
    ) -> list[float]:  # fmt: skip
        """Change parameters so that neurons fire at a rate.

        Each epoch simulates n_steps from a random state (and 10 steps before them), and Adam follows the gradient of
        ``mean((firing_rate - rate)²)``, rates in Hz; the learning rate falls to 0 over the last half of the epochs.

        Args:
            data: the network or networks, as for `simulate`.
            firing_rate: Hz: a number for the mean of all neurons; (networks,) for the mean of each; or (N,) for each neuron.
            tunable_parameters: "all", "model", "stimulus", or a list of names.
            lr: learning rate.
            n_steps: steps of an epoch.
            n_epochs: how many epochs.
            verbose: show a progress bar.
            method: "expected" as in spikeometric: the rate is that which the neurons expect, given the spikes that were drawn, and the
                gradient goes through no spike. "bptt": it also goes through the spikes to all that they cause, with surrogate
                gradients; slower, and for networks whose rate depends on their recurrence.

        Returns:
            The rate at each epoch, Hz, a mean over neurons. All parameters are frozen afterwards.

        Raises:
            ValueError: there is nothing to tune, unknown names, rates that are negative or of a wrong shape.
        """
        return _tune.tune(
            self,
            data,
            firing_rate,
            tunable_parameters,
            lr=lr,
            n_steps=n_steps,
            n_epochs=n_epochs,
            verbose=verbose,
            method=method,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file: class, constants, parameters, stimulus, state and random numbers.

        A stimulus that is a plain function is not saved: a warning says so.
        """
        _files.save(self, path)

    def load(self, path: str | os.PathLike[str]) -> BaseModel:
        """Read what `save` wrote into this model, which must be of the same class; if anything does not fit, nothing is changed.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another class or with other names, or a truncated one.
        """
        _files.load(self, path)
        return self

    def to(self, device: Any) -> BaseModel:
        """Return this model, if the device is the one in use: tensors live there. `grillyx.use_device` chooses another.

        Raises:
            ValueError: it is another device.
        """
        wanted, used = choose(device), current_device().info
        if wanted.index != used.index:
            raise ValueError(
                f"{type(self).__name__}.to: the device in use is {used.name!r}, got {device!r}, which is {wanted.name!r}. Call "
                f"grillyx.use_device({wanted.index}) before the model is made."
            )
        return self
