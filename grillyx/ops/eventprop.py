"""Current-based LIF neurons from event to event, and EventProp: a sort, a kernel forward, and one for each gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, INT, UINT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import cast
from grillyx.ops.reduce import reduced
from grillyx.ops.rows import set_rows
from grillyx.ops.shape import fill, permuted, sliced

MOST_SPIKES = 1024  # of a neuron: each takes up to 25 rounds of a thread's loops, and an event takes one
_MOST_PLACES = 64 * LONGEST_LOOP  # of a sample: 64 threads look for its spikes
_SCRATCH = 1 << 24  # words for what the backward pass sends to input spikes, in one piece of the batch


def event_lif(
    x: Array, w: Array, tau_mem: Array, tau_syn: Array, *, theta: float, duration: float, most: int, last: int,
    room: list[int],
) -> Result:  # fmt: skip
    """Return ``(spikes (B, N, K), largest V (B, N))`` of N neurons for spikes x (B, M, k) and weights w (N, M).

    K is the largest number of spikes found; a neuron stops after the spike `last`, unless that is 0. `room` holds how
    many a neuron is first given room for, and keeps the largest that was needed: where it is too small, the kernel
    runs again.

    Raises:
        ValueError: a time below 0 or NaN; time constants that are not positive; more spikes than fit.
    """
    x, w = cast(x, FLOAT), cast(w, FLOAT)
    batch, inputs, each = x.shape
    units, slots = w.shape[0], inputs * each
    n = batch * units
    if each > LONGEST_LOOP or slots > _MOST_PLACES:
        raise ValueError(
            f"EventLIF: too much room for spikes, got shape {x.shape}; expected at most {LONGEST_LOOP:,} for an input and "
            f"{_MOST_PLACES:,} for a sample, +inf included. Leave out what is +inf everywhere."
        )
    if n == 0 or slots == 0:
        silent = fill((batch, units, 1), np.inf), fill((batch, units), 0.0)
        return silent, lambda g, g_peak: tuple(fill(v.shape, 0.0) for v in (x, w, tau_mem, tau_syn))
    events = min(1 << (slots - 1).bit_length(), LONGEST_LOOP)
    time, slot, found = empty((batch, events)), empty((batch, events), UINT), empty((batch,), UINT)
    summary = fill((4,), 0, INT)
    kernel("event_sort")(
        grid(64 * batch), 16 * batch * events * events.bit_length(), x=x, time=time, slot=slot, found=found, summary=summary,
        rows=batch, slots=slots, room=events,
    )  # fmt: skip
    if slots > LONGEST_LOOP:
        _check_input(summary.numpy())
    across = permuted(w, (1, 0))
    shared: dict[str, Any] = {
        "time": time,
        "slot": slot,
        "found": found,
        "w": across,
        "tau_mem": tau_mem,
        "tau_syn": tau_syn,
    }
    shared |= {"units": units, "each": each, "room": events, "theta": theta, "duration": duration}
    work = 16 * n * min(events, slots)
    count, peak, peaked = empty((n,), UINT), empty((batch, units)), empty((n, 2))
    while True:
        rows = room[0]
        y, current = empty((batch, units, rows)), empty((n, rows))
        kernel("event_forward")(
            grid(n), work, **shared, y=y, current=current, count=count, peak=peak, peaked=peaked, summary=summary, n=n,
            rows=rows, most=most, last=last or 0xFFFFFFFF,
        )  # fmt: skip
        numbers = summary.numpy()
        _check_input(numbers)
        _check_output(numbers, most)
        fired = int(numbers[2])
        if fired <= rows:
            break
        room[0] = fired
    kept = max(fired, 1)
    spikes = y if kept == rows else sliced(y, (0, 0, 0), (1, 1, 1), (batch, units, kept))

    def pullback(g: Array | None, g_peak: Array | None) -> Any:
        gradient = {
            "y": y, "count": count, "peaked": peaked, "rows": rows, "g_rows": kept,
            "g": fill(spikes.shape, 0.0) if g is None else g, "g_peak": fill(peak.shape, 0.0) if g_peak is None else g_peak,
        }  # fmt: skip
        at_once = max(1, min(batch, _SCRATCH // (slots * units), LONGEST_LOOP // each))

        def sent(first: int, end: int, out: Array, input_times: bool) -> None:
            kernel("event_backward")(
                grid((end - first) * units), work, **shared, **gradient, current=current, out_=out, n=(end - first) * units,
                slots=slots, first=first, INPUT_TIMES=int(input_times),
            )  # fmt: skip

        def to_inputs() -> Array:
            gx = empty(x.shape)
            for first in range(0, batch, at_once):
                end = min(first + at_once, batch)
                out = fill((end - first, inputs, each, units), 0.0)
                sent(first, end, out, True)
                part = reduced(out, [3], "sum")
                if at_once >= batch:
                    return part
                set_rows(gx, first, part)
            return gx

        def to_weights() -> Array:
            gw = empty(w.shape)
            for first in range(0, batch, at_once):
                end = min(first + at_once, batch)
                out = empty((end - first, inputs, each, units))
                sent(first, end, out, False)
                kernel("event_weight")(
                    grid(w.size), 4 * out.size, x=x, li=out, tau_syn=tau_syn, gw=gw, n=w.size, units=units, inputs=inputs,
                    each=each, samples=end - first, first=first, ADD=int(first > 0),
                )  # fmt: skip
            return gw

        def to_taus() -> Array:
            if not taus:
                out = empty((n, 2))
                kernel("event_tau")(grid(n), work, **shared, **gradient, out_=out, n=n)
                taus.append(reduced(out, [0], "sum"))
            return taus[0]

        taus: list[Array] = []
        return (
            to_inputs,
            to_weights,
            lambda: sliced(to_taus(), (0,), (1,), (1,)).reshape(tau_mem.shape),
            lambda: sliced(to_taus(), (1,), (1,), (1,)).reshape(tau_syn.shape),
        )

    return (spikes, peak), pullback


def _check_input(summary: np.ndarray) -> None:
    if summary[1]:
        raise ValueError(
            f"EventLIF: a spike time is out of range, got NaN or one below 0 in sample {summary[1] - 1}; expected times of "
            "at least 0, and +inf for no spike."
        )
    if summary[0] > LONGEST_LOOP:
        raise ValueError(
            f"EventLIF: too many input spikes in a sample, got {summary[0]:,}; expected at most {LONGEST_LOOP:,}. Shorten the input."
        )


def _check_output(summary: np.ndarray, most: int) -> None:
    if summary[3]:
        raise ValueError(
            f"EventLIF: the potential in sample {summary[3] - 1} is not finite; expected finite weights, and time constants above 0. "
            "Lower the learning rate."
        )
    if summary[2] > most:
        raise ValueError(
            f"EventLIF: a neuron fires too often, got more than {most:,} spikes; expected at most max_spikes = {most:,}. Raise "
            "max_spikes, or make the weights smaller."
        )
