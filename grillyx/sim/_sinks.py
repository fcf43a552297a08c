"""Where the spikes of a simulation go: memory, a .npy file, HDF5 or zarr."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy


class Sink(Protocol):
    """Takes the spikes chunk by chunk."""

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""

    def close(self, steps: int) -> Any:
        """Keep the first steps, and return them as (N, steps); None if all was discarded."""

    def discard(self) -> None:
        """Leave nothing behind, not even an empty file."""


class Memory:
    """An array in memory; steps are next to each other for each time, so that chunks are copied as they come."""

    def __init__(self, neurons: int, steps: int, dtype: np.dtype) -> None:
        self.array: np.ndarray | None = np.zeros((steps, neurons), dtype)

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        assert self.array is not None
        self.array[start : start + len(spikes)] = spikes

    def close(self, steps: int) -> np.ndarray | None:
        """Keep the first steps, and return them as (N, steps)."""
        return None if self.array is None else self.array[:steps].T

    def discard(self) -> None:
        """Leave nothing behind."""
        self.array = None


class Npy:
    """A .npy file in Fortran's order, to which steps are appended; its header says after every chunk how many there are."""

    def __init__(self, path: Path, neurons: int, steps: int, dtype: np.dtype) -> None:
        self.path, self.neurons, self.dtype, self.steps = path, neurons, dtype, steps
        self.file = open(path, "xb+")  # noqa: SIM115  # closed in close()
        self.room = 0
        self.room = self._header(steps)

    def _header(self, steps: int) -> int:
        """Write the header, filled up to the length of the first one, and return its length."""
        fields = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": True, "shape": (self.neurons, steps)}
        text = repr(fields).encode("latin1")
        length = self.room or -(-(10 + len(text) + 1) // 64) * 64
        self.file.seek(0)
        self.file.write(npy.magic(1, 0) + (length - 10).to_bytes(2, "little") + text.ljust(length - 11) + b"\n")
        self.file.seek(0, os.SEEK_END)
        return length

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        self.file.write(np.ascontiguousarray(spikes, self.dtype).tobytes())
        self._header(start + len(spikes))
        self.file.flush()

    def discard(self) -> None:
        """Leave nothing behind."""
        self.file.close()
        self.path.unlink()

    def close(self, steps: int) -> np.ndarray | None:
        """Keep the first steps, and return them as (N, steps)."""
        if self.file.closed:
            return None
        self.file.truncate(self.room + steps * self.neurons * self.dtype.itemsize)
        self._header(steps)
        self.file.close()
        return np.load(self.path, mmap_mode="r" if steps and self.neurons else None)


class Hdf5:
    """The data set ``spikes`` (N, steps) of an HDF5 file."""

    def __init__(self, h5py: Any, path: Path, neurons: int, steps: int, dtype: np.dtype) -> None:
        self.h5py, self.path, self.file = h5py, path, h5py.File(path, "x")
        self.array = self.file.create_dataset(
            "spikes", (neurons, steps), dtype, chunks=chunks(neurons, steps), maxshape=(neurons, None), compression="gzip",
            compression_opts=1,
        )  # fmt: skip

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        self.array[:, start : start + len(spikes)] = spikes.T
        self.file.flush()

    def discard(self) -> None:
        """Leave nothing behind."""
        self.file.close()
        self.path.unlink()

    def close(self, steps: int) -> Any:
        """Keep the first steps, and return them as a data set (N, steps) that is read as it is needed."""
        if not self.file:
            return None
        self.array.resize((self.array.shape[0], steps))
        self.file.close()
        return self.h5py.File(self.path, "r")["spikes"]


class Zarr:
    """A zarr array (N, steps)."""

    def __init__(self, zarr: Any, path: Path, neurons: int, steps: int, dtype: np.dtype) -> None:
        self.path = path
        self.array = zarr.create_array(str(path), shape=(neurons, steps), chunks=chunks(neurons, steps), dtype=dtype)

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        self.array[:, start : start + len(spikes)] = spikes.T

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.path)
        self.array = None

    def close(self, steps: int) -> Any:
        """Keep the first steps, and return them as an array (N, steps) that is read as it is needed."""
        if self.array is not None:
            self.array.resize((self.array.shape[0], steps))
        return self.array


def chunks(neurons: int, steps: int) -> tuple[int, int]:
    """Return the pieces in which files hold (N, steps): some 2**18 numbers, and not more steps than are written at once."""
    return max(1, min(neurons, 4096)), max(1, min(steps, 64))


def open_sink(path: str | os.PathLike[str] | None, neurons: int, steps: int, dtype: np.dtype, who: str) -> Sink:
    """Return where spikes go.

    Raises:
        ValueError: a file of a kind that is not written, or an array larger than the memory or the disk.
        FileExistsError: there is one already.
        FileNotFoundError: its folder does not exist.
        ImportError: the package for it is not installed.
        TypeError: it is no path.
    """
    size = neurons * steps * dtype.itemsize
    if path is None:
        return _in_memory(neurons, steps, dtype, size, who)
    try:
        target = Path(path)
    except TypeError:
        raise TypeError(
            f"{who}: out is no path, got {type(path).__name__}; expected a name such as 'spikes.npy'."
        ) from None
    if target.suffix not in (".npy", ".h5", ".hdf5", ".zarr"):
        raise ValueError(
            f"{who}: out is no file that is written, got {str(target)!r}; expected .npy, .h5, .hdf5 or .zarr."
        )
    if target.exists():
        raise FileExistsError(
            f"{who}: {str(target)!r} exists already, and is left as it is. Give another name, or delete it."
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{who}: no folder {str(target.parent)!r}; make it first.")
    free = shutil.disk_usage(target.parent).free
    if target.suffix == ".npy" and size > free:
        raise ValueError(
            f"{who}: the disk is too small for {neurons} neurons and {steps} steps of {dtype}, got {free:,} bytes free; expected "
            f"{size:,}. Use store_as_dtype=bool, or fewer steps."
        )
    if target.suffix == ".npy":
        return Npy(target, neurons, steps, dtype)
    if target.suffix == ".zarr":
        return Zarr(_package("zarr", target, who), target, neurons, steps, dtype)
    return Hdf5(_package("h5py", target, who), target, neurons, steps, dtype)


def _in_memory(neurons: int, steps: int, dtype: np.dtype, size: int, who: str) -> Memory:
    try:
        return Memory(neurons, steps, dtype)
    except (MemoryError, ValueError) as error:
        raise ValueError(
            f"{who}: the result does not fit in memory, got {neurons} neurons and {steps} steps of {dtype}, {size:,} bytes. Use "
            "store_as_dtype=bool, or out='spikes.npy'."
        ) from error


def _package(name: str, target: Path, who: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(
            f"{who}: {target.suffix} files need the package {name}, which is missing: pip install 'grillyx[storage]'. Or use .npy."
        ) from error
