"""`Array`: a contiguous block of device memory with a shape and a dtype. No gradients here.

Words are 4 bytes wide. Booleans are kept as float32 0 and 1, so that every kernel can use them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.engine import fusion
from grillyx.engine.counters import COUNTERS
from grillyx.engine.device import Device, current_device
from grillyx.engine.fusion import Expression, Job
from grillyx.engine.kernel import grid, kernel
from grillyx.engine.pool import Buffer

FLOAT, INT, UINT, BOOL = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.uint32), np.dtype(np.bool_)
_CHUNK = 1 << 24  # words that one staging copy carries


class Storage:
    """Owns one buffer, or the expression that it will be computed from when somebody reads it.

    Attributes:
        version: counts the changes in place.
        awaited: whether an expression that is put off may read this.
    """

    __slots__ = ("__weakref__", "_buffer", "awaited", "device", "expression", "version")

    def __init__(self, device: Device, buffer: Buffer | None, expression: Expression | Job | None = None) -> None:
        self.device, self._buffer, self.expression = device, buffer, expression
        self.version, self.awaited = 0, False

    @property
    def buffer(self) -> Buffer:
        """The memory; computed now if it was put off."""
        if self._buffer is None:
            self.compute()
        return self._buffer  # type: ignore[return-value]

    @buffer.setter
    def buffer(self, buffer: Buffer | None) -> None:
        self._buffer = buffer

    def compute(self) -> None:
        """Compute what was put off."""
        self.device.check_open()
        with self.device.lock:
            if self.expression is not None:
                fusion.compute(self, lambda words: _acquire(self.device, words))

    def settle(self) -> None:
        """Compute every expression that reads this, before its values change."""
        self.awaited = False
        self.device.compute_waiting(self)

    def __del__(self) -> None:
        buffer = getattr(self, "_buffer", None)  # None too where an interrupt came into the constructor
        if buffer is not None and not self.device.closed:
            self.device.pool.release(buffer)


class Array:
    """A device array. Several may share a `Storage` under other shapes."""

    __slots__ = ("dtype", "shape", "size", "storage")

    def __init__(self, storage: Storage, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.storage, self.shape, self.dtype = storage, shape, dtype
        self.size = math.prod(shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return 4 * self.size

    def __repr__(self) -> str:
        return f"<Array {self.shape} {self.dtype}>"

    def reshape(self, shape: tuple[int, ...]) -> Array:
        """Return the same memory under another shape of the same size."""
        return Array(self.storage, shape, self.dtype)

    def view(self, dtype: np.dtype) -> Array:
        """Return the same words read as another dtype."""
        return Array(self.storage, self.shape, dtype)

    def numpy(self) -> np.ndarray:
        """Run what is recorded, and copy the values to a NumPy array."""
        words = download(self.storage, self.size)
        COUNTERS.downloads += 1
        COUNTERS.bytes_downloaded += self.nbytes
        if self.dtype == BOOL:
            return (words.view(FLOAT) != 0).reshape(self.shape)
        return words.view(self.dtype).reshape(self.shape)


def empty(shape: tuple[int, ...], dtype: np.dtype = FLOAT) -> Array:
    """Reserve an array on the device in use; its contents are whatever was there.

    Raises:
        ValueError: the array is larger than a buffer of this device may be.
    """
    device = _fitting(shape)
    return Array(Storage(device, _acquire(device, math.prod(shape))), shape, dtype)


def _fitting(shape: tuple[int, ...]) -> Device:
    device = current_device()
    size = 4 * math.prod(shape)
    if size > device.max_bytes:
        raise ValueError(
            f"Tensor: too large for {device.info.name}, got {size:,} bytes for shape {shape}; expected at most "
            f"{device.max_bytes:,} bytes in one tensor (maxStorageBufferRange). Split it, or use smaller batches."
        )
    return device


def _acquire(device: Device, words: int) -> Buffer:
    with device.lock:
        try:
            return device.pool.acquire(words, device.mapped)
        except MemoryError:
            device.empty_cache()  # what waits for reuse in other sizes may be what is missing
            return device.pool.acquire(words, device.mapped)


def put_off(function: str, args: tuple[Any, ...], shape: tuple[int, ...], dtype: np.dtype = FLOAT) -> Array:
    """Return an array that is computed when it is read: see `Expression`; `shape` has at least one element.

    Raises:
        ValueError: the array is larger than a buffer of this device may be.
    """
    device = _fitting(shape)
    for arg in args:
        if type(arg) is tuple and arg[0].device is not device:
            arg[0].device.check_open()
    return _waiting(device, fusion.Expression(function, args, math.prod(shape)), shape, dtype)


def put_off_job(run: fusion.Run, inputs: list[Array], shape: tuple[int, ...]) -> Array:
    """Return an array that `run` computes when it is read, with what is applied to it as an epilogue: see `fusion.Job`."""
    job = fusion.Job(run, [x.storage for x in inputs], math.prod(shape))
    return _waiting(_fitting(shape), job, shape, FLOAT)


def _waiting(device: Device, expression: Expression | Job, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    storage = Storage(device, None, expression)
    device.wait_for(storage)
    return Array(storage, shape, dtype)


def check_integers(data: np.ndarray, low: int, high: int) -> None:
    """Raise `OverflowError` if a value is out of range."""
    if data.size and (data.min() < low or data.max() > high):
        raise OverflowError(
            f"Tensor: integers do not fit in 32 bits, got values from {data.min()} to {data.max()}; expected "
            f"{low} to {high}."
        )


def words_of(data: np.ndarray) -> tuple[np.ndarray, np.dtype]:
    """Convert a NumPy array to 4-byte words and the dtype it has on the device.

    Raises:
        TypeError: complex numbers, strings, objects.
        OverflowError: integers that do not fit in 32 bits.
    """
    kind = data.dtype.kind
    if kind == "f":
        return np.ascontiguousarray(data, FLOAT).view(UINT), FLOAT
    if kind == "b":
        return np.ascontiguousarray(data, FLOAT).view(UINT), BOOL
    if kind == "u" and data.dtype.itemsize >= 4:
        check_integers(data, 0, 2**32 - 1)
        return np.ascontiguousarray(data, UINT), UINT
    if kind in "iu":
        check_integers(data, -(2**31), 2**31 - 1)
        return np.ascontiguousarray(data, INT).view(UINT), INT
    raise TypeError(
        f"Tensor: cannot hold this dtype, got {data.dtype}; expected real numbers, integers or booleans."
        + (" Give the real and the imaginary part as two tensors." if kind == "c" else "")
    )


def from_numpy(data: Any) -> Array:
    """Copy a NumPy array to the device: floats become float32, integers int32 (uint32 stays), booleans 0 and 1."""
    words, dtype = words_of(data)
    out = empty(data.shape, dtype)
    upload(out.storage, words.reshape(-1))
    return out


def duplicate(source: Array) -> Array:
    """Return a copy in memory of its own."""
    source.storage.device.check_open()
    out = empty(source.shape, source.dtype)
    if source.size:
        _copy_words(source.storage, out.storage, source.size, 0, 0)
    return out


def overwrite(target: Array, source: Array) -> None:
    """Replace the values of an array in place by those of another of the same size."""
    target.storage.device.check_open()
    if target.size:
        _copy_words(source.storage, target.storage, target.size, 0, 0)
    target.storage.version += 1


def write(target: Array, data: np.ndarray) -> None:
    """Replace the values of an array in place."""
    target.storage.device.check_open()
    words, _ = words_of(data)
    target.storage.settle()
    upload(target.storage, words.reshape(-1), fresh=False)
    target.storage.version += 1


def upload(storage: Storage, words: np.ndarray, fresh: bool = True) -> None:
    """Copy words from the host into a storage, right now; the array may be changed afterwards."""
    if words.size:
        with storage.device.lock:
            _upload(storage, words, fresh)


def _upload(storage: Storage, words: np.ndarray, fresh: bool) -> None:
    device, buffer = storage.device, storage.buffer
    device.stream.note_upload(words.nbytes)
    if device.mapped:
        if buffer.id in device.stream.pending:
            if fresh:  # recorded kernels still use this buffer: take one that is idle
                other = device.pool.acquire(words.size, True, idle=True)
                device.pool.release(buffer)
                storage.buffer = buffer = other
            else:
                device.stream.flush()
        assert buffer.host is not None
        buffer.host[: words.size] = words
        return
    for start in range(0, words.size, _CHUNK):
        part = words[start : start + _CHUNK]
        stage = Storage(device, device.pool.acquire(part.size, True, idle=True))
        assert stage.buffer.host is not None
        stage.buffer.host[: part.size] = part
        _copy_words(stage, storage, part.size, 0, start)


def download(storage: Storage, words: int) -> np.ndarray:
    """Run what is recorded and return a copy of the first words of a storage, as uint32."""
    storage.device.check_open()
    with storage.device.lock:
        storage.device.pool.end_step()
        return _download(storage, words) if words else np.empty(0, UINT)


def _download(storage: Storage, words: int) -> np.ndarray:
    device, out, buffer = storage.device, np.empty(words, UINT), storage.buffer
    if device.mapped:
        device.stream.flush()
        assert buffer.host is not None
        out[:] = buffer.host[:words]
        return out
    for start in range(0, words, _CHUNK):
        size = min(_CHUNK, words - start)
        stage = Storage(device, device.pool.acquire(size, True))
        _copy_words(storage, stage, size, start, 0)
        device.stream.flush()
        assert stage.buffer.host is not None
        out[start : start + size] = stage.buffer.host[:size]
    return out


def _copy_words(source: Storage, target: Storage, words: int, source_start: int, target_start: int) -> None:
    """Copy words between two storages on the device."""
    kernel("copy")(
        grid(-(-words // 4)),
        8 * words,
        x=source,
        y=target,
        n=words,
        x_start=source_start,
        y_start=target_start,
        WIDE=int(source_start % 4 == target_start % 4 == 0),
    )
