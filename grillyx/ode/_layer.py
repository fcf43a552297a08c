"""SpikingODELayer: weights, and neurons in continuous time, with SC-NeuroCore's call forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import autograd
from grillyx.autograd import Tensor, differentiable
from grillyx.engine.array import Array
from grillyx.functional import linear
from grillyx.nn import Module, Parameter
from grillyx.ode import _checks, _compat
from grillyx.ode._checks import NAME, Split
from grillyx.ode._dynamics import ODELIFDynamics
from grillyx.ode._methods import ADAPTIVE, Run, method_of, rest_of
from grillyx.ops import ode_lif

_ode_lif = differentiable(ode_lif.ode_lif)
SEQUENCES = ("(T, n_inputs)", "(T, B, n_inputs)")


class SpikingODELayer(Module):
    """A linear map, and neurons that integrate it in continuous time; the input is constant in each interval.

    `ODELIFDynamics` are solved in closed form: ``v(t) = v_inf + (v0 - v_inf) exp(-t / tau)``, the first spike at
    ``t1 = tau log((v_inf - v0) / (v_inf - threshold))``, more of them each ``isi = tau log((v_inf - v_reset) / (v_inf - threshold))``,
    where ``v_inf = v_rest + I tau / C > threshold``. No step size, and no spike is lost. A spike at the end of an interval
    belongs to it; a neuron that begins at or above the threshold fires at once. It is computed in pairs of floats, so that
    counts are those of float64.

    Gradients are those of the formulas: of times, of voltages through all spikes and intervals, and of counts, which are
    taken as ``1 + (interval - t1) / isi`` wherever ``v_inf > threshold``, also where that is below 1.

    Args:
        n_inputs: numbers of an input.
        n_neurons: neurons.
        dynamics: `ODELIFDynamics()` by default; or a model such as `AdEx()`, or a `Dynamics` of your own.
        dt_init: largest step of ``method="compat"``; no other has steps of its own choice.
        dt_min: its smallest step.
        max_steps_per_interval: after so many, ``"compat"`` leaves out what is left of the interval.
        seed: of the first W, ``RandomState(seed).randn(n_neurons, n_inputs) * sqrt(2 / n_inputs)``.
        method: ``"exact"``, the closed form; ``"compat"``, SC-NeuroCore's Euler steps and numbers, on the host, which
            return NumPy arrays and have no gradient; for other dynamics ``"dopri5"`` or ``"bosh3"``, adaptive steps without a
            gradient: see `integrate`. None chooses by the dynamics.

    Attributes:
        W: weights (n_neurons, n_inputs); an array may be assigned. One of float64 is used to 48 bits until W changes.

    Raises:
        ValueError: an argument out of range, NaN, or an input of another shape.

    Examples:
        >>> layer = SpikingODELayer(3, 2)
        >>> layer.W = np.array([[0.3, 0.0, 0.0], [0.0, 0.1, 0.0]])
        >>> counts, times = layer.forward(np.ones((2, 3)), interval=10.0, return_times=True)
        >>> counts.numpy()
        array([[2., 0.],
               [3., 1.]], dtype=float32)
        >>> times.numpy()[:, 2].round(3)
        array([ 3.646,  7.293, 10.939, 13.863, 14.586, 18.232], dtype=float32)

    Source: SC-NeuroCore 3.16, `spike_ode`, whose Euler steps lose most spikes of a wide layer.
    """

    W: Any
    _known: Split | None = None

    def __init__(
        self, n_inputs: int, n_neurons: int, dynamics: Any = None, dt_init: float = 0.1, dt_min: float = 0.001,
        max_steps_per_interval: int = 100, seed: int = 42, *, method: str | None = None,
    ) -> None:  # fmt: skip
        self.n_inputs, self.n_neurons = _checks.size(n_inputs, "n_inputs"), _checks.size(n_neurons, "n_neurons")
        self.dynamics = ODELIFDynamics() if dynamics is None else dynamics
        self.method = method_of(self.dynamics, method)
        self.dt_init, self.dt_min, self.max_steps = _checks.steps(dt_init, dt_min, max_steps_per_interval)
        draws = np.random.RandomState(_checks.seed(seed)).randn(self.n_neurons, self.n_inputs)  # its numbers
        self._wide: Any = None  # W in float64, and the memory and version of W for which it holds
        self.W = draws * math.sqrt(2.0 / self.n_inputs)
        self.reset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "W" or isinstance(value, Parameter):
            super().__setattr__(name, value)
            return
        values, shape = _checks.numbers(value, "W"), (self.n_neurons, self.n_inputs)
        if values.shape != shape:
            raise ValueError(f"{NAME}: W has a wrong shape, got {values.shape}; expected {shape}.")
        if "W" in vars(self):
            self.W.copy_(values)
        else:
            super().__setattr__("W", Parameter(values))
        wide = values.copy(), _checks.split(values).low
        self._wide = *wide, self.W.array.storage, self.W.array.storage.version

    def _weights(self) -> tuple[np.ndarray | None, Tensor | None]:
        """Return W in float64 and what floats cannot hold of it, if W is still what was assigned."""
        if self._wide is not None:
            values, low, storage, version = self._wide
            if storage is self.W.array.storage and storage.version == version:
                return values, low
        return None, None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle takes along."""
        values, _ = self._weights()
        return super().__getstate__() | {
            "_wide": values,
            "_state": None,
            "_again": None,
            "_refine": None,
            "_times": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = state.pop("_wide")
        vars(self).update(state, _wide=None)
        if values is not None:
            self.W = values

    def reset(self) -> None:
        """Set all voltages to `v_rest`."""
        self._state: Any = None
        self._again: Callable[[], Tensor | None] | None = None  # runs the last call again, for its times
        self._refine: Callable[[], Any] | None = None  # and for finer voltages
        self._times: Tensor | None = None

    def detach(self) -> None:
        """Keep the voltages, but let no gradient pass to earlier calls."""
        if self.method == "exact" and self._state is not None:
            v, low, _ = self._finer()
            self._state = (v.detach(), low, False)

    @property
    def voltage(self) -> Any:
        """The voltages, (n_neurons,) or (B, n_neurons).

        After `step`, `detach`, or a call with return_times they are those of float64, rounded; after another `forward` they are
        computed in floats, and mostly good to 1e-5 of ``v_threshold - v_reset``, at the worst to 0.01.
        """
        if self._state is None:
            rest = rest_of(self.dynamics, self.n_neurons)
            return rest if self.method == "compat" else Tensor(rest)
        return self._state.copy() if self.method == "compat" else self._voltage.reshape((*self._own, self.n_neurons))

    @property
    def spike_times(self) -> Tensor:
        """The times of the last call, as `forward` returns them; a call that did not is run again for them.

        Raises:
            RuntimeError: there was no call, W has changed since, or the method has no times.
        """
        if self._times is None:
            if self._again is None:
                raise RuntimeError(
                    f"{NAME}.spike_times: nothing ran since the last reset, or method='compat'. Call forward first."
                )
            self._times = self._again()
        assert self._times is not None
        return self._times

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """See `forward`."""
        if self.method == "compat":
            return self.forward(*inputs, **options)
        if inputs and not isinstance(inputs[0], Tensor):  # before it becomes a tensor, which holds less
            values = _checks.numbers(inputs[0], "the input")
            _checks.fits(values.shape, self.n_inputs, SEQUENCES)
            self._known = _checks.split(values)
            inputs = (self._known.high, *inputs[1:])
        try:
            return super().__call__(*inputs, **options)
        finally:
            self._known = None

    def forward(self, inputs: Any, interval: float = 1.0, return_times: bool = False) -> Any:
        """Reset, run through a sequence of inputs, and return spike counts.

        Args:
            inputs: (T, n_inputs) or (T, B, n_inputs), each constant for an interval.
            interval: its length (ms), 0 or more.
            return_times: whether to return ``(counts, times)``.

        Returns:
            counts: (T, n_neurons) or (T, B, n_neurons).
            times: every spike, in order of time: rows (interval, neuron, time since the start), (S, 3); of batches
                (interval, sample, neuron, time), (S, 4). Spikes are counted before memory is taken, so none is dropped.

        Raises:
            ValueError: NaN, a wrong shape, a negative interval, or more spikes than a tensor can hold.
        """
        h = _checks.interval(interval)
        shape, x = _checks.inputs(inputs, self.n_inputs, SEQUENCES, self._known)
        self.reset()
        return self._call_method(x, shape, h, return_times)

    def step(self, x: Any, interval: float = 1.0, return_times: bool = False) -> Any:
        """Run through one interval, from the voltages as they are, and return spike counts.

        Gradients pass on to earlier steps until `reset` or `detach`.

        Args:
            x: (n_inputs,) or (B, n_inputs).
            interval: its length (ms), 0 or more.
            return_times: whether to return ``(counts, times)``; times are since the beginning of this step.

        Returns:
            Counts (n_neurons,) or (B, n_neurons), and times as `forward` returns them.

        Raises:
            ValueError: as `forward`, or another batch than that of the voltages.
        """
        h = _checks.interval(interval)
        shape, x = _checks.inputs(x, self.n_inputs, ("(n_inputs,)", "(B, n_inputs)"), self._known)
        if self._state is not None and self.voltage.shape[:-1] != shape[:-1]:
            raise ValueError(
                f"{NAME}.step: the batch is another than that of the voltages, got an input of shape {shape} for voltages of "
                f"shape {self.voltage.shape}. Call reset first."
            )
        found = self._call_method(x, (1, *shape), h, return_times)
        return (found[0].reshape(found[0].shape[1:]), found[1]) if return_times else found.reshape(found.shape[1:])

    def _call_method(self, x: Split, shape: tuple[int, ...], h: float, return_times: bool) -> Any:
        if self.method == "compat":
            return self._original(x, shape, h, return_times)
        batch = shape[1] if len(shape) == 3 else 1
        split = x.reshaped((shape[0], batch, self.n_inputs))
        before, version = self._finer(), self.W.array.storage.version

        def run(times: bool, fine: bool = False) -> Run:
            if self.W.array.storage.version != version:
                raise RuntimeError(
                    f"{NAME}: W has changed since the last call. Pass return_times=True to a call whose times are wanted; call "
                    "reset before step, or detach before W changes, which keeps the voltages."
                )
            return (
                self._exact(split, h, before, times, fine)
                if self.method == "exact"
                else self._adaptive(split, h, before, times)
            )

        def rows(found: Run) -> Tensor | None:
            return found.times if found.times is None or len(shape) == 3 else _without_samples(found.times)

        found = run(return_times)
        own = shape[1:-1]
        self._state, self._voltage, self._own = found.state, found.voltage, own
        self._times, self._again, self._refine = rows(found), lambda: rows(run(True)), lambda: run(False, True).state
        counts = found.counts if own else found.counts.reshape((shape[0], self.n_neurons))
        return (counts, self._times) if return_times else counts

    def _finer(self) -> Any:
        """Return the state to go on from; a sequence leaves voltages that are good for floats, and is run again for more."""
        if self.method == "exact" and self._state is not None and self._state[2]:
            assert self._refine is not None
            self._state = self._refine()
            self._voltage = self._state[0]
        return self._state

    def _exact(self, x: Split, h: float, state: Any, times: bool, fine: bool) -> Run:
        leaky, learnt = self.dynamics.values(), self.dynamics.learnt()
        v0, low, _ = (None, None, False) if state is None else state
        _, w_low = self._weights()
        trace = ode_lif.Trace(low, times, fine)
        counts, v, rows = _ode_lif(
            x.high, self.W, v0, *learnt, x_low=_array(x.low), w_low=_array(w_low), leaky=leaky, interval=h,
            keep=autograd.is_recorded(x.high, self.W, v0, *learnt), trace=trace,
        )  # fmt: skip
        return Run(counts, v, rows, (v, trace.low, trace.rough))

    def _adaptive(self, x: Split, h: float, state: Any, times: bool) -> Run:
        return ADAPTIVE[self.method](self.dynamics, linear(x.high, self.W), h, self.method, state, times)

    def _original(self, x: Split, shape: tuple[int, ...], h: float, return_times: bool) -> np.ndarray:
        if len(shape) != 2 or return_times:
            raise ValueError(f"{NAME}: method='compat' has neither batches nor times. Use method='exact'.")
        values, _ = self._weights()
        w = self.W.numpy().astype(np.float64) if values is None else values
        inputs = x.high.numpy().astype(np.float64) + (0.0 if x.low is None else x.low.numpy().astype(np.float64))
        leaky, out = self.dynamics.values(), np.zeros((shape[0], self.n_neurons))
        v = np.full(self.n_neurons, leaky.v_rest) if self._state is None else self._state
        for t, row in enumerate(inputs.reshape(shape)):
            out[t], v = _compat.step(v, w @ row, h, leaky, self.dt_init, self.dt_min, self.max_steps)
        self._state = v
        return out

    def extra_repr(self) -> str:
        return f"n_inputs={self.n_inputs}, n_neurons={self.n_neurons}, method={self.method!r}"


def _array(t: Tensor | None) -> Array | None:
    return None if t is None else t.array


def _without_samples(rows: Tensor) -> Tensor:
    return rows[:, [0, 2, 3]]
