"""Where a network to convert comes from: a module, torch's, or an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grillyx.nn import Module


def is_network(thing: Any) -> bool:
    """Tell a network, or a file with one, from data."""
    return isinstance(thing, (Module, str, Path, bytes)) or is_torch(thing) or type(thing).__name__ == "ModelProto"


def is_torch(thing: Any) -> bool:
    """Tell whether it is a torch module, by the names of its classes."""
    return any(c.__module__.startswith("torch.nn.") and c.__name__ == "Module" for c in type(thing).__mro__)


def as_module(thing: Any, name: str) -> Module:
    """Return a grillyx module for whatever holds a network.

    Raises:
        TypeError: it holds none.
    """
    if isinstance(thing, Module):
        return thing
    if is_torch(thing):
        from grillyx.convert._torch import from_torch

        return from_torch(thing)
    if is_network(thing):
        from grillyx.convert._onnx import from_onnx

        return from_onnx(thing)
    raise TypeError(
        f"{name}: expected a network (grillyx.nn.Module, torch.nn.Module, or an ONNX file), got {type(thing).__name__}."
    )
