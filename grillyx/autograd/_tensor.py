"""`Tensor`, the tape, and `differentiable`, which lifts an op on arrays to tensors.

The tape is a graph of `Node`: the tensors that went into an op, and its pullback. `_backward` walks over it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from grillyx.autograd._numpy_face import NumPyFace
from grillyx.autograd._tape import Link, Node
from grillyx.engine import array as device_array
from grillyx.engine.array import FLOAT, Array
from grillyx.ops import shape as shape_ops


class _Mode(threading.local):
    recording = True
    watchers: tuple[Callable[..., None], ...] = ()


_mode = _Mode()


class Tensor(NumPyFace):
    """An array on the device that remembers how it was made.

    Args:
        data: anything that NumPy can read (``ndarray``, list, number, ``__array__``, DLPack, a torch CPU tensor).
            float64 becomes float32, integers become int32 (uint32 stays), booleans stay booleans.
        requires_grad: whether `backward` shall fill `grad`.

    Attributes:
        grad: the gradient collected so far, a `Tensor` of the same shape, or None.
        requires_grad: whether a gradient flows to this tensor.

    Raises:
        TypeError: complex numbers, strings, objects.
        OverflowError: integers that do not fit in 32 bits.
        ValueError: larger than one buffer of the device may be.
    """

    __slots__ = ("__weakref__", "_array", "_bounds", "_index", "_node", "_tracked", "grad", "requires_grad")

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            self._array: Array | Callable[[], Array] = device_array.duplicate(data.array)
            self._bounds = None
        elif isinstance(data, Array):
            self._array, self._bounds = data, None
        else:
            host = to_numpy(data)
            self._array = device_array.from_numpy(host)
            whole = host.dtype.kind in "iu" and host.size > 0
            self._bounds = (0, int(host.min()), int(host.max())) if whole else None
        if requires_grad and self.array.dtype != FLOAT:
            raise TypeError(f"Tensor: only float32 can require a gradient, got {self.array.dtype}.")
        self.requires_grad = requires_grad
        self.grad: Tensor | None = None
        self._node: Node | None = None
        self._index, self._tracked = 0, False

    @property
    def array(self) -> Array:
        """The device array; computed now if it was put off."""
        a = self._array
        if type(a) is not Array:
            a = self._array = a()  # type: ignore[operator]
        return a

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by the user and not by an op."""
        return self._node is None

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``grad`` of every leaf that requires one.

        Args:
            gradient: of this tensor's shape; needed unless it has one element.
            retain_graph: keep the graph for another backward.

        Raises:
            RuntimeError: no gradient is recorded, or the graph was used up by an earlier backward.
            ValueError: the gradient has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward: nothing to differentiate; this tensor depends on none that requires a gradient, or it was "
                "computed under no_grad()."
            )
        _walk.run_backward([(self, _walk.seed_gradient(self, gradient))], retain_graph=retain_graph)

    def detach(self) -> Tensor:
        """Return the same memory without its history: what `copy_` changes in one shows in the other."""
        return Tensor(self.array)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """Copy the values on the device; the copy has no history and no gradient."""
        leaf = self._node is None
        out = memo[id(self)] = _rebuild(type(self), device_array.duplicate(self.array), self.requires_grad and leaf)
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the values, by way of the host."""
        return _rebuild, (type(self), self.numpy(), self.requires_grad and self._node is None)

    def _in_place(self, result: Tensor, sign: str) -> Tensor:
        """Give a parameter the values of `result`, for ``p -= ...`` under `no_grad`; other tensors become the result."""
        if not (self.requires_grad and self._node is None):
            return result
        if _mode.recording:
            raise RuntimeError(
                f"Tensor: a tensor that requires a gradient cannot be changed by {sign} while history is recorded. Do it "
                "inside `with grillyx.no_grad():`, or write p = p ... for a new tensor."
            )
        if result.shape != self.shape:
            raise ValueError(f"Tensor: {sign} would change the shape from {self.shape} to {result.shape}.")
        _walk.settle()
        device_array.overwrite(self.array, result.array)
        return self

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(self + other, "+=")

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(self - other, "-=")

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(self * other, "*=")

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(self / other, "/=")

    def copy_(self, data: Any) -> Tensor:
        """Replace the values in place; the shape stays.

        Raises:
            ValueError: `data` has another shape.
        """
        host = to_numpy(data)
        if host.shape != self.shape:
            raise ValueError(f"Tensor.copy_: wrong shape, got {host.shape}; expected {self.shape}.")
        if host.dtype.kind not in ("fiub" if self.dtype.kind in "fb" else "iub"):
            raise TypeError(f"Tensor.copy_: wrong dtype, got {host.dtype}; expected values that {self.dtype} can hold.")
        if self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype)
            device_array.check_integers(host, limits.min, limits.max)
        _walk.settle()
        self._bounds = None
        device_array.write(self.array, host.astype(self.dtype))
        return self


def _rebuild(kind: type[Tensor], data: Any, requires_grad: bool) -> Tensor:
    out = Tensor.__new__(Tensor if issubclass(kind, Later) else kind)
    Tensor.__init__(out, data, requires_grad)
    return out


def to_numpy(data: Any) -> np.ndarray:
    """Read anything that NumPy can read, and torch CPU tensors that require gradients."""
    if isinstance(data, Tensor):
        return data.numpy()
    if hasattr(data, "detach") and hasattr(data, "cpu"):  # a torch tensor, known by its methods
        data = data.detach().cpu().numpy()
    if isinstance(data, np.ndarray):
        return data
    if not hasattr(data, "__array__") and hasattr(data, "__dlpack__"):
        return np.from_dlpack(data)
    if isinstance(data, (list, tuple)) and any(isinstance(x, Tensor) for x in data):
        data = [to_numpy(x) for x in data]
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(f"Tensor: the rows have different lengths ({error}).") from error


def as_tensor(data: Any) -> Tensor:
    """Return `data` if it is a tensor, else a new one."""
    return data if isinstance(data, Tensor) else Tensor(data)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record no history inside the block. It also decorates functions.

    Examples:
        >>> import grillyx
        >>> with grillyx.no_grad():
        ...     y = grillyx.Tensor([1.0], requires_grad=True) * 2
        >>> y.requires_grad
        False
    """
    before, _mode.recording = _mode.recording, False
    try:
        yield
    finally:
        _mode.recording = before


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record history inside the block, also inside `no_grad`."""
    before, _mode.recording = _mode.recording, True
    try:
        yield
    finally:
        _mode.recording = before


def is_grad_enabled() -> bool:
    """Return whether history is recorded."""
    return _mode.recording


def is_recorded(*tensors: Tensor | None) -> bool:
    """Return whether an op on these would be recorded."""
    return _mode.recording and any(t is not None and (t.requires_grad or t._tracked) for t in tensors)


def wrap(value: Any, pullback: Callable | None, parents: Sequence[Tensor | None], name: str) -> Any:
    """Make tensors of an op's value and record it, if any parent wants a gradient."""
    values = value if isinstance(value, tuple) else (value,)
    out = [None if v is None else Tensor(v) for v in values]
    if _mode.recording and pullback is not None:
        needed = any(t.requires_grad for t in parents if t is not None)
        tracked = any(t._tracked for t in parents if t is not None)
        if needed or tracked:
            known = tuple(NOTHING if t is None else t if t._node is None else Link(t) for t in parents)
            node = Node(name, known, pullback, len(values))
            for k, t in enumerate(out):
                if t is not None:
                    t._node, t._index, t.requires_grad, t._tracked = node, k, needed, tracked
    return tuple(out) if isinstance(value, tuple) else out[0]


