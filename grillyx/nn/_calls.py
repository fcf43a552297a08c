"""What `Module` needs to remember a call: which modules are running, its inputs on the tape, and weak references."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from grillyx import autograd
from grillyx.autograd import Tensor


class _Calls(threading.local):
    def __init__(self) -> None:
        self.stack: list[Any] = []  # the modules that are being called, one inside the other


CALLS = _Calls()


def enter(x: Any) -> Any:
    """Make a tensor of an array, and let the tape follow it, so that `backward` can return its gradient."""
    if isinstance(x, Tensor):
        if x.requires_grad or x._tracked or not autograd.is_grad_enabled():
            return x
        fresh = Tensor(x.array)
        fresh._bounds = x._bounds
    elif isinstance(x, np.ndarray) or hasattr(x, "__dlpack__") or (hasattr(x, "__array__") and not np.isscalar(x)):
        fresh = Tensor(x)
    else:
        return x
    fresh._tracked = autograd.is_grad_enabled() and fresh.dtype.kind == "f"
    return fresh


def weakly(x: Any) -> Any:
    """Return weak references to the tensors in x."""
    if isinstance(x, Tensor):
        return weakref.ref(x)
    return tuple(map(weakly, x)) if isinstance(x, tuple) else x if isinstance(x, (list, dict)) else None


def strongly(x: Any) -> Any:
    """Return the tensors that `weakly` made references to; None where they are gone."""
    if isinstance(x, weakref.ref):
        return x()
    return tuple(map(strongly, x)) if isinstance(x, tuple) else x
