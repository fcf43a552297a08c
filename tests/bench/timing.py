"""Timing one call: warm, minimum of several repeats."""

from __future__ import annotations

import time
from collections.abc import Callable


def best(call: Callable[[], object], seconds: float = 1.0, least: int = 5) -> float:
    """Return the shortest time of a call in seconds; the first three calls only warm up."""
    for _ in range(3):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
