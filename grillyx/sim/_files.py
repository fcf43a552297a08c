"""Arrays and sparse matrices from files, without running code that a file may hold."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.sim._torch_file import read_tensor

SUFFIXES = (".npy", ".npz", ".pt")
_SPARSE = ("csr", "csc", "coo")


def read_array(path: Path, owner: str) -> Any:
    """Return the array of a .npy, .npz or .pt file: a NumPy array (of .npy left on disk until it is used), or a sparse matrix.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut short, of another kind, or holds several arrays or none.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{owner}: {path} is of an unknown kind, got {path.suffix!r}; expected {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise FileNotFoundError(f"{owner}: no file {str(path)!r}.")
    if path.suffix == ".pt":
        try:
            out: Any = read_tensor(path)
        except ValueError as error:
            raise ValueError(f"{owner}: {error}") from None
    else:
        try:
            out = _inside(path) if path.suffix == ".npz" else np.lib.format.open_memmap(path, mode="r")
        except (
            ValueError,
            OSError,
            EOFError,
            KeyError,
            IndexError,
            TypeError,
            zipfile.BadZipFile,
            SyntaxError,
        ) as error:
            raise ValueError(f"{owner}: {path} holds no array, or is cut short ({error}).") from None
    if out.dtype.kind not in "fiub":
        raise ValueError(f"{owner}: {path} holds no real numbers, got {out.dtype}.")
    return out


def _inside(path: Path) -> Any:
    with open(path, "rb") as file:  # which np.load would leave open where the archive is damaged
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive")
        names = archive.files
        if "format" not in names:
            if len(names) != 1:
                raise ValueError(f"it has {len(names)} arrays, and must have one")
            return archive[names[0]]
        kind = archive["format"].item()
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind not in _SPARSE:
            raise ValueError(f"it is a sparse matrix of the kind {kind!r}; expected {', '.join(_SPARSE)}")
        from scipy import sparse  # takes a while to import

        shape, data = tuple(int(n) for n in archive["shape"]), archive["data"]
        if len(shape) != 2:
            raise ValueError(f"it has {len(shape)} axes")
        if kind == "coo":
            return sparse.coo_array((data, (archive["row"], archive["col"])), shape)
        made = {"csr": sparse.csr_array, "csc": sparse.csc_array}[kind]
        out = made((data, archive["indices"], archive["indptr"]), shape)
        out.check_format(full_check=True)  # indices of a damaged file must not reach the C code
        return out


def overflows(values: np.ndarray) -> bool:
    """Whether there are NaN, infinite numbers, or such as float32 cannot hold."""
    return bool(values.size) and not (np.abs(values.astype(np.float64)) <= float(np.finfo(np.float32).max)).all()
