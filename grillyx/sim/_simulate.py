"""The loop of a simulation: chunks of steps, a progress bar, and an end that loses nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from grillyx import autograd
from grillyx.autograd import to_numpy
from grillyx.graph import Graph
from grillyx.ops.network import MOST_SPIKES
from grillyx.sim import _data, _sinks
from grillyx.sim._device_run import device_run
from grillyx.sim._filter import Filter
from grillyx.sim._state import State
from grillyx.sim._tensor_run import TensorRun

EQUILIBRATION = 100
INTERRUPTED = "the simulation was interrupted; model.result has what was computed, model.state goes on"
_CHUNK_BYTES = 1 << 22


class Run(Protocol):
    """Steps of a model on a network."""

    def advance(self, times: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Take a step for each of the times (S,), and return the spikes (S, N)."""

    def state(self) -> np.ndarray:
        """Return the state (N, T)."""

    def kept(self) -> dict[str, np.ndarray] | None:
        """Return what `go_on` takes, or None where the state says everything."""

    def go_on(self, kept: dict[str, np.ndarray] | None, x: np.ndarray) -> None:
        """Go on from what another run kept, if x (N, T) is its state."""


def simulate(
    model: Any, data: Any, n_steps: int, *, verbose: bool, equilibration_steps: int | None, dtype: Any, initial_state: Any,
    uniforms: Any, out: str | os.PathLike[str] | None,
) -> np.ndarray:  # fmt: skip
    """Run `BaseModel.simulate`."""
    who = f"{type(model).__name__}.simulate"
    n_steps = whole(n_steps, f"{who}: n_steps")
    before = EQUILIBRATION if initial_state is None else 0
    if equilibration_steps is not None:
        before = whole(equilibration_steps, f"{who}: equilibration_steps")
    kind = dtype_of(dtype, who)
    graph = _data.as_network(data, who)
    uniforms = _uniforms(uniforms, n_steps, graph.num_nodes, who)
    model._check(graph, kind)
    sink = _sinks.open_sink(out, graph.num_nodes, n_steps, kind, who)
    done, cut, model.result = 0, False, None
    drawn = model.random.seed, model.random.calls

    def note() -> None:
        model.state = State(run.state(), start + done, model.random.seed, model.random.calls, run.kept())

    try:
        with autograd.no_grad(), patient() as stopped:
            x, start = _first(model, graph, initial_state, who)
            run = start_run(model, graph, x, kind)
            if isinstance(initial_state, State):
                run.go_on(initial_state.kept, x)
            rows = max(1, min(256, _CHUNK_BYTES // (4 * max(graph.num_nodes, 1))))
            for times in _chunks(np.full(before, -1), rows):
                run.advance(times, None)
                note()
                stopped.check(INTERRUPTED)
            note()
            with tqdm(total=n_steps, disable=not verbose, desc=type(model).__name__, unit="step") as bar:
                for times in _chunks(np.arange(start, start + n_steps), rows):
                    given = None if uniforms is None else uniforms[done : done + times.size]
                    spikes = run.advance(times, given)
                    held, over = fitting(spikes, kind, model._unit(kind))
                    cut = cut or over
                    sink.put(done, held)
                    done += times.size
                    note()
                    bar.update(times.size)
                    stopped.check(INTERRUPTED)
    except Exception:
        if done == 0:  # as if it had not been called
            sink.discard()
            model.random.manual_seed(drawn[0]).calls = drawn[1]
        raise
    finally:
        model.result = sink.close(done)
        if cut:
            warnings.warn(
                f"{who}: counts were cut off at what {kind} holds. Use a larger store_as_dtype.", stacklevel=3
            )
    if getattr(model.stimulus, "n_batches", 1) > 1:
        model.stimulus.next_batch()
    return model.result


def start_run(model: Any, graph: Graph, x: np.ndarray, kind: np.dtype) -> Run:
    """Return the steps in two kernels, or where a model has methods of its own, method by method."""
    with autograd.no_grad():
        own = device_run(model, graph, x, kind)
        return own or TensorRun(model, graph, x, model._run_filter(graph), whole=model.compat and kind.kind != "f")


def equilibrate(model: Any, edge_index: Any, W: Any, initial: Any, n_steps: int, dtype: Any) -> np.ndarray:
    """Run `BaseModel.equilibrate`."""
    who = f"{type(model).__name__}.equilibrate"
    n_steps, kind = whole(n_steps, f"{who}: n_steps"), dtype_of(dtype, who)
    initial = numbers(initial, f"{who}: inital_state")
    W = W if isinstance(W, Filter) else autograd.as_tensor(to_numpy(W)).astype(np.float32)
    steps = W.shape[1] if len(W.shape) == 2 and model._remembers_spikes else model.T
    if initial.ndim not in (1, 2) or (initial.ndim == 2 and initial.shape[1] != steps):
        raise ValueError(
            f"{who}: inital_state has the wrong shape, got {initial.shape}; expected (N,), spikes of the last step, or (N, {steps})."
        )
    graph = Graph(edge_index, num_nodes=initial.shape[0])
    rows = graph.num_edges if not isinstance(W, Filter) or W.own is None else graph.num_edges + W.own_neurons
    if len(W.shape) != 2 or W.shape[0] != rows:
        raise ValueError(f"{who}: W has the wrong shape, got {W.shape}; expected ({rows}, T), a row for each edge.")
    x = np.zeros((initial.shape[0], steps), np.float32)
    x[:, -1 if initial.ndim == 1 else slice(None)] = initial
    with autograd.no_grad():
        run = TensorRun(model, graph, x, W, whole=model.compat and kind.kind != "f")
        run.advance(np.full(n_steps, -1), None)
        return fitting(run.state(), kind, 1.0)[0]


def fitting(spikes: np.ndarray, kind: np.dtype, unit: float) -> tuple[np.ndarray, bool]:
    """Return spikes as a dtype, and whether some were cut off."""
    if kind == np.bool_:
        return spikes > 0, bool((spikes > 1).any())
    if kind.kind == "f":
        values = spikes if spikes.dtype.kind == "f" else spikes.astype(np.float32) * np.float32(unit)
        top = np.finfo(kind).max
        if kind.itemsize >= values.dtype.itemsize or not (np.abs(values) > top).any():
            return values.astype(kind), False
        return np.clip(values, -top, top).astype(kind), True
    if spikes.dtype == np.bool_:
        return spikes.astype(kind), False
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    if spikes.dtype.kind == "f":  # of a model of the user's
        held = np.trunc(np.clip(spikes.astype(np.float64), low, high))
        return held.astype(kind), bool((held != spikes).any())
    return np.minimum(spikes, min(high, MOST_SPIKES)).astype(kind), bool((spikes > high).any())


def whole(value: Any, what: str) -> int:
    """Return a number of steps, from 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{what} is no number of steps, got {value!r}; expected an integer from 0.")
    return int(value)


def numbers(given: Any, what: str, dtype: Any = np.float32) -> np.ndarray:
    """Return an array of numbers."""
    values = to_numpy(given)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} holds no numbers, got {type(given).__name__} of {values.dtype}; expected an array of numbers."
        )
    return values.astype(dtype)


def dtype_of(dtype: Any, who: str) -> np.dtype:
    """Return a dtype, also of torch's, that holds spikes."""
    try:
        kind = np.dtype(str(dtype).removeprefix("torch.") if str(dtype).startswith("torch.") else dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.kind not in "biuf":
        raise ValueError(
            f"{who}: store_as_dtype holds no spikes, got {dtype!r}; expected bool, an integer or a float dtype."
        )
    return kind


def _uniforms(given: Any, steps: int, neurons: int, who: str) -> np.ndarray | None:
    if given is None:
        return None
    values = numbers(given, f"{who}: uniforms", np.float64)
    if values.shape != (steps, neurons):
        raise ValueError(f"{who}: uniforms have the wrong shape, got {values.shape}; expected ({steps}, {neurons}).")
    if not (np.all(values >= 0) and np.all(values <= 1)):
        raise ValueError(
            f"{who}: uniforms are out of range, got {values.min():.9g} to {values.max():.9g}; expected numbers in [0, 1)."
        )
    return np.minimum(values.astype(np.float32), np.float32(1.0 - 2.0**-24))


def _first(model: Any, graph: Graph, given: Any, who: str) -> tuple[np.ndarray, int]:
    """Return the first state (N, T) and step."""
    if given is None:
        return model._first_state(graph.num_nodes), 0
    x = numbers(given.x if isinstance(given, State) else given, f"{who}: initial_state")
    wanted = (graph.num_nodes, model.T)
    if model.T == 1 and x.shape == wanted[:1]:
        x = x[:, None]
    if x.shape != wanted:
        raise ValueError(f"{who}: initial_state has the wrong shape, got {x.shape}; expected {wanted}, (N, T).")
    if not np.isfinite(x).all():
        raise ValueError(f"{who}: initial_state holds NaN or infinite numbers.")
    if isinstance(given, State):
        model.random.manual_seed(given.seed).calls = given.drawn
        return x, given.t
    return x, 0


def _chunks(times: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yield pieces of the times, of at most so many, and of about so many as take a quarter of a second."""
    at, rows = 0, min(most, 32)
    while at < times.size:
        began = time.monotonic()
        yield times[at : at + rows]
        at, took = at + rows, time.monotonic() - began
        rows = max(1, rows // 2) if took > 0.5 else min(most, 2 * rows) if took < 0.2 else rows


class _Stopped:
    """Whether Ctrl-C was pressed."""

    asked = False

    def check(self, what: str) -> None:
        """Raise `KeyboardInterrupt`, now that nothing is half done."""
        if self.asked:
            raise KeyboardInterrupt(what)


@contextmanager
def patient() -> Iterator[_Stopped]:
    """Put Ctrl-C off until a chunk is done; a second one interrupts at once."""
    stopped = _Stopped()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def handler(number: int, frame: Any) -> None:
        if stopped.asked:
            raise KeyboardInterrupt
        stopped.asked = True

    before = signal.getsignal(signal.SIGINT)
    if before is None or before is signal.SIG_IGN:  # another program's handler, or none wanted
        yield stopped
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
