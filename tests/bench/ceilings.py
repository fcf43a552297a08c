"""What the device can do at most, measured: memory traffic, arithmetic, and the cost of handing it anything at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

import grillyx
from grillyx.engine.array import Array, empty
from grillyx.engine.compile import compile_file
from grillyx.engine.kernel import Kernel
from tests.bench.timing import best

SHADERS = Path(__file__).with_name("shaders")
FLOPS_A_ROUND = 192  # of peak.comp
DISPATCHES = 64


@dataclass(frozen=True)
class Ceilings:
    """Measured limits of a device.

    Attributes:
        bandwidth: bytes a second to and from its memory, the better of copying and reading.
        copy: the same of copying alone.
        flops: float operations a second, an fma counted as two.
        dispatch: seconds for one more small kernel in a submit.
        submit: seconds for a submit of one small kernel, until it is done.
        host_copy: bytes a second of NumPy's copy on the host, for comparison.
    """

    bandwidth: float
    copy: float
    flops: float
    dispatch: float
    submit: float
    host_copy: float

    def limit(self, bytes: float, flops: float) -> float:
        """Return the seconds below which work of this size cannot be done."""
        return max(bytes / self.bandwidth, flops / self.flops)

    def or_better(self, other: Ceilings) -> Ceilings:
        """Return the better of two measurements of each: another program may have disturbed one of them."""
        pairs = {name: (value, other.named()[name]) for name, value in self.named().items()}
        costs = ("dispatch", "submit")
        return Ceilings(**{name: min(pair) if name in costs else max(pair) for name, pair in pairs.items()})

    def named(self) -> dict[str, float]:
        """Return all as a dict."""
        return asdict(self)


@cache
def bench_kernel(name: str) -> Kernel:
    """Compile one of the shaders that only the measurements use."""
    with tempfile.TemporaryDirectory() as folder:
        return Kernel(name, compile_file(SHADERS / f"{name}.comp", Path(folder) / f"{name}.spv").read_bytes())


def measure(seconds: float = 0.5) -> Ceilings:
    """Measure the device in use."""
    dispatch, submit = overhead(seconds)
    copy, read = bandwidth(seconds)
    x = np.ones(1 << 24, np.float32)
    y = np.empty_like(x)
    host = 2 * x.nbytes / best(lambda: np.copyto(y, x), seconds)
    return Ceilings(max(copy, read), copy, peak(seconds), dispatch, submit, host)


def _run(record: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        record()
        grillyx.synchronize()

    return call


def bandwidth(seconds: float) -> tuple[float, float]:
    """Return bytes a second of copying, and of reading; larger buffers than any cache."""
    device = grillyx.current_device()
    words = min(1 << 24 if device.info.type == "cpu" else 1 << 27, device.max_bytes // 4, device.info.memory // 64)
    quads = 1 << (words // 4).bit_length() - 1
    x, y = empty((4 * quads,)), empty((4 * quads,))
    bench_kernel("move")((1, 1, 1), x=y, y=x)
    found = {False: 0.0, True: 0.0}
    for each in (1, 2, 4, 8, 16):
        groups = quads // each // 64
        for add in (False, True):
            if groups > 65535:
                continue

            def record(each: int = each, add: bool = add, groups: int = groups) -> None:
                bench_kernel("move")((groups, 1, 1), x=x, y=y, EACH=each, SUM=int(add))

            moved = 16 * (quads + (quads // each if add else quads))
            found[add] = max(found[add], moved / best(_run(record), seconds / 8))
    return found[False], found[True]


def peak(seconds: float, long: float = 0.01) -> float:
    """Return float operations a second; the work grows until a dispatch takes `long` seconds."""
    groups, rounds = 64, 1024
    while True:
        y = empty((groups * 256,))

        def record(y: Array = y, groups: int = groups, rounds: int = rounds) -> None:
            work = groups * 64 * rounds * FLOPS_A_ROUND // 8
            bench_kernel("peak")((groups, 1, 1), work, y=y, rounds=rounds, a=0.999, b=0.001)

        if best(_run(record), 0, least=2) > long or groups >= 1 << 15:
            return groups * 64 * rounds * FLOPS_A_ROUND / best(_run(record), seconds)
        if rounds < 1 << 13:
            rounds *= 2
        else:
            groups *= 4


def overhead(seconds: float) -> tuple[float, float]:
    """Return the seconds of one more dispatch in a submit, and of a submit of one."""
    outputs = [empty((64,)) for _ in range(DISPATCHES)]  # independent: they share a submit in every mode
    nothing = bench_kernel("nothing")

    def many() -> None:
        for y in outputs:
            nothing((1, 1, 1), 256, y=y)

    one = best(_run(lambda: nothing((1, 1, 1), 256, y=outputs[0])), seconds)
    return (best(_run(many), seconds) - one) / (DISPATCHES - 1), one
