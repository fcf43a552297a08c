"""Saving and loading, as safetensors: arrays only, no code; other programs can read the files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from grillyx.autograd import Tensor

_SKELETON = "grillyx"  # the metadata key of what is not an array


def save(state: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a state dict to a file; the file appears only when it is complete.

    Args:
        state: what ``state_dict()`` of a module, an optimizer or a scheduler returns; or a dict of several, such as
            ``{"model": model.state_dict(), "optimizer": optimizer.state_dict()}``. Arrays may stand at any depth in
            dicts and lists; the rest must be what JSON holds.
        path: the file; its folder must exist.

    Raises:
        TypeError: something that is neither an array nor JSON, named by its place.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"save: expected a dict such as model.state_dict(), got {type(state).__name__}.")
    arrays: dict[str, np.ndarray] = {}
    flat = all(isinstance(k, str) and isinstance(v, (np.ndarray, Tensor)) for k, v in state.items())
    skeleton = _strip(dict(state), "", arrays)
    metadata = None if flat else {_SKELETON: json.dumps(skeleton)}
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: no folder {str(target.parent)!r}; make it first.")
    if target.is_dir():
        raise IsADirectoryError(f"save: {str(target)!r} is a folder; expected the name of a file.")
    handle, scratch = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(to_bytes(arrays, metadata=metadata))
        os.chmod(scratch, 0o666 & ~_umask())
        os.replace(scratch, target)
    finally:
        if os.path.exists(scratch):
            os.unlink(scratch)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save` wrote, or any other safetensors file.

    Returns:
        The dict that was saved, with NumPy arrays.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, or no safetensors file.
    """
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(f"load: no file {str(target)!r}.")
    try:
        with safe_open(str(target), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        return _fill(json.loads(metadata[_SKELETON]), arrays) if _SKELETON in metadata else arrays
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"load: {str(target)!r} is truncated, or no safetensors file ({error}).") from error


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _strip(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Move the arrays out of nested dicts and lists, and leave their names."""
    if isinstance(value, (np.ndarray, Tensor)):
        host = np.asarray(value)
        if host.dtype.kind not in "biuf" or host.dtype.itemsize > 8:
            return _refuse(f"an array of {host.dtype}", place)
        name = place
        while name in arrays:  # "a.b" may also be the b of a dict a
            name += "'"
        arrays[name] = np.asarray(host, host.dtype.newbyteorder("="), order="C")
        return {"array": name}
    if isinstance(value, Mapping):
        pairs = []
        for key, part in value.items():
            if not isinstance(key, (str, int)):
                return _refuse(f"a key of {type(key).__name__}", place)
            pairs.append([key, _strip(part, f"{place}.{key}" if place else str(key), arrays)])
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        parts = [_strip(part, f"{place}.{k}", arrays) for k, part in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": parts}
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return {"value": plain}
    return _refuse(type(value).__name__, place)


def _refuse(what: str, place: str) -> Any:
    raise TypeError(f"save: cannot write {what} at {place!r}; expected arrays, numbers, strings, dicts, lists.")


def _fill(skeleton: Any, arrays: dict[str, np.ndarray]) -> Any:
    ((kind, content),) = skeleton.items()
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {key: _fill(part, arrays) for key, part in content}
    if kind in ("list", "tuple"):
        parts = [_fill(part, arrays) for part in content]
        return tuple(parts) if kind == "tuple" else parts
    if kind == "value":
        return content
    raise ValueError(f"unknown kind {kind!r}")
