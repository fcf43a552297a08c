"""Timing calls: warm, in turns, minimum of several repeats."""

from __future__ import annotations

import time
from collections.abc import Callable

Call = Callable[[], object]
ROUNDS = 2  # each contestant gets its turn so often, so that a slow minute of the machine hits all of them


def best(call: Call, seconds: float = 1.0, least: int = 3, warm: int = 3) -> float:
    """Return the shortest time of a call in seconds, after `warm` calls that do not count."""
    for _ in range(warm):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def race(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Return the shortest time of each call, which get `seconds` each, in turns."""
    times = dict.fromkeys(calls, float("inf"))
    for turn in range(ROUNDS):
        for name, call in calls.items():
            time.sleep(min(0.05, seconds))  # threads of the one before may still spin
            times[name] = min(times[name], best(call, seconds / ROUNDS, least=2, warm=3 if turn == 0 else 1))
    return times