def differentiable(op: Callable[..., Any]) -> Callable[..., Any]:
    """Lift ``op(*arrays, **options) -> (value, pullback)`` to tensors (anything else is made one; None stays None)."""

    @functools.wraps(op)
    def lifted(*inputs: Any, **options: Any) -> Any:
        tensors = [x if x is None or isinstance(x, Tensor) else Tensor(x) for x in inputs]
        value, pullback = op(*[None if t is None else t.array for t in tensors], **options)
        # unary and binary ops are many functions in one; the tape keeps which
        out = wrap(value, pullback, tensors, options.get("name", op.__name__))
        for watcher in _mode.watchers:
            watcher(op, tensors, out, options)
        return out

    return lifted


@contextmanager
def watched(watcher: Callable[..., None]) -> Iterator[None]:
    """Call ``watcher(op, inputs, output, options)`` after each op on tensors inside the block; gradients are not seen."""
    _mode.watchers += (watcher,)
    try:
        yield
    finally:
        _mode.watchers = tuple(w for w in _mode.watchers if w != watcher)


def is_watched() -> bool:
    """Tell whether anything watches the ops."""
    return bool(_mode.watchers)


@contextmanager
def unwatched() -> Iterator[None]:
    """Hide the ops inside the block from all watchers. It also decorates functions."""
    before, _mode.watchers = _mode.watchers, ()
    try:
        yield
    finally:
        _mode.watchers = before


class Later(Tensor):
    """A tensor whose values are computed when they are read."""

    def __init__(self, compute: Callable[[], Array]) -> None:
        self.requires_grad, self._tracked, self._node, self.grad = False, False, None, None
        self._array, self._bounds, self._index = compute, None, 0


NOTHING = Later(lambda: shape_ops.fill((), 0.0))  # stands for an input that an op was not given

from grillyx.autograd import _backward as _walk  # noqa: E402  # it needs the names above
