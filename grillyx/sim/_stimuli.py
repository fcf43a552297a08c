"""Stimuli that are pulses, waves or random events, with spikeometric's names and arguments (Sønstebø and others)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.nn import Buffer
from grillyx.sim._checks import generator, number
from grillyx.sim._stimulus import MaskedStimulus, constant, frozen

_MOST_EVENTS = 10**8


class RegularStimulus(MaskedStimulus):
    """Pulses at regular intervals: spikeometric's ``RegularStimulus``.

        s(t) = strength   where start ≤ t < stop and (t - start) mod period < tau,   else 0

    All times count steps. The original takes t mod period, so that a pulse need not begin at start; ``compat=True`` does so too.

    Args:
        strength: of a pulse, in the units of the model's input; a parameter, frozen at first.
        period: steps from the beginning of a pulse to that of the next.
        tau: steps that a pulse lasts.
        stop: the step at which the stimulus ends; may be ``inf``.
        stimulus_masks: which neurons receive it: booleans (N,), or a list of them, one for each network.
        batch_size: networks that are simulated at once.
        start: the step at which it begins.
        compat: the original's phase.

    Attributes:
        period, tau, stop, start: buffers (a step has no slope).

    Raises:
        ValueError: a negative tau, a period that is not positive, NaN; masks or a batch_size that do not fit.
        TypeError: masks that are not boolean.
    """

    def __init__(
        self,
        strength: float,
        period: float,
        tau: float,
        stop: float,
        stimulus_masks: Any,
        batch_size: int = 1,
        start: float = 0.0,
        compat: bool = False,
    ) -> None:
        name = type(self).__name__
        numbers = number(strength, "strength", name), number(period, "period", name, "positive")
        lasts = number(tau, "tau", name, "not negative")
        ends, begins = number(stop, "stop", name, endless=True), number(start, "start", name)
        super().__init__(stimulus_masks, batch_size)
        self.strength, self.period, self.tau = frozen(numbers[0]), constant(numbers[1]), constant(lasts)
        self.stop, self.start, self.compat = constant(ends), constant(begins), bool(compat)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes an equal stimulus."""
        names = ("strength", "period", "tau", "stop", "start")
        numbers = {name: self._number(name) for name in names}
        return numbers | {"stimulus_masks": self._masks(), "batch_size": self.batch_size, "compat": self.compat}

    def _on(self, t: np.ndarray) -> np.ndarray:
        start = self._number("start")
        phase = (t if self.compat else t - start) % self._number("period")
        return (phase < self._number("tau")) & (start <= t) & (t < self._number("stop"))

    def values(self, t: np.ndarray) -> np.ndarray:
        """Return s at times (S,)."""
        return self._number("strength") * self._on(t)

    def slopes(self, t: np.ndarray) -> dict[str, np.ndarray]:
        """Return ds/dstrength at times (S,)."""
        return {"strength": self._on(t).astype(np.float64)}


