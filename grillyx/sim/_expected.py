"""The rates that neurons expect, given the spikes that were drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.graph import Graph
from grillyx.sim import _simulate
from grillyx.sim._drive import checked
from grillyx.sim._filter import Filter
from grillyx.sim._steps import overridden
from grillyx.sim._tensor_run import TensorRun

_BY_STEPS = (
    "input", "synaptic_input", "message", "stimulus_input", "stimulus_filter", "forward", "connectivity_filter", "next_state",
    "background_input", "update_activation",
)  # fmt: skip


def expected_rates(model: Any, graph: Graph, x: np.ndarray, n_steps: int) -> tuple[Tensor, np.ndarray]:
    """Return the rates (N,), Hz: means over steps of the response to what was drawn before; and the state after them.

    The gradient goes through the responses, and through no spike, so that steps do not wait for each other: they are drawn
    first, and then all inputs are two products, one over edges and one over time.
    """
    if overridden(model, _BY_STEPS) or not hasattr(model, "_inputs"):
        return _step_by_step(model, graph, x, n_steps)
    with autograd.no_grad():
        run = _simulate.start_run(model, graph, x, np.dtype(np.float32))
        spikes, after = run.advance(np.arange(n_steps), None), run.state()
    spikes = spikes.astype(np.float32) * np.float32(model._unit(np.dtype(np.float32)))
    g = model._inputs(graph, x, spikes)
    return model.non_linearity(g).mean(axis=1) * (1000.0 / model.dt), after


def inputs_of_filter(model: Any, weights: Filter, before: np.ndarray, spikes: np.ndarray) -> Tensor:
    """Return what reached each neuron through a filter in each step, (N, S), from the state before and the spikes (S, N)."""
    steps = spikes.shape[0]
    x = Tensor(np.concatenate([before, spikes[:-1].T], 1))  # (N, T + S - 1)
    with autograd.no_grad():
        arrived = weights.through_edges(x)
    g = F.matmul(arrived, over_time(weights.coupling, steps))
    if weights.own is None:
        return g
    return g + F.matmul(x * weights.owners[:, None], over_time(weights.own, steps))


def over_time(kernel: Tensor, steps: int) -> Tensor:
    """Return the matrix (T + S - 1, S) that filters a history, from a kernel (T,) whose last number is the most recent step's."""
    size = kernel.shape[0]
    at = np.arange(size + steps - 1)[:, None] - np.arange(steps)  # row k is step k - T
    padded = F.concatenate([kernel, Tensor(np.zeros(1, np.float32))])
    return F.take(padded, np.where((at >= 0) & (at < size), at, size), axis=0)


def stimulus_over(model: Any, steps: int, neurons: int) -> Any:
    """Return the stimulus, (N, S), or a number."""
    if model.stimulus is None:
        return 0.0
    times = np.arange(steps)
    if hasattr(model.stimulus, "parts"):
        return as_tensor(model.stimulus(times))
    who = type(model).__name__
    each = [as_tensor(checked(model.stimulus(int(t)), neurons, who)).astype(np.float32).reshape(-1) for t in times]
    most = max(s.shape[0] for s in each)
    return F.stack([s.expand(most) for s in each], 1)


def _step_by_step(model: Any, graph: Graph, x: np.ndarray, n_steps: int) -> tuple[Tensor, np.ndarray]:
    run, responses = TensorRun(model, graph, x, model._run_filter(graph)), []
    for t in range(n_steps):
        g = model.input(edge_index=run.edge_index, W=run.weights, state=run.x, t=t)
        response = model.non_linearity(g)
        responses.append(response.reshape(-1))
        with autograd.no_grad():
            if overridden(model, ("forward",)):
                spikes = model(edge_index=run.edge_index, W=run.weights, state=run.x, t=t)
            else:
                spikes = model.emit_spikes(response)
            run.x = model.next_state(run.x, as_tensor(spikes).astype(np.float32).reshape(-1).detach())
    return F.stack(responses, 1).mean(axis=1) * (1000.0 / model.dt), run.state()
