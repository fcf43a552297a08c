"""Buffers by size class, handed back in a fixed order so that a repeated step gets the same ones again."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import Any

import numpy as np

from grillyx.engine import kompute
from grillyx.engine.counters import COUNTERS

SMALLEST = 64  # words; also keeps vec4 accesses at the tail inside the buffer


def size_class(words: int) -> int:
    """Round a number of words up to one of four steps per power of two: at most a quarter is wasted."""
    if words <= SMALLEST:
        return SMALLEST
    step = 1 << max((words - 1).bit_length() - 3, 4)
    return -(-words // step) * step


class Buffer:
    """A piece of device memory: a Kompute tensor with a number, and a NumPy view of it where it is mapped."""

    __slots__ = ("host", "id", "mapped", "tensor", "words")

    def __init__(self, number: int, words: int, mapped: bool, tensor: Any) -> None:
        self.id, self.words, self.mapped, self.tensor = number, words, mapped, tensor
        self.host: np.ndarray | None = tensor.data() if mapped else None


class Pool:
    """Keeps released buffers for reuse: the lowest number first, which makes a loop's allocations periodic."""

    def __init__(self, manager: Any, max_bytes: int, pending: set[int]) -> None:
        self.manager, self.max_bytes, self.pending = manager, max_bytes, pending
        self._free: dict[tuple[bool, int], list[tuple[int, Buffer]]] = defaultdict(list)
        self._next = 0
        self.bytes = 0  # in use and waiting, together

    def acquire(self, words: int, mapped: bool, idle: bool = False) -> Buffer:
        """Take a buffer of at least `words`; `idle` asks for one that no recorded kernel touches."""
        size = min(size_class(words), max(self.max_bytes // 4, words))
        heap = self._free[mapped, size]
        COUNTERS.live_buffers += 1
        if idle and self.pending:
            busy = []
            found = None
            while heap and found is None:
                entry = heapq.heappop(heap)
                if entry[0] in self.pending:
                    busy.append(entry)
                else:
                    found = entry[1]
            for entry in busy:
                heapq.heappush(heap, entry)
            if found is not None:
                return found
        elif heap:
            return heapq.heappop(heap)[1]
        try:
            return self._create(size, mapped)
        except RuntimeError as error:
            COUNTERS.live_buffers -= 1
            raise MemoryError(
                f"grillyx: the device has no room for {size * 4:,} more bytes ({self.bytes:,} are taken): {error}. "
                "Use a smaller batch, or free tensors and call grillyx.empty_cache()."
            ) from error

    def _create(self, size: int, mapped: bool) -> Buffer:
        tensor = kompute.make_tensor(self.manager, size, mapped)
        self._next += 1
        self.bytes += 4 * size
        COUNTERS.created += 1
        return Buffer(self._next, size, mapped, tensor)

    def release(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        COUNTERS.live_buffers -= 1
        heapq.heappush(self._free[buffer.mapped, buffer.words], (buffer.id, buffer))

    def drain(self) -> set[int]:
        """Free all waiting buffers and return their numbers."""
        gone = {number for heap in self._free.values() for number, _ in heap}
        for heap in self._free.values():
            self.bytes -= sum(4 * buffer.words for _, buffer in heap)
            for _, buffer in heap:
                buffer.host = None
                buffer.tensor.destroy()
        self._free.clear()
        return gone
