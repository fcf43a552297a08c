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

    def close(self, steps: int) -> np.ndarray:
        """Keep the first steps, and return them as (N, steps)."""


class Memory:
    """An array in memory; steps are next to each other for each time, so that chunks are copied as they come."""

    def __init__(self, neurons: int, steps: int, dtype: np.dtype) -> None:
        self.array = np.zeros((steps, neurons), dtype)

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        self.array[start : start + len(spikes)] = spikes

    def close(self, steps: int) -> np.ndarray:
        """Keep the first steps, and return them as (N, steps)."""
        return self.array[:steps].T


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

    def close(self, steps: int) -> np.ndarray:
        """Keep the first steps, and return them as (N, steps)."""
        self.file.truncate(self.room + steps * self.neurons * self.dtype.itemsize)
        self._header(steps)
        self.file.close()
        return np.load(self.path, mmap_mode="r" if steps and self.neurons else None)


class Rows:
    """A data set (steps, N) of HDF5 or zarr that is written in rows."""

    def __init__(self, array: Any, close: Any) -> None:
        self.array, self._close = array, close

    def put(self, start: int, spikes: np.ndarray) -> None:
        """Store the spikes (S, N) of the steps from `start`."""
        self.array[:, start : start + len(spikes)] = spikes.T

    def close(self, steps: int) -> np.ndarray:
        """Keep the first steps, and return them as (N, steps)."""
        self.array.resize((self.array.shape[0], steps))
        out = self.array[:]
        self._close()
        return out


def open_sink(path: str | os.PathLike[str] | None, neurons: int, steps: int, dtype: np.dtype, who: str) -> Sink:
    """Return where spikes go.

    Raises:
        ValueError: a file of a kind that is not written, or an array larger than the memory or the disk.
        FileExistsError: there is one already.
        FileNotFoundError: its folder does not exist.
        ImportError: the package for it is not installed.
    """
    size = neurons * steps * dtype.itemsize
    if path is None:
        return _in_memory(neurons, steps, dtype, size, who)
    target = Path(path)
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
    chunk = (neurons, max(1, min(steps, 256)))
    if target.suffix == ".zarr":
        zarr = _package("zarr", target, who)
        return Rows(zarr.create_array(str(target), shape=(neurons, steps), chunks=chunk, dtype=dtype), lambda: None)
    file = _package("h5py", target, who).File(target, "x")
    return Rows(
        file.create_dataset(
            "spikes", (neurons, steps), dtype, chunks=chunk, maxshape=(neurons, None), compression="gzip"
        ),
        file.close,
    )


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
            f"{who}: {target.suffix} files need the package {name}: pip install {name}. Or use .npy."
        ) from error
