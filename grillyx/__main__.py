"""``python -m grillyx info``: what grillyx sees on this machine."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys

import grillyx
from grillyx.engine import device as devices
from grillyx.engine import kompute
from grillyx.engine.compile import find_compiler
from grillyx.engine.errors import NoDeviceError
from grillyx.ops import gemm

_SWITCHES = ("GRILLYX_DEVICE", "GRILLYX_MEMORY", "GRILLYX_SYNC", "GRILLYX_GEMM", "GRILLYX_REDUCE", "GRILLYX_DEBUG")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:g} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.1f} GiB"


def info() -> int:
    """Print devices, limits, versions, and which variants of the kernels are used."""
    print(f"grillyx {grillyx.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print("  " + ", ".join(f"{p} {_version(p)}" for p in ("numpy", "scipy", "safetensors")))
    carried = kompute.load().__name__.startswith("grillyx.")
    print("  kp 0.9.0, carried by grillyx" if carried else f"  kp {_version('kp')}, installed beside grillyx")
    print(f"  shader compiler: {find_compiler() or 'none (only needed for shaders of your own)'}")
    try:
        found = grillyx.devices()
        used = devices.choose(os.environ.get("GRILLYX_DEVICE"))
    except NoDeviceError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    for d in found:
        print(f"\n{'*' if d.index == used.index else ' '} device {d.index}: {d.name} ({d.type})")
        print(f"    driver {d.driver}, Vulkan {d.api}, memory {_size(d.memory)}")
        print(f"    largest tensor {_size(min(d.max_buffer, devices.MAX_BYTES))}, subgroup {d.subgroup_size}"
              f"{' with shuffle' if d.subgroup_shuffle else ''}, workgroup {d.max_invocations}, shared memory "
              f"{_size(d.shared_memory)}")  # fmt: skip
        print(
            f"    at most {d.max_allocations:,} allocations, {d.max_bindings:,} buffers a kernel, {d.max_push} bytes of push constants"
        )
    current = grillyx.current_device()
    print(f"\nused: device {current.info.index}, {current.memory} memory, sync {current.sync}")
    for size in (64, 512, 4096):
        p = gemm.plan(current, gemm.NN, 1, size, size, size, size, size)
        parts = f", k in {p.parts} parts" if p.parts > 1 else ""
        print(f"  matrix product {size}x{size}x{size}: {p.body} body, tiles of {p.rows}x{p.columns}{parts}")
    for name in _SWITCHES:
        if os.environ.get(name):
            print(f"  {name}={os.environ[name]}")
    return 0


def main() -> int:
    """Run a command of ``python -m grillyx``."""
    parser = argparse.ArgumentParser(prog="python -m grillyx", description=grillyx.__doc__)
    parser.add_argument("command", choices=["info"], help="info: devices, limits, versions and kernel variants")
    parser.parse_args()
    return info()


if __name__ == "__main__":
    sys.exit(main())
