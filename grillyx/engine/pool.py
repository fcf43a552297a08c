"""Buffers by size class, handed out so that a repeated step gets the same ones again."""

from __future__ import annotations

import bisect
import heapq
from collections import defaultdict
from collections.abc import Container
from typing import Any

import numpy as np

from grillyx.engine import kompute
from grillyx.engine.counters import COUNTERS

_MAX_PLACES, _CHOICES = 4096, 4  # places of a step that are remembered, and buffers for each
_MAX_KNOWN = 1 << 16  # with every size that ever stood there
_FIRST_ARENA, _LARGEST_ARENA = 1 << 20, 1 << 24  # words
SMALLEST = 64  # words; all sizes are multiples of it, so that no two buffers share a line of a cache


def size_class(words: int) -> int:
    """Round a number of words up to one of four steps per power of two: at most a quarter is wasted."""
    if words <= SMALLEST:
        return SMALLEST
    step = max(1 << (words - 1).bit_length() - 3, SMALLEST)
    return -(-words // step) * step


class Arena:
    """A large piece of device memory, a Kompute tensor, from which buffers are cut; and what of it is free."""

    __slots__ = ("free", "host", "id", "mapped", "tensor", "words")

    def __init__(self, number: int, words: int, mapped: bool, tensor: Any) -> None:
        self.id, self.words, self.mapped, self.tensor = number, words, mapped, tensor
        self.host: np.ndarray | None = tensor.data() if mapped else None
        self.free = [(0, words)]  # ranges by their beginning: (first word, words)

    def cut(self, words: int) -> int | None:
        """Take the first free range that is large enough, and return where it begins."""
        for k, (first, size) in enumerate(self.free):
            if size >= words:
                self.free[k : k + 1] = [(first + words, size - words)] if size > words else []
                return first
        return None

    def give_back(self, first: int, words: int) -> None:
        """Make a range free again, one with its neighbours."""
        bisect.insort(self.free, (first, words))
        joined: list[tuple[int, int]] = []
        for start, size in self.free:
            if joined and sum(joined[-1]) == start:
                joined[-1] = joined[-1][0], joined[-1][1] + size
            else:
                joined.append((start, size))
        self.free = joined

    @property
    def empty(self) -> bool:
        """Whether all of it is free."""
        return self.free == [(0, self.words)]


class Buffer:
    """A part of an arena: it has a number, and a NumPy view where the memory is mapped."""

    __slots__ = ("arena", "first", "host", "id", "mapped", "quad", "words")

    def __init__(self, number: int, arena: Arena, first: int, words: int) -> None:
        self.id, self.arena, self.first, self.words, self.mapped = number, arena, first, words, arena.mapped
        self.quad = first // 4  # where it begins, as shaders count
        self.host = None if arena.host is None else arena.host[first : first + words]


class Pool:
    """Keeps released buffers for reuse, so that a loop soon runs on the same buffers again and again.

    A pipeline is bound to its buffers, so every new combination of them costs one. The pool therefore hands out what it
    handed out at the same place of the step before (a step ends where the host reads). A variable of the user's still
    holds the last step's result when the new one is made; such a place gets a second buffer and alternates.
    """

    def __init__(self, manager: Any, max_bytes: int, pending: set[int]) -> None:
        self.manager, self.max_bytes, self.pending = manager, max_bytes, pending
        self._free: dict[tuple[bool, int], dict[int, Buffer]] = defaultdict(dict)
        self._order: dict[tuple[bool, int], list[int]] = defaultdict(list)  # a heap of the numbers, some gone or twice
        self._places: dict[tuple[int, bool, int], list[int]] = {}
        self._place = 0
        self._next = 0
        self._arenas: list[Arena] = []
        self._arena_number = 0
        self.bytes = 0  # in use and waiting, together

    def end_step(self) -> None:
        """Count the places of a step from here."""
        self._place = 0

    def acquire(self, words: int, mapped: bool, idle: bool = False) -> Buffer:
        """Take a buffer of at least `words`; `idle` asks for one that no recorded kernel touches."""
        size = min(size_class(words), max(self.max_bytes // 4, words))
        free = self._free[mapped, size]
        busy = self.pending if idle else ()
        COUNTERS.live_buffers += 1
        self._place += 1
        if self._place > _MAX_PLACES:  # a long loop that reads nothing: no places to remember
            return self._lowest(mapped, size, busy) or self._create(mapped, size)
        if len(self._places) > _MAX_KNOWN:
            self._places.clear()
        known = self._places.setdefault((self._place, mapped, size), [])
        for number in known:
            if number not in busy and (buffer := free.pop(number, None)):
                return buffer
        taken = self._lowest(mapped, size, busy) if len(known) != 1 else None
        buffer = taken or self._create(mapped, size)
        known.append(buffer.id)
        del known[:-_CHOICES]
        return buffer

    def _lowest(self, mapped: bool, size: int, busy: Container[int]) -> Buffer | None:
        free, order = self._free[mapped, size], self._order[mapped, size]
        if busy:
            # a copy: memory that is collected meanwhile gives its buffers back
            number = min((n for n in list(free) if n not in busy), default=None)
            return None if number is None else free.pop(number, None)
        while order:
            if (buffer := free.pop(heapq.heappop(order), None)) is not None:
                return buffer
        return None

    def _create(self, mapped: bool, size: int) -> Buffer:
        arena, first = self._cut(mapped, size)
        self._next += 1
        self.bytes += 4 * size
        COUNTERS.created += 1
        return Buffer(self._next, arena, first, size)

    def _cut(self, mapped: bool, size: int) -> tuple[Arena, int]:
        for arena in self._arenas:
            if arena.mapped == mapped and (first := arena.cut(size)) is not None:
                return arena, first
        # as much again as there is, so that a few arenas do; and just what is needed where there is no room for that
        held = sum(a.words for a in self._arenas if a.mapped == mapped)
        wish = min(max(held, _FIRST_ARENA), _LARGEST_ARENA, self.max_bytes // 4)
        for words in sorted({max(wish, size), size}, reverse=True):
            try:
                tensor = kompute.make_tensor(self.manager, words, mapped)
            except RuntimeError as error:
                reason = error
                continue
            self._arena_number += 1
            self._arenas.append(Arena(self._arena_number, words, mapped, tensor))
            return self._arenas[-1], self._arenas[-1].cut(size) or 0
        COUNTERS.live_buffers -= 1
        raise MemoryError(
            f"grillyx: the device has no room for {size * 4:,} more bytes ({self.bytes:,} are taken): {reason}. "
            "Use a smaller batch, or free tensors and call grillyx.empty_cache()."
        ) from reason

    def release(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        COUNTERS.live_buffers -= 1
        key = buffer.mapped, buffer.words
        free, order = self._free[key], self._order[key]
        free[buffer.id] = buffer
        heapq.heappush(order, buffer.id)
        if len(order) > 2 * len(free) + 64:
            self._order[key] = sorted(free)

    def drain(self) -> set[int]:
        """Free all waiting buffers, give arenas that nobody uses back to the driver, and return the arenas' numbers."""
        for free in self._free.values():
            while free:
                _, buffer = free.popitem()  # first: an interrupt may lose a buffer, but never hands it out twice
                self.bytes -= 4 * buffer.words
                buffer.arena.give_back(buffer.first, buffer.words)
        self._free.clear()
        self._order.clear()
        self._places.clear()
        gone = [arena for arena in self._arenas if arena.empty]
        self._arenas = [arena for arena in self._arenas if not arena.empty]
        for arena in gone:
            arena.host = None
            arena.tensor.destroy()
        return {arena.id for arena in gone}
