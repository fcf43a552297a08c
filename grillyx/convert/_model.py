"""`SpikingModel`: a converted network, with a time axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tqdm import tqdm

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor, to_numpy
from grillyx.convert._data import Batches
from grillyx.convert._report import Evaluation, Report
from grillyx.convert._spiking import CallSites, SpikingActivation, Timed
from grillyx.nn import Module

_AT_ONCE = 8  # steps in one call of `simulate`: enough for whole-sequence kernels, and memory for 8 batches


class SpikingModel(Module):
    """A spiking network that a `Converter` made.

    It takes the inputs of the original network at every step; the mean of its outputs over time tends to the original's
    output. Call `functional.reset_net` before another input, as with any spiking network; `simulate` and `evaluate` do.

    Examples:
        >>> x = np.array([[0.25, 1.0]], np.float32)
        >>> snn = nn.Converter(nn.Sequential(nn.ReLU()), data=x, progress=False).convert()
        >>> snn.simulate(x, T=8).numpy()
        array([[0.25, 1.  ]], dtype=float32)
        >>> (sum(snn(x) for _ in range(8)) / 8).numpy()  # step by step, as in SpikingJelly
        array([[0.25, 1.  ]], dtype=float32)

    Attributes:
        model: the network, a copy of the original with other layers.
        report: what was converted; ``print(snn.report)`` for a table.
        step_mode: ``'s'``: (N, *) → (N, *'), one step a call; ``'m'``: (T, N, *) → (T, N, *').
    """

    def __init__(self, model: Module, report: Report, ndim: int, holds: bool) -> None:
        self.model, self.report, self.step_mode = model, report, "s"
        self._ndim, self._holds = ndim, holds

    def forward(self, x: Any) -> Tensor:
        """(N, *) → (N, *') in step mode 's', (T, N, *) → (T, N, *') in step mode 'm'."""
        x = as_tensor(x)
        if self.step_mode not in ("s", "m"):
            raise ValueError(f"SpikingModel: step_mode must be 's' or 'm', got {self.step_mode!r}.")
        several = self.step_mode == "m"
        if x.ndim != self._ndim + several or (several and 0 in x.shape[:2]):
            form = "(T, N, ...)" if several else "(N, ...)"
            raise ValueError(
                f"SpikingModel: step_mode {self.step_mode!r} takes {form} with {self._ndim + several} axes, got shape "
                f"{x.shape}. See functional.set_step_mode."
            )
        if not several:
            with self._in_time(0, False):
                return self.model(x)
        steps, batch = x.shape[:2]
        with self._in_time(steps, False):
            y = self.model(x.reshape(steps * batch, *x.shape[2:]))
        return y.reshape(steps, batch, *y.shape[1:])

    def simulate(self, x: Any, T: int) -> Tensor:
        """Return the mean output over T steps with the same input at each, from rest.

        Args:
            x: (N, *), the input of the original network.
            T: the number of steps.

        Returns:
            (N, *'), which is near the output of the original network.

        Raises:
            ValueError: T is not a positive integer.
        """
        (steps,) = _counts(T, "simulate")
        x = self._input(x, "simulate")
        with self._at_rest():
            return next(self._means(x, [steps]))

    def evaluate(
        self, data: Any, T: int | Iterable[int] = (4, 8, 16, 32, 64, 128), ann: Any = None, progress: bool = True
    ) -> Evaluation:
        """Return the accuracy after each number of steps; all come from one run of the longest.

        Args:
            data: a pair (x, y) of inputs (N, *) and integer labels (N,), or an iterable of such batches.
            T: numbers of steps.
            ann: the original network, or any function from inputs to scores, to compare with.
            progress: whether to show a progress bar.

        Raises:
            ValueError: bad data or numbers of steps; outputs that are not (N, classes).
        """
        steps = _counts(T, "evaluate")
        batches = Batches(data, "evaluate", labels=True)
        scores = None if ann is None else _scores(ann)
        right, right_ann, samples = np.zeros(len(steps), np.int64), 0, 0
        with self._at_rest(), _Rates(self.model) as rates:
            for x, y in tqdm(
                batches, total=len(batches) or None, desc="evaluate", unit="batch", leave=False, disable=not progress
            ):
                assert y is not None
                given = self._input(x, "evaluate")
                for k, mean in enumerate(self._means(given, steps)):
                    right[k] += _hits(mean.numpy(), y)
                F.reset_net(self)
                rates.read()
                if scores is not None:
                    right_ann += _hits(scores(x), y)
                samples += len(x)
        accuracy = {t: float(n) / samples for t, n in zip(steps, right, strict=True)}
        return Evaluation(accuracy, samples, None if scores is None else right_ann / samples, rates.result())

    def check_holding(self, x: Any) -> None:
        """Compute each step anew if the model's forward does not let the number of samples grow on its way.

        Args:
            x: (2, *), inputs.
        """
        if self._holds:
            with self._at_rest(), self._in_time(3, True), autograd.unwatched():
                try:
                    self._holds = self.model(as_tensor(x)).shape[0] == 6
                except (ValueError, TypeError, IndexError, AssertionError):  # a forward that counts on its sizes
                    self._holds = False

    def _input(self, x: Any, name: str) -> Tensor:
        x = as_tensor(x)
        if x.ndim != self._ndim or x.shape[0] == 0:
            raise ValueError(
                f"SpikingModel.{name}: expected inputs (N, ...) with {self._ndim} axes, got shape {x.shape}."
            )
        return x

    def _means(self, x: Tensor, ends: list[int]) -> Iterator[Tensor]:
        """Yield the mean output of the first T steps, for each T in order."""
        total: Any = 0.0
        done = 0
        holds = self._holds and not autograd.is_watched()  # who counts operations counts those of every step
        for end in ends:
            while done < end:
                steps = min(_AT_ONCE, end - done)
                with self._in_time(steps, holds):
                    y = self.model(x if holds else _repeat(x, steps))
                total = total + y.reshape(steps, -1, *y.shape[1:]).sum(axis=0)
                done += steps
            yield total / float(end)

    @contextmanager
    def _in_time(self, steps: int, held: bool) -> Iterator[None]:
        """Tell the layers inside how many steps a call has."""
        before: list[tuple[Module, str, Any]] = []

        def put(module: Module, name: str, value: Any) -> None:
            before.append((module, name, getattr(module, name)))
            setattr(module, name, value)

        try:
            for module in self.model.modules():
                if isinstance(module, Timed):
                    put(module, "steps", steps)
                    put(module, "held", held and module.first)
                elif isinstance(module, CallSites):
                    module.next = 0
                elif hasattr(module, "step_mode"):
                    put(module, "step_mode", "m" if steps else "s")
            yield
        finally:
            for module, name, value in before:
                setattr(module, name, value)

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        F.reset_net(self)
        try:
            with autograd.no_grad():
                yield
        finally:
            F.reset_net(self)

    def extra_repr(self) -> str:
        return f"step_mode={self.step_mode!r}"


def _repeat(x: Tensor, steps: int) -> Tensor:
    return x.expand(steps, *x.shape).reshape(steps * x.shape[0], *x.shape[1:])


def _counts(steps: Any, name: str) -> list[int]:
    values = list(steps) if isinstance(steps, Iterable) else [steps]
    if not values or any(not hasattr(t, "__index__") or isinstance(t, bool) or int(t) < 1 for t in values):
        raise ValueError(
            f"SpikingModel.{name}: T is a positive integer{'' if name == 'simulate' else ' or several'}, got {steps!r}."
        )
    return sorted({int(t) for t in values})


def _hits(scores: np.ndarray, y: np.ndarray) -> int:
    if scores.ndim != 2 or len(scores) != len(y):
        raise ValueError(f"SpikingModel.evaluate: expected outputs ({len(y)}, classes), got shape {scores.shape}.")
    if not 0 <= y.min() <= y.max() < scores.shape[1]:
        raise ValueError(
            f"SpikingModel.evaluate: labels are from 0 to {scores.shape[1] - 1} for outputs ({len(y)}, {scores.shape[1]}), got "
            f"{y.min()} to {y.max()}."
        )
    return int((scores.argmax(axis=1) == y).sum())


def _scores(ann: Any) -> Callable[[np.ndarray], np.ndarray]:
    from grillyx.convert._source import as_module  # knows the formats of others

    model = as_module(ann, "evaluate") if not callable(ann) or hasattr(ann, "state_dict") else ann

    def scores(x: np.ndarray) -> np.ndarray:
        modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
        try:
            for module, _ in modes:
                module.training = False
            return to_numpy(model(x))
        finally:
            for module, mode in modes:
                module.training = mode

    return scores


def _named(model: Module, path: str) -> str:
    """Return the name in the report of a layer at a path."""
    above, _, number = path.rpartition(".")
    sites = any(name == above and isinstance(module, CallSites) for name, module in model.named_modules())
    return path if not sites else above if number == "0" else f"{above}[{number}]"


class _Rates:
    """Counts the spikes of each layer."""

    def __init__(self, model: Module) -> None:
        self._handles: list[Any] = []
        self._parts: dict[str, list[Tensor]] = {}
        self._rates: dict[str, list[float]] = {}
        for path, module in model.named_modules():
            if isinstance(module, SpikingActivation):
                name = _named(model, path)
                self._parts[name], self._rates[name] = [], [0.0, 0.0]
                self._handles.append(module[1].register_forward_hook(self._counter(name)))

    def _counter(self, name: str) -> Any:
        def count(_: Any, __: Any, out: Tensor) -> None:
            self._parts[name].append(out.sum(axis=tuple(range(1, out.ndim))))  # a sum a step: exact in float32
            self._rates[name][1] += out.size

        return count

    def read(self) -> None:
        """Add up what lies on the device."""
        for name, parts in self._parts.items():
            self._rates[name][0] += sum(float(p.numpy().sum(dtype=np.float64)) for p in parts)
            parts.clear()

    def result(self) -> dict[str, float]:
        """Return the rates, and stop counting."""
        return {name: spikes / size if size else float("nan") for name, (spikes, size) in self._rates.items()}

    def __enter__(self) -> _Rates:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
