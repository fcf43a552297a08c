"""Functions between the layers of a `GraphModule`: none mixes samples, and each is linear in each of its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.functional import _check


def _inner(axis: Any, ndim: int) -> tuple[int, ...]:
    axes = _check.axes_of(axis, ndim, "axis")
    if 0 in axes:
        raise ValueError(f"axis 0 holds the samples and must stay apart, got axis={axis!r} for {ndim} axes")
    return axes


def _one(axis: Any, ndim: int) -> int:
    return _inner((axis,), ndim)[0]


def _reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Reshape all but the first axis; 0 keeps an axis, and one -1 stands for what is left."""
    size = math.prod(x.shape[1:])
    if any(n == 0 and k + 1 >= x.ndim for k, n in enumerate(shape)):
        raise ValueError(f"there is no axis to keep for each 0 of {shape}, got an input of shape {x.shape}")
    kept = [x.shape[k + 1] if n == 0 else n for k, n in enumerate(shape)]
    if -1 in kept:
        known = math.prod(n for n in kept if n != -1)
        kept[kept.index(-1)] = size // known if known else 0
    if math.prod(kept) != size:
        raise ValueError(f"a sample of shape {x.shape[1:]} does not fill {shape}; samples must stay apart")
    return F.reshape(x, (x.shape[0], *kept))


def _flatten(x: Tensor, start: int, end: int) -> Tensor:
    return F.flatten(x, _one(start, x.ndim), end)


def _permute(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    if len(axes) != x.ndim or axes[0] % x.ndim:
        raise ValueError(f"axis 0 holds the samples and must stay first, got axes={axes} for shape {x.shape}")
    return F.transpose(x, axes)


def _cat(*parts: Tensor, axis: int) -> Tensor:
    return F.cat(parts, _one(axis, parts[0].ndim))


def _swap(x: Tensor, a: int, b: int) -> Tensor:
    return F.swapaxes(x, _one(a, x.ndim), _one(b, x.ndim))


# without parameters, linear in each input, and every sample by itself. What is nonlinear is a layer.
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": F.add,
    "sub": F.subtract,
    "mul": F.multiply,
    "div": F.divide,
    "cat": _cat,
    "flatten": _flatten,
    "reshape": _reshape,
    "permute": _permute,
    "swapaxes": _swap,
    "squeeze": lambda x, axis: F.squeeze(x, _inner(axis, x.ndim)),
    "unsqueeze": lambda x, axis: F.expand_dims(x, _one(axis, x.ndim + 1)),
    "mean": lambda x, axis, keepdims: F.mean(x, _inner(axis, x.ndim), keepdims),
    "sum": lambda x, axis, keepdims: F.sum(x, _inner(axis, x.ndim), keepdims),
}
ARITHMETIC = ("add", "sub", "mul", "div")


def aligned(operands: list[Tensor], constant: list[bool]) -> None:
    """Refuse operands whose samples would meet those of another axis, and constants that have an axis of samples."""
    ndim = max(x.ndim for x in operands)
    for x, fixed in zip(operands, constant, strict=True):
        if (x.ndim == ndim and x.shape[0] != 1) if fixed else (x.ndim != ndim):
            shapes = " and ".join(str(y.shape) for y in operands)
            raise ValueError(f"axis 0 holds the samples and must be the same in all operands, got shapes {shapes}")
