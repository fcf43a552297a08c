"""What an op costs apart from its arithmetic, and what training through time keeps in memory."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import Tensor
from tests.bench import peers
from tests.bench.ceilings import Ceilings
from tests.bench.work import training
from tests.bench.work.row import done

OPS = 100
WIDTH = 256
GOALS = {
    "one more dispatch in a submit": 12.0,
    "a submit of one dispatch": 35.0,
    "a + b with gradients, in Python": 25.0,
}


def microseconds(ceilings: Ceilings, seconds: float) -> dict[str, float]:
    """Return what it costs to record, to submit and to read, in microseconds."""
    four, table = Tensor(np.ones(4), requires_grad=True), Tensor(np.ones((4, 4)), requires_grad=True)
    return {
        "one more dispatch in a submit": ceilings.dispatch * 1e6,
        "a submit of one dispatch": ceilings.submit * 1e6,
        "a + b with gradients, in Python": _recording(lambda: four + four, seconds),
        "a @ b with gradients, in Python": _recording(lambda: table @ table, seconds),
        "softmax with gradients, in Python": _recording(lambda: F.softmax(table), seconds),
        "16 B to the device": _recording(lambda: Tensor(np.ones(4, np.float32)), seconds),
    }


def _recording(op: Callable[[], Any], seconds: float) -> float:
    """Return the microseconds that Python takes for an op, of many that do not depend on each other."""
    shortest, end = np.inf, time.perf_counter() + seconds
    for _ in range(5):
        done(*[op() for _ in range(OPS)])
    while shortest == np.inf or time.perf_counter() < end:
        start = time.perf_counter()
        results = [op() for _ in range(OPS)]
        shortest = min(shortest, time.perf_counter() - start)
        done(*results)
        del results
    return float(shortest / OPS * 1e6)


def memory(lengths: Iterable[int]) -> list[dict[str, Any]]:
    """Return the memory of the spiking training step for several T: what it must keep, and what each takes at most.

    The batch counts, parameters and the optimizer's state do not.
    """
    return [_memory(steps) for steps in lengths]


def _memory(steps: int, batch: int = 32) -> dict[str, Any]:
    x = 4 * steps * batch * training.IN
    kept = x + 4 * steps * batch * (
        2 * WIDTH + training.OUT
    )  # H of both layers, and the spikes that the second one gets
    gc.collect()
    grillyx.empty_cache()
    pool = grillyx.current_device().pool
    before = pool.bytes
    work = training.spiking(steps, batch, WIDTH)
    for _ in range(5):
        work.calls[peers.OURS]()
    lasting = 3 * 4 * (WIDTH * (training.IN + training.OUT + 1) + training.OUT)  # parameters, both averages of Adam
    # the pool gives nothing back, so what it holds is the peak
    taken: dict[str, float] = {peers.OURS: pool.bytes - before - lasting, "NumPy": x + _traced(work.calls["NumPy"])}
    if peers.HAS_SPIKINGJELLY:
        taken["SpikingJelly"] = x + _profiled(work.calls["SpikingJelly"])
    return {"steps": steps, "kept": kept, "bytes": taken}


def _traced(step: Callable[[], Any]) -> int:
    step()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _profiled(step: Callable[[], Any]) -> int:
    """Return the highest sum of torch's allocations, in the order in which its profiler saw them."""
    import torch

    step()
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    if not events:
        return 0
    events.sort(key=lambda event: event.start_ns())
    return int(np.cumsum([event.nbytes() for event in events]).max())
