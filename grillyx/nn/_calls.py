"""What `Module` needs to remember a call: how deep it is, its inputs on the tape, and weak references."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from grillyx import autograd
from grillyx.autograd import Tensor


class _Calls(threading.local):
    depth = 0  # how many modules are being called, one inside the other


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


def matched(name: str, out: Any, grad: Any) -> list[tuple[Tensor, Any]]:
    """Return the tensors of an output that have a gradient, each with its own.

    An output may be a tuple that holds tuples and None; `grad` is then like it, or the gradient of its first part.
    """
    if isinstance(out, tuple):
        grads = tuple(grad) if isinstance(grad, (tuple, list)) else (grad, *(None for _ in out[1:]))
        if len(grads) != len(out):
            raise ValueError(f"{name}: got {len(grads)} gradients; expected {len(out)}, one for each output.")
        return [pair for o, g in zip(out, grads, strict=True) if g is not None for pair in matched(name, o, g)]
    if out is None:
        raise RuntimeError(
            f"{name}: the output of the last call is gone; keep a reference to the model's output, and give None for one "
            "that is None."
        )
    if not isinstance(out, Tensor):
        raise TypeError(
            f"{name}: the last call returned {type(out).__name__}; expected a tensor or a tuple of tensors. Use "
            "loss.backward() for other outputs."
        )
    return [(out, grad)]
