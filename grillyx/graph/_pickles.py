"""Reading pickles of arrays, sparse matrices and dictionaries, and of nothing else, so that no file can run code."""

from __future__ import annotations

import pickle
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np


def _names() -> dict[tuple[str, str], Any]:
    """Return what these files may name. It is made for each file, so that none can change it for the next.

    Nothing of NumPy or SciPy is among it: their own ways of filling an array from a pickle trust the file.
    """

    class Kind:
        def __init__(self, code: str, *flags: Any) -> None:
            self.code, self.order = code, "|"

        def __setstate__(self, state: tuple) -> None:
            self.order = state[1]

        def dtype(self) -> np.dtype:
            if not re.fullmatch(r"[fiub][1248]", self.code) or self.order not in ("<", ">", "|", "="):
                raise pickle.UnpicklingError(f"it holds an array of {self.code!r}, which are no numbers")
            return np.dtype(self.order.replace("|", "=") + self.code)

    class Block:
        def __setstate__(self, state: tuple) -> None:
            _, shape, kind, fortran, raw = state
            raw = raw.encode("latin1") if isinstance(raw, str) else raw
            self.array = np.frombuffer(raw, kind.dtype()).reshape(shape, order="F" if fortran else "C")

    class Matrix:
        pass

    def made(kind: Any, base: Any, state: Any) -> Any:
        if kind is not Matrix:
            raise pickle.UnpicklingError("it makes an object that is no sparse matrix")
        return Matrix()

    def block(kind: Any, shape: Any, code: Any) -> Block:
        return Block()  # of no size yet; its state follows

    def encoded(text: str, code: str) -> bytes:
        return text.encode("latin1")

    out: dict[tuple[str, str], Any] = {
        ("collections", "defaultdict"): defaultdict, ("_codecs", "encode"): encoded, ("numpy", "ndarray"): Block,
        ("numpy", "dtype"): Kind,
    }  # fmt: skip
    for module in ("copy_reg", "copyreg"):
        out[module, "_reconstructor"] = made
    for module in ("__builtin__", "builtins"):
        out |= {(module, "object"): object, (module, "list"): list}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        out[module, "_reconstruct"] = block
    for module in ("scipy.sparse.csr", "scipy.sparse._csr"):
        out[module, "csr_matrix"] = Matrix
    return out


class _Plain(pickle.Unpickler):
    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")  # they were written by Python 2
        self.names = _names()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which is neither an array nor a sparse matrix nor a dictionary"
            ) from None


def _dense(parts: dict[str, Any]) -> np.ndarray:
    from scipy import sparse  # takes a while to import

    shape = parts["_shape"] if "_shape" in parts else parts["shape"]
    matrix = sparse.csr_matrix(tuple(parts[k].array.copy() for k in ("data", "indices", "indptr")), shape)
    matrix.check_format(full_check=True)  # indices of a damaged file must not reach the C code
    return matrix.toarray()


def read_plain(path: Path) -> Any:
    """Return the array or dictionary of a file; a sparse matrix comes as a dense array.

    Raises:
        ValueError: the file is cut short, no pickle, or holds anything else.
    """
    try:
        with open(path, "rb") as file:
            reader = _Plain(file)
            found = reader.load()
        if isinstance(found, reader.names["numpy", "ndarray"]):
            return found.array
        if isinstance(found, reader.names["scipy.sparse.csr", "csr_matrix"]):
            return _dense(found.__dict__)
        return found
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"{path}: not the pickle of an array, or cut short ({error!r}).") from None
