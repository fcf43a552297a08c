"""The only importer of ``kp``: opening a device, and making tensors, algorithms and sequences.

What ``kp`` 0.9.0 does not say of itself: a wrong device index or a missing driver ends the process (so the probe comes
first), importing it configures the root logger, and it switches the validation layer on wherever that is installed.
"""

from __future__ import annotations

import logging
import os
from types import ModuleType
from typing import Any

import numpy as np

_VALIDATION = "VK_LAYER_KHRONOS_validation"
_module: ModuleType | None = None


def load() -> ModuleType:
    """Import ``kp``, the one that grillyx carries or else an installed one, and leave logging as it was."""
    global _module
    if _module is None:
        handlers = logging.root.handlers[:]
        try:
            try:
                from grillyx._vendor import kp  # type: ignore[attr-defined]  # the build puts it there
            except ImportError:
                import kp
        except ImportError as error:
            raise ImportError(
                f"grillyx: Kompute's module `kp` is missing ({error}). Install grillyx with `./dev setup` or "
                "`pip install .`, which builds it, or install the package kp 0.9.0."
            ) from error
        finally:
            logging.root.handlers[:] = handlers
        _module = kp
    return _module


def open_manager(index: int) -> Any:
    """Open a device by its Vulkan index, without the validation layer unless ``VK_INSTANCE_LAYERS`` asks for it."""
    kp = load()
    variable = "VK_LOADER_LAYERS_DISABLE"
    before = os.environ.get(variable)
    if _VALIDATION not in os.environ.get("VK_INSTANCE_LAYERS", "") and before is None:
        os.environ[variable] = _VALIDATION
    try:
        return kp.Manager(index)
    finally:
        if before is None:
            os.environ.pop(variable, None)


def make_tensor(manager: Any, words: int, mapped: bool) -> Any:
    """Make a buffer of 4-byte words: mapped into host memory, or on the device alone."""
    kp = load()
    kind = kp.TensorTypes.host if mapped else kp.TensorTypes.storage
    return manager.tensor_t(np.zeros(words, np.uint32), kind)


def make_algorithm(manager: Any, tensors: list, code: bytes, groups: tuple, spec: np.ndarray, push: np.ndarray) -> Any:
    """Make a pipeline bound to tensors. ``spec`` and ``push`` hold raw bits as uint32: kp reads both by one type."""
    return manager.algorithm(tensors, code, groups, spec, push)


def dispatch(algorithm: Any, push: np.ndarray) -> Any:
    """Return the operation that runs an algorithm with these push constants."""
    return load().OpAlgoDispatch(algorithm, push)


def fence(tensor: Any) -> Any:
    """Return an operation that makes later dispatches wait for the earlier ones (``GRILLYX_SYNC=fence``)."""
    return load().OpTensorSyncLocal([tensor])


def make_fence_tensor(manager: Any) -> Any:
    """Make the small tensor that `fence` copies."""
    kp = load()
    return manager.tensor_t(np.zeros(4, np.uint32), kp.TensorTypes.device)
