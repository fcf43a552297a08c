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

OPS = 100
WIDTH = 256
GOALS = {"one more dispatch in a submit": 12.0, "a submit of one dispatch": 35.0, "a + b with gradients, in Python": 25.0}


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
        [op() for _ in range(OPS)]
        grillyx.synchronize()
    while shortest == np.inf or time.perf_counter() < end:
        start = time.perf_counter()
        results = [op() for _ in range(OPS)]
        shortest = min(shortest, time.perf_counter() - start)
        del results
        grillyx.synchronize()
    return float(shortest / OPS * 1e6)


def memory(lengths: Iterable[int]) -> list[dict[str, Any]]:
    """Return the memory of the spiking training step for several T: what it must keep, and what each takes at most."""
    return [_memory(steps) for steps in lengths]


def _memory(steps: int, batch: int = 32) -> dict[str, Any]:
    work = training.spiking(steps, batch, WIDTH)
    kept = 4 * steps * batch * (training.IN + 2 * WIDTH + 2 * training.OUT)  # x, and H and the spikes of both layers
    taken: dict[str, float] = {peers.OURS: _pool(work.calls[peers.OURS]), "NumPy": _traced(work.calls["NumPy"])}
    if peers.HAS_SPIKINGJELLY:
        taken["SpikingJelly"] = _profiled(work.calls["SpikingJelly"])
    return {"steps": steps, "kept": kept, "bytes": taken}


def _pool(step: Callable[[], Any]) -> int:
    """Return what the pool took for a step that has found its rhythm: it gives nothing back, so this is the peak."""
    gc.collect()
    grillyx.empty_cache()
    pool = grillyx.current_device().pool
    before = pool.bytes
    for _ in range(5):
        step()
    return pool.bytes - before


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
