"""Choosing a device, opening it, and what belongs to an open one: pool, stream and algorithms."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np

from grillyx.engine import kompute, vulkan
from grillyx.engine.counters import COUNTERS
from grillyx.engine.errors import DeviceClosedError, NoDeviceError
from grillyx.engine.pool import Pool
from grillyx.engine.stream import SYNC_MODES, Stream
from grillyx.engine.vulkan import DeviceInfo

MAX_ALGORITHMS = 512  # each holds a pipeline, on lavapipe a megabyte; a training step has some tens
_PREFERENCE = {"discrete": 0, "integrated": 1, "virtual": 2, "cpu": 3, "other": 4}
_MEMORY_MODES = ("mapped", "staged")
MAX_BYTES = (1 << 32) - 4  # kp counts bytes in 32 bits and wraps silently beyond

_lock = threading.RLock()
_current: Device | None = None


def devices() -> list[DeviceInfo]:
    """List the Vulkan devices of this machine, in Vulkan's order.

    Raises:
        NoDeviceError: there is no loader, driver or device; the message says what to install.
    """
    return vulkan.probe()


def choose(wanted: str | int | None = None) -> DeviceInfo:
    """Pick a device by index or part of its name; without a wish the order is discrete, integrated, CPU.

    Raises:
        NoDeviceError: there is none, or none that fits `wanted`; the message lists those there are.
    """
    found = devices()
    if wanted is None or wanted == "":
        return min(found, key=lambda d: (_PREFERENCE[d.type], d.index))
    text = str(wanted).strip()
    if text.isdecimal():
        fitting = [d for d in found if d.index == int(text)]
    else:
        fitting = [d for d in found if text.lower() in d.name.lower()]
    if not fitting:
        names = ", ".join(f"{d.index}: {d.name} ({d.type})" for d in found)
        raise NoDeviceError(f"grillyx: no device fits {wanted!r}; expected an index or part of a name of {names}.")
    return fitting[0]


def _setting(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = os.environ.get(name, "") or default
    if value not in allowed:
        raise ValueError(f"{name}: unknown value, got {value!r}; expected one of {', '.join(allowed)}.")
    return value


def _debug_level() -> int:
    text = os.environ.get("GRILLYX_DEBUG", "") or "0"
    if text not in ("0", "1", "2"):
        raise ValueError(f"GRILLYX_DEBUG: unknown value, got {text!r}; expected 0, 1 or 2.")
    return int(text)


class Device:
    """An open device. Get the one in use from `current_device`.

    Attributes:
        info: what the driver says of it.
        memory: ``"mapped"`` (shaders work in memory that the host sees) or ``"staged"`` (copies where needed).
        sync: ``"submit"``, ``"fence"`` or ``"none"``: see `grillyx.engine.stream`.
        closed: whether `close` was called.
    """

    def __init__(self, info: DeviceInfo) -> None:
        shares_memory = info.type in ("cpu", "integrated")
        self.memory = _setting("GRILLYX_MEMORY", _MEMORY_MODES, "mapped" if shares_memory else "staged")
        self.sync = _setting("GRILLYX_SYNC", SYNC_MODES, "none" if info.type == "cpu" else "submit")
        self.info = info
        self.closed = False
        self.mapped = self.memory == "mapped"
        self.max_bytes = min(info.max_buffer, MAX_BYTES)
        debug = _debug_level()
        self.lock = threading.RLock()  # threads may share a device: recording is one at a time
        self.manager = kompute.open_manager(info.index)
        self.stream = Stream(self.manager, self.sync, debug)
        self.pool = Pool(self.manager, self.max_bytes, self.stream.pending)
        self._algorithms: OrderedDict[tuple, tuple[Any, frozenset[int]]] = OrderedDict()
        self._waiting: list[weakref.ref] = []  # storages whose computation is put off
        self._prune_at = 256

    def __repr__(self) -> str:
        state = " (closed)" if self.closed else ""
        return f"<Device {self.info.index}: {self.info.name}, {self.memory} memory, sync {self.sync}{state}>"

    def check_open(self) -> None:
        """Raise `DeviceClosedError` if this device was closed."""
        if self.closed:
            raise DeviceClosedError(
                f"grillyx: the device {self.info.name!r} of this tensor is closed; its data are gone. "
                "Read what you need with .numpy() before you close a device."
            )

    def algorithm(self, kernel: tuple, arenas: list, code: bytes, push: np.ndarray) -> Any:
        """Return the pipeline for ``(kernel, constants, workgroups)`` on parts of these arenas, from the cache if it is there."""
        cache = self._algorithms
        key = (kernel, *[a.id for a in arenas])
        entry = cache.get(key)
        if entry is not None:
            cache.move_to_end(key)
            return entry[0]
        _, spec, groups = kernel
        made = kompute.make_algorithm(
            self.manager, [a.tensor for a in arenas], code, groups, np.array(spec, np.uint32), push
        )
        COUNTERS.created += 1
        cache[key] = (made, frozenset(key[1:]))
        if len(cache) > MAX_ALGORITHMS:
            self.stream.flush()  # the oldest may be in the open submit
            cache.popitem(last=False)
        return made

    def wait_for(self, storage: Any) -> None:
        """Remember a storage whose computation is put off."""
        with self.lock:
            self._waiting.append(weakref.ref(storage))
            if len(self._waiting) > self._prune_at:
                self._prune_at = max(256, 2 * len(self._prune()))

    def _prune(self) -> list[weakref.ref]:
        self._waiting = [ref for ref in self._waiting if (s := ref()) is not None and s.expression is not None]
        return self._waiting

    def compute_waiting(self, source: Any = None) -> None:
        """Compute what was put off, or of that only what reads the storage `source`."""
        with self.lock:
            # the newest first: what is only part of it is gone then
            for ref in reversed(self._prune()):
                storage = ref()
                waits = storage is not None and storage.expression is not None
                if waits and (source is None or storage.expression.reads(source)):
                    storage.compute()

    def empty_cache(self) -> None:
        """Give the pool's waiting buffers, and the pipelines bound to them, back to the driver."""
        self.check_open()
        with self.lock:
            self.stream.flush()
            gone = self.pool.drain()
            for key in [key for key, (_, used) in self._algorithms.items() if used & gone]:
                del self._algorithms[key]

    def synchronize(self) -> None:
        """Compute all that was put off, run all that was recorded, and wait for it."""
        self.check_open()
        with self.lock:
            self.compute_waiting()
            self.stream.flush()
            self.pool.end_step()

    def close(self) -> None:
        """Give everything back to the driver. Tensors on this device raise `DeviceClosedError` from now on."""
        global _current
        if self.closed:
            return
        self.closed = True
        if _current is self:
            _current = None
        self._algorithms.clear()
        self.stream = None  # type: ignore[assignment]
        self.pool = None  # type: ignore[assignment]
        self.manager.destroy()


def current_device() -> Device:
    """Return the device in use; the first call opens it, as ``GRILLYX_DEVICE`` says or by preference.

    Raises:
        NoDeviceError: there is no device, or none that fits ``GRILLYX_DEVICE``.
    """
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = Device(choose(os.environ.get("GRILLYX_DEVICE")))
    return _current


def use_device(wanted: str | int | None = None) -> Device:
    """Close the device in use and open another, by index or part of its name."""
    global _current
    info = choose(wanted)
    with _lock:
        if _current is not None:
            _current.close()
        _current = Device(info)
    return _current


def synchronize() -> None:
    """Run all that was recorded on the device in use, and wait for it."""
    current_device().synchronize()


def empty_cache() -> None:
    """Give the memory that waits for reuse back to the driver."""
    current_device().empty_cache()


@atexit.register
def _close_at_exit() -> None:
    if _current is not None:
        _current.close()


def _forget_after_fork() -> None:
    # a child process has no threads of the driver: it must open a device of its own
    global _current
    if _current is not None:
        _current.closed = True
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
