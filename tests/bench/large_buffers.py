"""Ops on tensors of many sizes, up to the largest of the device, and a clear refusal beyond. Run by gpu.py."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import grillyx
from grillyx import Tensor, nn
from tests.bench.work.spiking import numpy_lif

MIB = 1 << 20
SIZES = [16, 128, 160, 512, 1024, 2048, 4000]
COPIES = 6  # of the largest tensor, at the same time, on the device and on the host


def available() -> int:
    """Return the bytes of host memory that are free."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return 8 << 30
    found = [line.split()[1] for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")]
    return int(found[0]) * 1024


def attempt(size: int) -> str:
    """Return what became of tensors of `size` bytes.

    Raises:
        AssertionError: a result is wrong.
    """
    device = grillyx.current_device()
    if size > device.max_bytes:
        try:
            Tensor(np.broadcast_to(np.float32(0), size // 4))
        except ValueError:
            return "refused, as it should be"
        raise AssertionError("accepted, though it is larger than a buffer may be")
    room = min(device.info.memory, available())
    if COPIES * size > room:
        return f"left out: needs {COPIES * size // MIB:,} MiB, there are {room // MIB:,}"
    x = (np.arange(size // 4, dtype=np.uint32) % 1021).astype(np.float32).reshape(-1, 1024)
    x *= np.float32(1 / 512)
    t = Tensor(x)
    same("upload and download", t.numpy(), x)
    same("one op an element", (t * 2.0 - 1.0).numpy(), x * 2 - 1)
    close("sum of rows", t.sum(axis=1).numpy(), x.sum(1))
    close("sum of columns", t.sum(axis=0).numpy() / len(x), x.sum(0, dtype=np.float64) / len(x))
    same("last rows", t[len(x) - 3 :].numpy(), x[-3:])
    w = np.linspace(-1, 1, 1024 * 8, dtype=np.float32).reshape(1024, 8)
    close("matrix product", (t @ w).numpy()[-100:], x[-100:] @ w)
    with grillyx.no_grad():
        spikes = nn.LIFNode(step_mode="m")(t.reshape(4, -1)).numpy()
    same("spikes at both ends", spikes[:, [0, -1]], numpy_lif(x.reshape(4, -1)[:, [0, -1]])[0])
    grillyx.empty_cache()
    return "right"


def same(what: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Compare bit for bit."""
    if not np.array_equal(found, expected):
        raise AssertionError(f"{what}: {np.count_nonzero(found != expected):,} of {expected.size:,} are wrong")


def close(what: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Compare but for rounding."""
    if not np.allclose(found, expected, rtol=1e-4, atol=1e-2):
        raise AssertionError(f"{what}: off by up to {np.abs(found - expected).max():.3g}")


def main() -> int:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=4000, help="the largest size to try, in MiB")
    most, failed = parser.parse_args().most, False
    limit = grillyx.current_device().max_bytes
    for size in [*[n * MIB for n in SIZES if n <= most], limit + 4]:
        try:
            text = attempt(size)
        except (AssertionError, MemoryError, RuntimeError) as error:
            text, failed = f"FAILED: {type(error).__name__}: {error}", True
        print(f"{size / MIB:10,.1f} MiB: {text}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