class SinStimulus(MaskedStimulus):
    """A sine wave: spikeometric's ``SinStimulus``.

        s(t) = amplitude · sin(2π (t - start) dt / period + phase) + baseline   where start ≤ t < start + duration,   else 0

    The original ends at t = duration and not at start + duration; ``compat=True`` does so too.

    Args:
        amplitude: in the units of the model's input; a parameter, frozen at first, as are the next three that are marked so.
        period: of the wave, in ms; a parameter.
        duration: steps that it lasts; may be ``inf``.
        stimulus_masks: which neurons receive it: booleans (N,), or a list of them, one for each network.
        batch_size: networks that are simulated at once.
        phase: of the wave at start, in radians; a parameter.
        baseline: added to the wave while it lasts; a parameter.
        start: the step at which it begins.
        dt: length of a step in ms.
        compat: the original's end.

    Attributes:
        duration, start, dt: buffers.

    Raises:
        ValueError: a negative amplitude or duration, a period or dt that is not positive, NaN; masks or a batch_size that do not
            fit; when called, a period that is no longer positive after training.
        TypeError: masks that are not boolean.
    """

    def __init__(
        self,
        amplitude: float,
        period: float,
        duration: float,
        stimulus_masks: Any,
        batch_size: int = 1,
        phase: float = 0.0,
        baseline: float = 0.0,
        start: float = 0.0,
        dt: float = 1.0,
        compat: bool = False,
    ) -> None:
        name = type(self).__name__
        wave = number(amplitude, "amplitude", name, "not negative"), number(period, "period", name, "positive")
        lasts = number(duration, "duration", name, "not negative", endless=True)
        place = number(phase, "phase", name), number(baseline, "baseline", name)
        begins, step = number(start, "start", name), number(dt, "dt", name, "positive")
        super().__init__(stimulus_masks, batch_size)
        self.amplitude, self.period = (frozen(x) for x in wave)
        self.phase, self.baseline = (frozen(x) for x in place)
        self.duration, self.start, self.dt, self.compat = (
            constant(lasts),
            constant(begins),
            constant(step),
            bool(compat),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes an equal stimulus."""
        names = ("amplitude", "period", "duration", "phase", "baseline", "start", "dt")
        numbers = {name: self._number(name) for name in names}
        return numbers | {"stimulus_masks": self._masks(), "batch_size": self.batch_size, "compat": self.compat}

    def _wave(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where it is on, the turns since start, and the angle."""
        start, period = self._number("start"), self._number("period")
        if not period > 0.0:
            raise ValueError(
                f"{type(self).__name__}: the period is not positive, got {period}; expected more than 0. If it was trained, use a "
                "smaller learning rate."
            )
        end = self._number("duration") + (0.0 if self.compat else start)
        turns = (t - start) * self._number("dt") / period
        return (start <= t) & (t < end), turns, 2.0 * math.pi * turns + self._number("phase")

    def values(self, t: np.ndarray) -> np.ndarray:
        """Return s at times (S,)."""
        on, _, angle = self._wave(t)
        return on * (self._number("amplitude") * np.sin(angle) + self._number("baseline"))

    def slopes(self, t: np.ndarray) -> dict[str, np.ndarray]:
        """Return the derivatives of s at times (S,)."""
        on, turns, angle = self._wave(t)
        by_angle = on * self._number("amplitude") * np.cos(angle)
        return {
            "amplitude": on * np.sin(angle), "phase": by_angle, "baseline": on.astype(np.float64),
            "period": -by_angle * 2.0 * math.pi * turns / self._number("period"),
        }  # fmt: skip


class PoissonStimulus(MaskedStimulus):
    """Pulses at random times: spikeometric's ``PoissonStimulus``.

        s(t) = strength   where e ≤ t < e + tau for an event e,   else 0

    The first event is at start. From each to the next it is a number of steps that has the Poisson distribution with mean
    mean_interval, so that events fall on steps (intervals of a Poisson process would be exponential, and ten times as
    irregular at a mean of 100). Events are drawn until start + duration; those of the original until duration, and so with
    ``compat=True``. The last pulse may last longer than that. Pulses that overlap do not add.

    Args:
        strength: of a pulse, in the units of the model's input; a parameter, frozen at first.
        mean_interval: mean steps from an event to the next.
        duration: steps in which there are events.
        stimulus_masks: which neurons receive it: booleans (N,), or a list of them, one for each network.
        tau: steps that a pulse lasts.
        batch_size: networks that are simulated at once.
        start: the step of the first event.
        rng: draws the intervals: a NumPy generator, a seed for one, or None, and then `grillyx.manual_seed` decides. The original's
            numbers, which are torch's, are not among these: give them as `times`.
        compat: the original's end.
        times: the events, (events,); nothing is drawn then.

    Attributes:
        times: the events, sorted, float32 (events,), whole steps exact to 2²⁴; can be set.
        event_times: a buffer with the same, and then ``inf`` to a length that depends on duration and mean_interval alone, so that
            the state of a stimulus fits into one that has drawn others.
        mean_interval, duration, tau, start: buffers.

    Raises:
        ValueError: a negative tau or duration, a mean_interval that is not positive or means more than 10⁸ events, NaN; masks or
            a batch_size that do not fit.
        TypeError: masks that are not boolean; an rng that is none.
    """

    def __init__(
        self,
        strength: float,
        mean_interval: float,
        duration: float,
        stimulus_masks: Any,
        tau: float = 1.0,
        batch_size: int = 1,
        start: float = 0.0,
        rng: Any = None,
        compat: bool = False,
        times: Any = None,
    ) -> None:
        name = type(self).__name__
        height, mean = number(strength, "strength", name), number(mean_interval, "mean_interval", name, "positive")
        lasts, length = number(duration, "duration", name, "not negative"), number(tau, "tau", name, "not negative")
        begins = number(start, "start", name)
        end = lasts if compat else begins + lasts
        if _room(begins, end, max(mean, 1e-30)) > _MOST_EVENTS:
            raise ValueError(
                f"{name}: mean_interval is too small, got {mean} for a duration of {lasts}; expected at most {_MOST_EVENTS} events. "
                "A pulse at every step is a RegularStimulus."
            )
        given = None if times is None else _events(times, name)
        source = generator(rng, name) if given is None else None
        super().__init__(stimulus_masks, batch_size)
        self.strength, self.mean_interval, self.duration = frozen(height), constant(mean), constant(lasts)
        self.tau, self.start, self.compat = constant(length), constant(begins), bool(compat)
        if source is not None:
            given = _drawn(source, begins, end, mean)
        self._set(given)

    @property
    def times(self) -> np.ndarray:
        """The events, sorted, float32 (events,)."""
        padded = self._read("event_times")
        return padded[np.isfinite(padded)]

    @times.setter
    def times(self, times: Any) -> None:
        self._set(_events(times, type(self).__name__))

    def _set(self, times: Any) -> None:
        begins = self._number("start")
        end = self._number("duration") + (0.0 if self.compat else begins)
        padded = np.full(max(len(times), _room(begins, end, self._number("mean_interval"))), np.inf, np.float32)
        padded[: len(times)] = times
        self.event_times = Buffer(padded)

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes an equal stimulus, the events included."""
        names = ("strength", "mean_interval", "duration", "tau", "start")
        numbers = {name: self._number(name) for name in names}
        more = {"batch_size": self.batch_size, "compat": self.compat, "times": self.times}
        return numbers | {"stimulus_masks": self._masks()} | more

    def _on(self, t: np.ndarray) -> np.ndarray:
        times = self._read("event_times").astype(np.float64)
        last = np.searchsorted(times, t, side="right") - 1  # the latest event lasts longest
        return (last >= 0) & (t - times[np.maximum(last, 0)] < self._number("tau"))

    def values(self, t: np.ndarray) -> np.ndarray:
        """Return s at times (S,)."""
        return self._number("strength") * self._on(t)

    def slopes(self, t: np.ndarray) -> dict[str, np.ndarray]:
        """Return ds/dstrength at times (S,)."""
        return {"strength": self._on(t).astype(np.float64)}


def _room(start: float, end: float, mean: float) -> int:
    """Return a number of events that fewer than one draw in 10¹⁵ exceeds: n intervals sum to Poisson(n · mean)."""
    return math.ceil((4.0 + math.sqrt(16.0 + max(end - start, 0.0))) ** 2 / mean) + 1


def _drawn(rng: np.random.Generator, start: float, end: float, mean: float) -> np.ndarray:
    times = start + np.append(0.0, np.cumsum(rng.poisson(mean, _room(start, end, mean) - 1)))
    return np.unique(times[times < end])


def _events(times: Any, owner: str) -> np.ndarray:
    out = np.asarray(times, np.float64) if np.size(times) else np.zeros(0)
    if out.ndim != 1:
        raise ValueError(f"{owner}: times has a wrong shape, got {out.shape}; expected (events,).")
    if not np.isfinite(out).all():
        raise ValueError(f"{owner}: times is not finite, got {out[~np.isfinite(out)][0]}; expected finite times.")
    return np.sort(out)
