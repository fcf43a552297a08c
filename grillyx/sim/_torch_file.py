"""Reading a tensor that ``torch.save`` wrote, without torch, and without running what the file says."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

_KINDS = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


class _Reader(pickle.Unpickler):
    """Knows tensors, and their numbers in the same archive; no other name is looked up."""

    def __init__(self, archive: zipfile.ZipFile, home: str) -> None:
        super().__init__(archive.open(home + "data.pkl"))
        self.archive, self.home = archive, home
        # made for each file, so that none can change them for the next
        kinds = {("torch", kind): type(kind, (), {"code": code}) for kind, code in _KINDS.items()}

        class Found:
            def __init__(self, array: np.ndarray) -> None:
                self.array = array

        def tensor(numbers: Any, offset: int, shape: tuple, strides: tuple, *more: Any) -> Found:
            return Found(_placed(numbers, offset, shape, strides))

        def parameter(inside: Any, *more: Any) -> Any:
            return inside

        self.found, self.kinds = Found, tuple(kinds.values())
        self.names: dict[tuple[str, str], Any] = {
            **kinds, ("torch._utils", "_rebuild_tensor_v2"): tensor, ("torch._utils", "_rebuild_parameter"): parameter,
            ("collections", "OrderedDict"): OrderedDict,
        }  # fmt: skip

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no dense tensor of numbers") from None

    def persistent_load(self, pid: Any) -> np.ndarray:
        what, kind, key, _, count = pid
        if what != "storage" or kind not in self.kinds:
            raise pickle.UnpicklingError("it refers to something that is no numbers")
        out = np.frombuffer(self.archive.read(f"{self.home}data/{key}"), np.dtype(kind.code))
        if len(out) != count:
            raise pickle.UnpicklingError(f"it has {len(out)} of {count} numbers")
        return out


def _placed(numbers: Any, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    if not isinstance(numbers, np.ndarray) or len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise pickle.UnpicklingError("it has a tensor of an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and last >= len(numbers):  # a wrong number must not reach beyond the memory
        raise pickle.UnpicklingError("it has a tensor that is larger than its numbers")
    size = numbers.itemsize
    start = numbers[offset:] if 0 not in shape else numbers[:0]
    return np.lib.stride_tricks.as_strided(start, shape, [step * size for step in strides], writeable=False).copy()


def read_tensor(path: Path) -> np.ndarray:
    """Return the tensor of a file of ``torch.save``.

    Raises:
        ValueError: the file is cut short, of a torch before 1.6, or holds anything but one dense tensor.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")), None)
            if name is None:
                raise ValueError("it has no data.pkl")
            home = name.removesuffix("data.pkl")
            if home + "byteorder" in archive.namelist() and archive.read(home + "byteorder") != b"little":
                raise ValueError("its numbers are big-endian")
            reader = _Reader(archive, home)
            found = reader.load()
        if not isinstance(found, reader.found):
            raise ValueError(f"it holds a {type(found).__name__}")
        return found.array
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(
            f"{path}: not a file of one dense tensor, or cut short ({error}). Where there is torch, np.save('name.npy', "
            "tensor.numpy()) makes a file that can be read."
        ) from None
