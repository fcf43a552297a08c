"""The libraries that are measured beside ours where they are installed, and what this machine is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

import grillyx
from grillyx.ops import gemm

OURS = "grillyx"
PACKAGES = ("numpy", "torch", "torch_geometric", "spikingjelly", "computeml")


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


HAS_TORCH = _has("torch")
HAS_PYG = HAS_TORCH and _has("torch_geometric")
HAS_SPIKINGJELLY = HAS_TORCH and _has("spikingjelly")
HAS_COMPUTEML = _has("computeml")


@cache
def computeml() -> tuple[Any, Any]:
    """Return the module computeml, a Vulkan library without spikes, and its context on the device that we use."""
    os.environ["CML_GPU_INDEX"] = str(grillyx.current_device().info.index)
    import computeml as module

    return module, module.Context()


def versions() -> dict[str, str]:
    """Return the versions of the contestants that are installed."""
    found = {OURS: grillyx.__version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES if _has(name)}


def _cpu() -> str:
    """Return the processor in words that do not name a machine."""
    flags = set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                flags.update(line.split())
                break
    except OSError:
        pass
    wide = ", AVX-512" if "avx512f" in flags else ", AVX2" if "avx2" in flags else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores {platform.machine()}{wide}"


def about() -> dict[str, Any]:
    """Return what was measured, and on what."""
    device = grillyx.current_device()
    return {
        "device": device.info.name, "driver": device.info.driver, "type": device.info.type, "memory": device.memory,
        "sync": device.sync, "product": gemm.body(device), "host": _cpu(), "system": platform.system(),
        "versions": versions(), "day": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def headline(about: dict[str, Any]) -> str:
    """Return `about` in two lines."""
    packages = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['device']}, {about['driver']}; {about['memory']} memory, sync {about['sync']}, {about['product']} product\n"
        f"{about['host']}, {about['system']}; {packages}"
    )
