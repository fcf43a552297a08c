"""Steps of the built-in models in two kernels each: neurons, and spikes along edges."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grillyx.engine.array import UINT, Array, from_numpy, write
from grillyx.graph import Graph
from grillyx.ops import network
from grillyx.ops.network import Neurons, Rows, padded
from grillyx.ops.shape import fill
from grillyx.sim import _data
from grillyx.sim._drive import Drive


@dataclass
class Program:
    """What a model hands to a shader.

    Attributes:
        shader: network_filter, network_activation or network_lif.
        constants: numbers, or one for each neuron (N,), in the shader's order.
        options: its specialization constants.
        kernels: for network_filter, the coupling and the own kernel, the most recent step first.
        own_neurons: how many neurons, from the first, have the own kernel.
        without_loops: see `_data.synapses`.
    """

    shader: str
    constants: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    kernels: tuple[np.ndarray, np.ndarray] = (np.zeros(0), np.zeros(0))
    own_neurons: int | None = None
    without_loops: bool = False


def device_run(model: Any, graph: Graph, x: np.ndarray, kind: np.dtype) -> DeviceRun | None:
    """Return the run of a built-in model none of whose steps is replaced by one of the user's, else None."""
    program = model._program(graph, kind)
    if program is None:
        return None
    run = {"network_filter": FilterRun, "network_activation": ActivationRun, "network_lif": LifRun}[program.shader]
    return run(model, graph, x, program, model._unit(kind))


def warn_saturated(who: str, times: int) -> None:
    """Say that counts were cut off."""
    warnings.warn(
        f"{who}: more than {network.MOST_SPIKES} spikes of a neuron in a step, {times} times; they were cut off there. Rates have run "
        "away: weaken the recurrence (r), or take smaller steps.",
        stacklevel=6,
    )


