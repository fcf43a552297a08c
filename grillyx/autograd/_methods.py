"""The operators and methods of a `Tensor`: each calls the function of `grillyx.functional` with its name."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

import grillyx.functional as F  # used at call time; functional imports this module through autograd
from grillyx.autograd._names import torch_differs, torch_names

if TYPE_CHECKING:
    from grillyx.autograd._tensor import Tensor

Axis = int | tuple[int, ...] | None


class Methods:
    """Operators and methods of `Tensor`."""

    __slots__ = ()
    __hash__ = object.__hash__  # by identity, although == compares values

    # --- operators
    def __add__(self, other: Any) -> Tensor:
        return F.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return F.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return F.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return F.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return F.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return F.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return F.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return F.divide(other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return F.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return F.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return F.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return F.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return F.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return F.power(other, self)

    def __and__(self, other: Any) -> Tensor:
        return F.logical_and(booleans(self), booleans(other))

    def __rand__(self, other: Any) -> Tensor:
        return F.logical_and(booleans(other), booleans(self))

    def __or__(self, other: Any) -> Tensor:
        return F.logical_or(booleans(self), booleans(other))

    def __ror__(self, other: Any) -> Tensor:
        return F.logical_or(booleans(other), booleans(self))

    def __xor__(self, other: Any) -> Tensor:
        return F.not_equal(booleans(self), booleans(other))

    def __rxor__(self, other: Any) -> Tensor:
        return F.not_equal(booleans(other), booleans(self))

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None else F.equal(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None else F.not_equal(self, other)

    def __lt__(self, other: Any) -> Tensor:
        return F.less(self, other)

    def __le__(self, other: Any) -> Tensor:
        return F.less_equal(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return F.greater(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return F.greater_equal(self, other)

    def __neg__(self) -> Tensor:
        return F.neg(self)

    def __pos__(self) -> Tensor:
        return F.add(self, 0.0)

    def __abs__(self) -> Tensor:
        return F.abs(self)

    def __invert__(self) -> Tensor:
        return F.logical_not(booleans(self))

    def __matmul__(self, other: Any) -> Tensor:
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return F.matmul(other, self)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "Tensor: elements cannot be assigned; use grillyx.functional.where, or copy_ for a whole tensor."
        )

    def __getitem__(self, key: Any) -> Tensor:
        return F.getitem(self, key)

    # --- shapes
    def reshape(self, *shape: Any) -> Tensor:
        """Return the same values under another shape; -1 stands for what is left."""
        return F.reshape(self, shape[0] if len(shape) == 1 else shape)

    view = reshape

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Join the axes from `start_dim` to `end_dim`."""
        return F.flatten(self, start_dim, end_dim)

    def ravel(self) -> Tensor:
        """Join all axes."""
        return F.flatten(self)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the axes in another order; without arguments reversed."""
        return F.transpose(self, *axes)

    def permute(self, *axes: Any) -> Tensor:
        """Return the axes in this order."""
        return F.transpose(self, *axes)

    def swapaxes(self, a: int, b: int) -> Tensor:
        """Exchange two axes."""
        return F.swapaxes(self, a, b)

    @property
    def T(self) -> Tensor:
        """The axes reversed."""
        return F.transpose(self)

    @torch_names
    def squeeze(self, axis: Axis = None) -> Tensor:
        """Drop axes of length 1."""
        return F.squeeze(self, axis)

    @torch_names
    def unsqueeze(self, axis: int) -> Tensor:
        """Insert an axis of length 1."""
        return F.expand_dims(self, axis)

    def expand(self, *shape: Any) -> Tensor:
        """Repeat along axes of length 1."""
        return F.broadcast_to(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def astype(self, dtype: Any) -> Tensor:
        """Return float32, int32, uint32 or bool values."""
        return F.astype(self, dtype)

    def float(self) -> Tensor:
        """Return float32 values."""
        return F.astype(self, np.float32)

    # --- reductions
    @torch_names
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the sum over some axes, all by default."""
        return F.sum(self, axis, keepdims)

    @torch_names
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the mean over some axes, all by default."""
        return F.mean(self, axis, keepdims)

    @torch_differs("correction is 0 unless it is given, as in NumPy; torch's is 1.")
    def var(self, axis: Axis = None, correction: int = 0, keepdims: bool = False) -> Tensor:
        """Return the variance over some axes, all by default."""
        return F.var(self, axis, correction, keepdims)

    @torch_differs("correction is 0 unless it is given, as in NumPy; torch's is 1.")
    def std(self, axis: Axis = None, correction: int = 0, keepdims: bool = False) -> Tensor:
        """Return the standard deviation over some axes, all by default."""
        return F.std(self, axis, correction, keepdims)

    @torch_differs("it returns values only; the indices are those of argmax(axis=...).")
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the maximum over some axes, all by default."""
        return F.amax(self, axis, keepdims)

    @torch_differs("it returns values only; the indices are those of argmin(axis=...).")
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the minimum over some axes, all by default."""
        return F.amin(self, axis, keepdims)

    @torch_names
    def softmax(self, axis: int = -1) -> Tensor:
        """Return the softmax along an axis."""
        return F.softmax(self, axis)

    @torch_names
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the index of the first maximum."""
        return F.argmax(self, axis, keepdims)

    @torch_names
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the index of the first minimum."""
        return F.argmin(self, axis, keepdims)

    # --- element by element
    def exp(self) -> Tensor:
        """Return ``e**x``."""
        return F.exp(self)

    def log(self) -> Tensor:
        """Return the natural logarithm."""
        return F.log(self)

    def sqrt(self) -> Tensor:
        """Return the square root."""
        return F.sqrt(self)

    def abs(self) -> Tensor:
        """Return the absolute value."""
        return F.abs(self)

    def square(self) -> Tensor:
        """Return ``x * x``."""
        return F.square(self)

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""
        return F.tanh(self)

    def sigmoid(self) -> Tensor:
        """Return ``1 / (1 + e**-x)``."""
        return F.sigmoid(self)

    def relu(self) -> Tensor:
        """Return ``max(x, 0)``."""
        return F.relu(self)

    def pow(self, exponent: Any) -> Tensor:
        """Return ``x ** exponent``."""
        return F.power(self, exponent)

    def clip(self, min: builtins.float | None = None, max: builtins.float | None = None) -> Tensor:
        """Limit the values to [min, max]."""
        return F.clip(self, min, max)

    clamp = clip


def booleans(x: Any) -> Any:
    """Return x if it holds booleans: integers would be combined bit by bit, which the device's kernels do not do."""
    kind = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    if kind != np.bool_:
        raise TypeError(f"Tensor: & | ^ ~ combine booleans, got {kind}. Compare first, as in (a > 0) & (b > 0).")
    return x
