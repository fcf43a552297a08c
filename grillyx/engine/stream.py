"""The stream: kernels are recorded, and run when somebody reads or enough has gathered.

kp records no barrier between two dispatches of a command buffer, so on a GPU a dispatch that depends on an earlier one
must not share a submit with it. Three ways to deal with that (`GRILLYX_SYNC`):

``submit``  end the submit before a dependent dispatch; conformant, the default on GPUs;
``fence``   copy a small tensor in between: an execution dependency inside one submit, which the validation layer does
            not accept as a memory dependency; for experiments;
``none``    nothing; right only where dispatches run one after another, the default on CPU devices.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from grillyx.engine import kompute
from grillyx.engine.counters import COUNTERS
from grillyx.engine.errors import DeviceLostError

SYNC_MODES = ("submit", "fence", "none")
# a submit ends at the latest after this much: a GPU's watchdog gives a submit a few seconds at most
MAX_DISPATCHES = 1024
MAX_WORK = 1 << 33  # bytes touched, or their equal in arithmetic


class Stream:
    """Records dispatches for one device and submits them."""

    def __init__(self, manager: Any, sync: str, debug: int) -> None:
        self.manager, self.sync, self.debug = manager, sync, debug
        self._sequence: Any = None
        self._count = 0
        self._work = 0
        self._uploaded = False
        self._read: set[int] = set()  # buffers touched since the last barrier
        self._written: set[int] = set()
        self.pending: set[int] = set()  # buffers touched since the last submit
        self._fence = kompute.make_fence_tensor(manager) if sync == "fence" else None

    def record(
        self, algorithm: Any, push: np.ndarray, reads: Iterable[int], writes: Iterable[int], work: int, name: str
    ) -> None:
        """Add a dispatch that reads and writes the buffers of these ids."""
        if self.sync != "none" and self._count and self._depends(reads, writes):
            if self.sync == "submit":
                self.flush()
            else:
                self._sequence.record(kompute.fence(self._fence))
                self._read.clear()
                self._written.clear()
        if self._sequence is None:
            self._sequence = self.manager.sequence()
        self._sequence.record(kompute.dispatch(algorithm, push))
        self._read.update(reads)
        self._written.update(writes)
        self.pending.update(reads, writes)
        self._count += 1
        self._work += work
        COUNTERS.dispatches += 1
        if self.debug > 1:
            self.flush(name)  # each kernel by itself, so that its time and its failure have a name
        elif self._count >= MAX_DISPATCHES or self._work >= MAX_WORK:
            self.flush()

    def _depends(self, reads: Iterable[int], writes: Iterable[int]) -> bool:
        written, read = self._written, self._read
        return any(i in written for i in reads) or any(i in written or i in read for i in writes)

    def note_upload(self, size: int) -> None:
        """Count bytes that the host wrote; they travel with the next submit."""
        COUNTERS.bytes_uploaded += size
        if not self._uploaded:
            self._uploaded = True
            COUNTERS.uploads += 1

    def flush(self, name: str = "") -> None:
        """Run all that was recorded, and wait for it. `name` is for the debug print."""
        sequence, count = self._sequence, self._count
        if sequence is None:
            return
        start = time.perf_counter()
        try:
            # next to each other: an interrupt may come before both or after both, but nothing is lost or done twice
            self._sequence = None
            sequence.eval()
        except RuntimeError as error:
            raise DeviceLostError(
                f"grillyx: the device gave up during a submit of {count} kernels ({error}). Its results are lost; "
                "start the program again, and with GRILLYX_DEBUG=2 to see the last kernel."
            ) from error
        finally:
            self._count = self._work = 0
            self._uploaded = False
            self._read.clear()
            self._written.clear()
            self.pending.clear()
        COUNTERS.submits += 1
        if self.debug:
            print(
                f"grillyx: {name or f'{count} kernels'} in {(time.perf_counter() - start) * 1e3:.3f} ms",
                file=sys.stderr,
            )
