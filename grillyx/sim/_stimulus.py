"""What all stimuli have in common: batches of networks, and values that are known on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.autograd import Tensor, is_grad_enabled, to_numpy
from grillyx.nn import Buffer, Module, Parameter


class Stimulus(Module):
    """Base of the stimuli: a function of time, with a value for each neuron, for one network or for several in turn.

    ``stimulus(t)`` is the input to all neurons of the current batch of networks, side by side, N in all: (N,) for a number t,
    (N, S) for times (S,). Times count steps of the simulation; t = -1 is what equilibration asks for.

    A subclass defines `parts`, and calls ``super().__init__(sizes, batch_size)``. One of the form mask · values is rather
    a `MaskedStimulus`. Any function of t can be a stimulus too; `parts` is what lets a simulator upload many steps at once.

    Args:
        sizes: neurons of each network.
        batch_size: networks that are simulated at once. The last batch may have fewer.

    Attributes:
        n_networks: how many networks.
        n_batches: ⌈n_networks / batch_size⌉.
        current_batch: from 0 to n_batches - 1.

    Raises:
        ValueError: batch_size is below 1 or above the number of networks.
        TypeError: it is no whole number.
    """

    _follows_inputs = False  # times stay on the host

    def __init__(self, sizes: list[int], batch_size: int = 1) -> None:
        name = type(self).__name__
        if not hasattr(batch_size, "__index__") or isinstance(batch_size, (bool, np.bool_)):
            raise TypeError(f"{name}: batch_size must be a whole number, got {batch_size!r}.")
        if not 1 <= int(batch_size) <= len(sizes):
            raise ValueError(
                f"{name}: batch_size out of range, got {int(batch_size)}; expected 1 to {len(sizes)}, the number of networks. "
                "Give a mask, or a table, for each network."
            )
        self.batch_size, self.n_networks = int(batch_size), len(sizes)
        self.n_batches, self.current_batch = -(-len(sizes) // self.batch_size), 0
        self._ends = [0, *np.cumsum(sizes).tolist()]
        self._read_before: dict[str, tuple[Any, int, np.ndarray]] = {}

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes an equal stimulus, as ``type(stimulus)(**stimulus.arguments)``: numbers, booleans, arrays, lists of arrays."""
        raise NotImplementedError(f"{type(self).__name__}: define the property arguments.")

    def parts(self, t: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Return the stimulus at times (S,) on the host, float32: ``(mask (N,), values (S,))``, or ``(None, table (N, S))``.

        The first stands for ``mask[:, None] * values``, and is N + S numbers to upload in place of N · S.
        """
        raise NotImplementedError(f"{type(self).__name__}: define parts(self, t).")

    def forward(self, t: Any) -> Tensor:
        """Return the stimulus: a number t → (N,), times (S,) → (N, S).

        Raises:
            ValueError: NaN or infinite times, or more than one axis.
            TypeError: times that are no numbers.
        """
        times = self._times(t)
        mask, values = self.parts(times.reshape(-1))
        table = values if mask is None else mask[:, None] * values
        return Tensor(table if times.ndim else table[:, 0])

    def _times(self, t: Any) -> np.ndarray:
        name, out = type(self).__name__, to_numpy(t)
        if out.dtype.kind not in "iuf":
            raise TypeError(f"{name}: t must be a number or an array of numbers, got {t!r}.")
        if out.ndim > 1:
            raise ValueError(f"{name}: t has a wrong shape, got {out.shape}; expected () or (S,).")
        if not np.isfinite(out).all():
            raise ValueError(f"{name}: t is not finite, got {out[~np.isfinite(out)][0]}; expected finite times.")
        return out.astype(np.float64)

    # --- networks
    @property
    def n_neurons(self) -> int:
        """N, the neurons of the current batch."""
        return self._places().stop - self._places().start

    def _networks(self) -> slice:
        first = self.current_batch * self.batch_size
        return slice(first, min(first + self.batch_size, self.n_networks))

    def _places(self) -> slice:
        now = self._networks()
        return slice(self._ends[now.start], self._ends[now.stop])

    def next_batch(self) -> None:
        """Go on to the networks that follow, after the last to the first again.

        Raises:
            ValueError: there is one batch only.
        """
        if self.n_batches == 1:
            raise ValueError(
                f"{type(self).__name__}.next_batch: there is one batch only, got {self.n_networks} networks with batch_size "
                f"{self.batch_size}; expected more. Give a mask, or a table, for each network."
            )
        self.current_batch = (self.current_batch + 1) % self.n_batches

    def set_batch(self, batch: int) -> None:
        """Go to a batch.

        Raises:
            ValueError: there is no such batch.
            TypeError: it is no whole number.
        """
        if not hasattr(batch, "__index__") or isinstance(batch, (bool, np.bool_)):
            raise TypeError(f"{type(self).__name__}.set_batch: the batch must be a whole number, got {batch!r}.")
        if not 0 <= int(batch) < self.n_batches:
            raise ValueError(
                f"{type(self).__name__}.set_batch: no such batch, got {int(batch)}; expected 0 to {self.n_batches - 1}."
            )
        self.current_batch = int(batch)

    def reset(self) -> None:
        """Go back to the first batch."""
        self.current_batch = 0

    # --- values on the host
    def _read(self, name: str) -> np.ndarray:
        """Return a parameter or buffer as it is now; it is downloaded again only when it was changed."""
        array = getattr(self, name).array
        storage, version = array.storage, array.storage.version
        known = self._read_before.get(name)
        if known is None or known[0] is not storage or known[1] != version:
            known = self._read_before[name] = storage, version, array.numpy()
        return known[2]

    def _number(self, name: str) -> float:
        return float(self._read(name))

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_read_before": {}}


class MaskedStimulus(Stimulus):
    """Base of the stimuli that give some neurons one value, and the others 0: ``mask[:, None] * values(t)``.

    A subclass makes its parameters and buffers, and defines `values`, and `slopes` if it has parameters.

    Args:
        stimulus_masks: booleans (N,), or a list of them, one for each network; networks may differ in size.
        batch_size: networks that are simulated at once.

    Attributes:
        stimulus_masks: the masks of all networks, one after the other, a buffer.

    Raises:
        TypeError: masks that are not boolean.
        ValueError: masks that have no neurons or more than one axis; a batch_size that does not fit.
    """

    def __init__(self, stimulus_masks: Any, batch_size: int = 1) -> None:
        masks = masks_of(stimulus_masks, type(self).__name__)
        super().__init__([len(m) for m in masks], batch_size)
        self.stimulus_masks = Buffer(np.concatenate(masks))

    @property
    def mask(self) -> np.ndarray:
        """The masks of the current batch, joined: booleans (N,)."""
        return self._read("stimulus_masks")[self._places()]

    def values(self, t: np.ndarray) -> np.ndarray:
        """Return the value at times (S,), float64, for the neurons of the mask."""
        raise NotImplementedError(f"{type(self).__name__}: define values(self, t).")

    def slopes(self, t: np.ndarray) -> dict[str, np.ndarray]:
        """Return the derivative of `values` for each parameter, by name, at times (S,)."""
        return {}

    def parts(self, t: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Return ``(mask (N,), values (S,))`` on the host, float32; see `Stimulus.parts`."""
        return self.mask.astype(np.float32), self.values(self._times(t)).astype(np.float32)

    def forward(self, t: Any) -> Tensor:
        """Return the stimulus, with its gradient for the parameters: a number t → (N,), times (S,) → (N, S).

        Raises:
            ValueError: NaN or infinite times, or more than one axis.
            TypeError: times that are no numbers.
        """
        times = self._times(t)
        flat, mask = times.reshape(-1), self.mask.astype(np.float32)
        values = Tensor(self.values(flat).astype(np.float32))
        learning = {name: p for name, p in self.named_parameters() if p.requires_grad} if is_grad_enabled() else {}
        slopes = self.slopes(flat) if learning else {}
        for name in [name for name in learning if name in slopes]:
            p = learning[
                name
            ]  # adds 0, and its derivative: the values are more exact on the host, where time is float64
            values = values + (p - p.detach()) * Tensor(slopes[name].astype(np.float32))
        return Tensor(mask[:, None] if times.ndim else mask) * values

    def _masks(self) -> list[np.ndarray]:
        joined = self._read("stimulus_masks")
        return [joined[a:b] for a, b in zip(self._ends[:-1], self._ends[1:], strict=True)]


def frozen(value: float) -> Parameter:
    """Return a parameter that learns only when someone asks for it."""
    return Parameter(np.float32(value), requires_grad=False)


def constant(value: float) -> Buffer:
    """Return a number that is saved with the stimulus."""
    return Buffer(np.float32(value))


def masks_of(given: Any, owner: str) -> list[np.ndarray]:
    plain = (bool, int, float, np.generic)
    several = isinstance(given, (list, tuple)) and bool(given) and not isinstance(given[0], plain)
    try:
        masks = [to_numpy(m) for m in given] if several else [to_numpy(given)]
    except ValueError as error:
        raise ValueError(f"{owner}: stimulus_masks is no mask ({error}).") from None
    if not several and masks[0].ndim == 2:
        masks = list(masks[0])  # (networks, N)
    if not masks:
        raise ValueError(f"{owner}: stimulus_masks has no masks; expected booleans (N,), or a list of them.")
    for k, m in enumerate(masks):
        which = f"stimulus_masks[{k}]" if several else "stimulus_masks"
        if m.dtype != np.bool_:
            raise TypeError(
                f"{owner}: {which} must be booleans, got {m.dtype} of shape {m.shape}; expected bool (N,). Of numbers of neurons "
                "make a mask: mask = np.zeros(N, bool); mask[numbers] = True."
            )
        if m.ndim != 1 or not len(m):
            raise ValueError(f"{owner}: {which} has a wrong shape, got {m.shape}; expected (N,) with N of 1 or more.")
    return masks
