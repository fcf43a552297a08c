"""What all tests share: the device in the header, seeds, and memory that is full of NaN before it is used."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from grillyx.engine.array import UINT
from grillyx.engine.device import current_device
from grillyx.engine.kernel import grid, kernel
from grillyx.engine.pool import Buffer, Pool
from grillyx.ops import random

settings.register_profile(
    "grillyx", deadline=None, derandomize=True, max_examples=25, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],  # shaders compile; seeds stay
)  # fmt: skip
settings.load_profile("grillyx")

NAN_BITS = int(np.array(np.nan, np.float32).view(UINT))


def pytest_report_header() -> str:
    device = current_device()
    info = device.info
    return f"vulkan: {info.name} ({info.type}), memory={device.memory}, sync={device.sync}"


@pytest.fixture(autouse=True)
def seeded() -> None:
    random.DEFAULT.manual_seed(0)


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fill every buffer with NaN when it is handed out: what a kernel forgets to write, or reads too far, shows."""
    acquire = Pool.acquire

    def poison(pool: Pool, words: int, mapped: bool, idle: bool = False) -> Buffer:
        buffer = acquire(pool, words, mapped, idle)
        if buffer.host is not None and (idle or buffer.id not in pool.pending):
            buffer.host[:] = NAN_BITS
        else:  # in the order of the recorded kernels
            target = SimpleNamespace(device=current_device(), buffer=buffer, awaited=False)
            quads = buffer.words // 4
            kernel("fill")(grid(quads), y=target, quads=quads, value=NAN_BITS)
        return buffer

    monkeypatch.setattr(Pool, "acquire", poison)
    yield
    current_device().synchronize()


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """Keep what other tests left behind, garbage and the pool's habits, out of what this one counts."""
    gc.collect()
    current_device().empty_cache()
    gc.disable()
    yield
    gc.enable()
