"""What makes a `Tensor` behave in NumPy code: reading it, and NumPy's own functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import grillyx.functional as F  # used at call time; functional imports this module through autograd
from grillyx.autograd._methods import Methods, booleans

if TYPE_CHECKING:
    from grillyx.autograd._tensor import Tensor
    from grillyx.engine.array import Array


_ONE_DEVICE = "all tensors are on one device; leave it out, and read with numpy()"
# torch's names for what is called otherwise here
_INSTEAD = {
    **dict.fromkeys(("to", "cpu", "cuda", "device", "is_cuda"), _ONE_DEVICE),
    "clone": "no op changes t in place; grillyx.Tensor(t) is a copy without history",
    "contiguous": "every tensor is; leave it out",
    "data": "t.numpy() reads the values, t.copy_(array) replaces them",
    "repeat": "np.concatenate([t] * k) repeats, t.expand(k, *t.shape) adds an axis",
    **dict.fromkeys(("long", "int"), "t.astype(np.int32)"),
    **dict.fromkeys(("double", "half", "bfloat16"), "floats are float32"),
}


class NumPyFace(Methods):
    """Properties of `Tensor`, reading it, and NumPy's functions."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def array(self) -> Array: ...

        requires_grad: bool
        _bounds: tuple[int, int, int] | None

    # --- what it is
    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.array.size

    @property
    def dtype(self) -> np.dtype:
        """float32, int32, uint32 or bool."""
        return self.array.dtype

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return self.array.nbytes

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a Tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(len(self)))

    def numel(self) -> int:
        """Return the number of elements."""
        return self.size

    def dim(self) -> int:
        """Return the number of axes."""
        return self.ndim

    def __getattr__(self, name: str) -> Any:
        hint = f": {_INSTEAD[name]}." if name in _INSTEAD else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self)

    # --- reading it
    def numpy(self) -> np.ndarray:
        """Run what is recorded, and return a copy as a NumPy array."""
        return self.array.numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Tensor: the values are on the device and cannot be read without a copy.")
        a = self.array.numpy()
        return a if dtype is None else a.astype(dtype, copy=False)

    def item(self) -> float | int | bool:
        """Return the only element as a Python number."""
        if self.size != 1:
            raise ValueError(f"Tensor.item: only one element can become a number, got shape {self.shape}.")
        return self.numpy().reshape(-1)[0].item()

    def tolist(self) -> Any:
        """Return nested Python lists."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"Tensor: only integers can be an index, got {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"Tensor: the truth of more than one element is ambiguous, got shape {self.shape}. Use "
                "(t != 0).sum(), or np.asarray(t).any()."
            )
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", prefix="Tensor(")
        extra = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        return f"Tensor({text}{extra}{', requires_grad=True' if self.requires_grad else ''})"

    # --- NumPy's functions
    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        ours = _UFUNCS.get(ufunc.__name__) or _BITS.get(ufunc.__name__)
        if ours is None or method != "__call__" or options:
            raise TypeError(
                f"np.{ufunc.__name__}: not available for a Tensor on the device"
                f"{' with these options' if ours else ''}; use np.asarray(tensor) to compute on the host."
            )
        return getattr(F, ours)(*(map(booleans, inputs) if ufunc.__name__ in _BITS else inputs))

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        ours = _FUNCTIONS.get(function.__name__)
        if ours is not None:
            call = getattr(F, ours)
            args, kwargs = _renamed(function, args, kwargs)
            try:
                _signature(call).bind(*args, **kwargs)
            except TypeError:
                pass
            else:
                return call(*args, **kwargs)
        elif function.__name__ in _READERS and not (function is np.copyto and isinstance(args[0], NumPyFace)):
            return function(*_read(args), **{key: _read(value) for key, value in kwargs.items()})
        raise TypeError(
            f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}: not available for a Tensor on the device"
            f"{' with these options' if ours else ''}; use np.asarray(tensor) to compute on the host."
        )


_signature = functools.cache(inspect.signature)


def _renamed(function: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Give each argument its name, since NumPy's order is another, and the name that it has here."""
    try:
        given = _signature(function).bind(*args, **kwargs).arguments
    except ValueError:  # written in C, without a signature
        return args, kwargs
    first, *rest = given.items()
    named = {_OUR_NAMES.get(key, key): value for key, value in rest if value is not None}
    order = (named.pop("axes"),) if "axes" in named else ()
    return (first[1], *order), named


def _read(value: Any) -> Any:
    if isinstance(value, NumPyFace):
        return value.numpy()
    if isinstance(value, (list, tuple)):
        return type(value)(_read(v) for v in value)
    return value


_UFUNCS = {
    name: name
    for name in (
        "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "maximum", "minimum", "equal",
        "not_equal", "less", "less_equal", "greater", "greater_equal", "exp", "log", "sqrt", "square", "sin", "cos",
        "tanh", "sign", "floor", "ceil", "expm1", "log1p", "reciprocal", "matmul", "logical_not", "logical_and",
        "logical_or",
    )
} | {"true_divide": "divide", "negative": "neg", "absolute": "abs", "rint": "round"}  # fmt: skip
_BITS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "not_equal", "invert": "logical_not"}
_FUNCTIONS = {
    name: name
    for name in (
        "sum", "mean", "var", "std", "argmax", "argmin", "reshape", "transpose", "concatenate", "stack", "where", "clip",
        "ones_like", "zeros_like", "full_like", "squeeze", "expand_dims", "swapaxes", "broadcast_to", "take", "round",
    )
} | {"max": "amax", "amax": "amax", "min": "amin", "amin": "amin", "ravel": "flatten", "around": "round"}  # fmt: skip
_OUR_NAMES = {"ddof": "correction", "a_min": "min", "a_max": "max", "axis1": "a", "axis2": "b", "x": "a", "y": "b"}
# functions that only read: their result is for the host anyway
_READERS = frozenset((
    "allclose", "array_equal", "array_equiv", "isclose", "save", "savez", "savez_compressed", "savetxt", "array2string",
    "array_repr", "array_str", "unique", "histogram", "bincount", "nonzero", "count_nonzero", "shape", "ndim", "size",
    "percentile", "quantile", "median", "copyto", "all", "any", "may_share_memory", "shares_memory", "result_type",
))  # fmt: skip
