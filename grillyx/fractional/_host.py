"""Weights made on the host in float64 from a few parameters, as tensors on the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, differentiable
from grillyx.engine.array import Array
from grillyx.ops import Result

Parts = Sequence[np.ndarray]
TINY = 1e-30  # of a complex step: no difference is taken, so nothing cancels


def _attached(*parameters: Array, values: Parts, slopes: Callable[[int], Sequence[Parts]]) -> Result:
    """Arrays `values`; ``slopes(i)`` are their derivatives for each element of parameter i."""

    def pullback(*gradients: Array | None) -> Any:
        given = [None if g is None else g.numpy().astype(np.float64) for g in gradients]

        def one(i: int) -> Callable[[], Array]:
            def compute() -> Array:
                rows = [
                    sum(float(np.vdot(g, d)) for g, d in zip(given, parts, strict=True) if g is not None)
                    for parts in slopes(i)
                ]
                return Tensor(np.reshape(rows, parameters[i].shape).astype(np.float32)).array

            return compute

        return tuple(one(i) for i in range(len(parameters)))

    return tuple(Tensor(v.astype(np.float32)).array for v in values), pullback


attach = differentiable(_attached)


def by_complex_step(
    function: Callable[..., Parts], parameters: Sequence[np.ndarray]
) -> Callable[[int], Sequence[Parts]]:
    """Return the derivatives of a function that is analytic in its parameters."""

    def slopes(i: int) -> Sequence[Parts]:
        out: list[Parts] = []
        for at in np.ndindex(parameters[i].shape):
            moved = [p.astype(complex) if k == i else p for k, p in enumerate(parameters)]
            moved[i][at] += 1j * TINY
            out.append([np.imag(part) / TINY for part in function(*moved)])
        return out

    return slopes


def tensors(function: Callable[..., Parts], *parameters: Any) -> tuple[Tensor, ...]:
    """Return ``function(*parameters)`` in float64 as float32 tensors, with gradients for parameters that are tensors.

    Args:
        function: NumPy arrays, real or complex, to a sequence of arrays; analytic.
        *parameters: tensors or numbers. A tensor is read from the device.
    """
    wide = [read(p) for p in parameters]
    values = [np.real(v) for v in function(*wide)]
    if not any(isinstance(p, Tensor) for p in parameters):
        return tuple(Tensor(v.astype(np.float32)) for v in values)
    return attach(*parameters, values=values, slopes=by_complex_step(function, wide))


def read(parameter: Any) -> np.ndarray:
    """Return the values of a tensor or number as float64."""
    return np.asarray(parameter.numpy() if isinstance(parameter, Tensor) else parameter, np.float64)