class DeviceRun:
    """A network on the device; each kind of neurons says what it keeps beside the sums."""

    slots = 1

    def __init__(self, model: Any, graph: Graph, x: np.ndarray, program: Program, unit: float) -> None:
        self.model, self.graph, self.program, self.unit = model, graph, program, unit
        edges = _data.synapses(graph, model._counts, program.without_loops)
        constants = [np.asarray(c, np.float32) for c in program.constants]
        self.neurons = Neurons.make(edges, self.slots, constants)
        self.drive = Drive(model.stimulus, graph.num_nodes, edges.quads, type(model).__name__)
        self.first = True
        self.more = program.options | self.start(x)
        self._warned = False

    def start(self, x: np.ndarray) -> dict[str, Any]:
        """Put the first state (N, T) on the device, and return what the shader wants of it."""
        raise NotImplementedError

    def state(self) -> np.ndarray:
        """Return the state (N, T)."""
        raise NotImplementedError

    def look(self, spikes: np.ndarray) -> None:
        """Look at the spikes (S, N) of a chunk."""

    def _parts(self) -> dict[str, Array]:
        """Return what is on the device beside the sums, where `state` does not say it exactly."""
        return {}

    def kept(self) -> dict[str, np.ndarray] | None:
        """Return what `go_on` takes, or None where the state says everything."""
        parts = self._parts()
        if not parts or self.first:
            return None
        parts |= {"sums": self.neurons.sums, "scale": self.neurons.edges.scale}
        return {name: array.numpy() for name, array in parts.items()}

    def go_on(self, kept: dict[str, np.ndarray] | None, x: np.ndarray) -> None:
        """Go on from what another run kept, if it was one of the same network, and x (N, T) is its state."""
        parts = self._parts() | {"sums": self.neurons.sums}
        if kept is None or kept.keys() != parts.keys() | {"scale"} or len(parts) == 1:
            return
        before = {name: array.numpy() for name, array in parts.items()}
        if any(before[name].shape != kept[name].shape for name in parts) or not np.array_equal(
            kept["scale"], self.neurons.edges.scale.numpy()
        ):
            return
        for name, array in parts.items():
            write(array, kept[name])
        self.first = False
        if not np.array_equal(self.state(), x):  # of another moment, or a state that was changed since
            self.first = True
            for name, array in parts.items():
                write(array, before[name])

    def words(self, values: np.ndarray, dtype: Any = np.float32) -> Array:
        """Upload (..., N), filled up to whole quads."""
        return from_numpy(padded(values, self.neurons.edges.quads, dtype))

    def advance(self, times: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Take a step for each of the times (S,), and return the spikes (S, N): bool, or counts of uint16."""
        generator, neurons = self.model.random, self.neurons
        out = fill((times.size, neurons.row_words), 0, UINT)
        mask, drive = self.drive.rows(times)
        rows = Rows(out, mask, drive, None if uniforms is None else self.words(uniforms))
        for row in range(times.size):
            network.step(
                self.program.shader, neurons, rows, row, generator.calls, generator.seed, self.first, **self.more
            )
            generator.calls += 1
            self.first = False
        spikes = network.decoded(out.numpy(), self.graph.num_nodes, self.model._counts)
        self._look_at_flags()
        self.look(spikes)
        return spikes

    def _look_at_flags(self) -> None:
        who = type(self.model).__name__
        flags = self.neurons.flags.numpy()
        if flags[network.NOT_FINITE]:
            raise FloatingPointError(
                f"{who}: what neurons respond is infinite or NaN, {flags[network.NOT_FINITE]} times. Rates have run away, or a "
                "parameter or stimulus is too large; weaken the recurrence (r), or lower the rates."
            )
        if flags[network.SATURATED] and not self._warned:
            self._warned = True
            warn_saturated(who, flags[network.SATURATED])


class FilterRun(DeviceRun):
    """Neurons that see the filtered spikes of the last T steps."""

    def __init__(self, model: Any, graph: Graph, x: np.ndarray, program: Program, unit: float) -> None:
        self.window, self.own = (k.size for k in program.kernels)
        self.slots = self.window
        super().__init__(model, graph, x, program, unit)

    def start(self, x: np.ndarray) -> dict[str, Any]:
        """Put the first state (N, T) on the device, and return what the shader wants of it."""
        spikes = self._spikes(x)
        self.past = spikes.T  # (T, N), grows to what `state` needs
        clock, edges = self.model.random.calls, self.neurons.edges
        for lag in range(min(self.window, spikes.shape[1])):
            fired = spikes[:, -1 - lag]
            if not fired.any():
                continue
            lists = np.zeros((2, edges.list), np.uint32)
            mine, where = lists[(clock - 1 - lag) & 1], np.flatnonzero(fired)
            mine[0] = where.size
            if edges.counts:
                mine[1 : 1 + 2 * where.size] = np.stack([where, fired[where]], 1).reshape(-1)
            else:
                mine[1 : 1 + where.size] = where
            write(self.neurons.spikes, lists)
            network.deliver(self.neurons, clock - 1 - lag)
        write(self.neurons.spikes, np.zeros((2, edges.list), np.uint32))
        words = -(-self.own // 32)
        bits = np.zeros((max(words, 1), x.shape[0]), np.uint32)
        for lag in range(min(self.own, spikes.shape[1])):
            bits[lag // 32] |= (spikes[:, -1 - lag] > 0).astype(np.uint32) << np.uint32(lag % 32)
        kernels = np.concatenate([*self.program.kernels, np.zeros(1)]).astype(np.float32)
        reach = self.graph.num_nodes if self.program.own_neurons is None else self.program.own_neurons
        bits[:, reach:] = 0
        return {
            "kernels": from_numpy(kernels), "history": self.words(bits, np.uint32), "REACH": reach, "WINDOW": self.window,
            "OWN": self.own,
        }  # fmt: skip

    def _spikes(self, x: np.ndarray) -> np.ndarray:
        """Return the state as numbers of spikes."""
        spikes = np.rint(x / np.float32(self.unit))
        top = network.MOST_SPIKES if self.model._counts else 1
        if not (np.allclose(spikes * self.unit, x, atol=1e-4) and (spikes >= 0).all() and (spikes <= top).all()):
            raise ValueError(
                f"{type(self.model).__name__}: initial_state holds no spikes, got numbers from {x.min()} to {x.max()}; expected "
                + ("counts from 0." if self.model._counts else "0 and 1.")
            )
        return spikes.astype(np.uint32)

    def look(self, spikes: np.ndarray) -> None:
        """Look at the spikes (S, N) of a chunk."""
        steps = self.past.shape[0]
        self.past = np.concatenate([self.past, spikes])[-steps:] if len(spikes) < steps else spikes[-steps:].copy()

    def state(self) -> np.ndarray:
        """Return the state (N, T)."""
        return self.past.T.astype(np.float32) * np.float32(self.unit)


class ActivationRun(DeviceRun):
    """Neurons whose synapses have an activation."""

    def start(self, x: np.ndarray) -> dict[str, Any]:
        """Put the first state (N, T) on the device, and return what the shader wants of it."""
        graph = self.graph
        source, target = graph.edge_index
        h = np.bincount(target, _data.weights(graph).astype(np.float64) * x[source, 0], graph.num_nodes)
        self.activation, self.arriving = self.words(x[:, 0]), self.words(h)
        return {"h": self.arriving, "s": self.activation}

    def _parts(self) -> dict[str, Array]:
        return {"h": self.arriving, "s": self.activation}

    def state(self) -> np.ndarray:
        """Return the state (N, T)."""
        return self.activation.numpy()[: self.graph.num_nodes, None]


class LifRun(DeviceRun):
    """Leaky integrate-and-fire neurons: the state (N, 3) is voltage, current, and refractory steps left."""

    def start(self, x: np.ndarray) -> dict[str, Any]:
        """Put the first state (N, T) on the device, and return what the shader wants of it."""
        self.values = self.words(x.T)
        return {"state": self.values}

    def _parts(self) -> dict[str, Array]:
        return {"state": self.values}

    def state(self) -> np.ndarray:
        """Return the state (N, T), the current with what has arrived."""
        neurons, n = self.neurons, self.graph.num_nodes
        v, current, left = self.values.numpy()[:, :n]
        if not self.first:
            gain, keep = (np.float32(self.program.constants[k]) for k in (0, 5))
            current = keep * current + gain * neurons.sums.numpy()[0, :n] * neurons.edges.scale.numpy()[:n]
        return np.stack([v, current, left], 1)
