"""Nodes of ONNX that move, join or sum elements, or compute shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import nn
from grillyx.convert._onnx_call import Call, Dims, values

_ARITHMETIC = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Sum": "add"}


def _same(call: Call) -> Any:
    return call.value(0)


def _cast(call: Call) -> Any:
    import onnx

    value, to = call.value(0), int(call.attribute("to", 0))
    if isinstance(value, str) and to not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE):
        call.refuse(f"a cast to {onnx.TensorProto.DataType.Name(to)} is not supported; expected a floating-point type.")
    if isinstance(value, np.ndarray):
        wanted = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(to))
        return value.astype(np.float32 if wanted.kind not in "iub" else wanted)
    return value


def _constant(call: Call) -> np.ndarray:
    for key, kind in {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": int,
        "value_ints": int,
    }.items():
        if call.attribute(key) is not None:
            return np.asarray(call.attribute(key), kind)
    if call.attribute("value") is None:
        call.refuse("its value is of a kind that is not supported; expected numbers.")
    return values(call.attribute("value"), call)


def _operand(call: Call, k: int) -> Any:
    value = call.value(k)
    if isinstance(value, str):
        return value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        call.refuse(f"its input {call.node.input[k]!r} is no tensor of numbers.")
    if value.size == 1 and value.ndim <= call_rank(call):
        return float(value.reshape(()))
    return call.graph.add_constant(f"{call.label}_constant", nn.Buffer(value.astype(np.float32)))


def call_rank(call: Call) -> int:
    """Return the most axes that an input from the graph is known to have."""
    return max(len(call.shape(k) or ()) for k in range(len(call.node.input)) if isinstance(call.value(k), str))


def _arithmetic(call: Call) -> Any:
    found = [call.value(k) for k in range(len(call.node.input))]
    function = _ARITHMETIC[call.node.op_type]
    if all(isinstance(v, np.ndarray) for v in found):
        numeric: dict[str, Callable] = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
        out = found[0]
        for value in found[1:]:
            exact = np.floor_divide if function == "div" and out.dtype.kind in "iu" else numeric[function]
            out = exact(out, value)
        return out
    if any(isinstance(v, Dims) for v in found):
        call.refuse("it computes with sizes of tensors; expected only those of the samples' axis, as they are.")
    if function == "div" and isinstance(found[1], str):
        call.refuse("a quotient of two tensors is nonlinear; expected a constant below.")
    out = _operand(call, 0)
    for k in range(1, len(found)):
        out = call.function(function, out, _operand(call, k))
    return out


def _axes(call: Call, given: Any) -> tuple[int, ...]:
    """Return axes counted from 0, none of them that of the samples."""
    rank = call.rank()
    axes = tuple(int(a) % rank for a in given or ())
    if not axes or 0 in axes:
        call.refuse(f"axes={given} are not supported; expected some other than 0, which holds the samples.")
    return axes


def _reduce(call: Call) -> Any:
    axes = call.either("axes", 1)
    if not axes and call.attribute("noop_with_empty_axes", 0):
        return call.tensor(0)
    function = "mean" if call.node.op_type == "ReduceMean" else "sum"
    return call.function(function, call.tensor(0), axis=_axes(call, axes), keepdims=bool(call.attribute("keepdims", 1)))


def _flatten(call: Call) -> str:
    axis = int(call.attribute("axis", 1))
    if axis != 1 and (axis >= 0 or axis % call.rank() != 1):
        call.refuse(f"axis={axis} is not supported; expected 1, behind the axis of the samples.")
    return call.function("flatten", call.tensor(0), start=1, end=-1)


def _reshape(call: Call) -> Any:
    if isinstance(call.value(0), np.ndarray):
        return call.value(0).reshape(call.constant(1))
    x, shape = call.tensor(0), call.value(1)
    entries = shape.axes if isinstance(shape, Dims) else tuple(int(n) for n in call.constant(1).reshape(-1))
    if call.attribute("allowzero", 0) and 0 in entries:
        call.refuse(f"a shape of {entries} with allowzero is not supported.")
    known = (call.shape() or (None,))[0]
    first, rest = (entries or (None,))[0], entries[1:]
    batch = first in ("0", 0) or (known is not None and first == known) or (first == -1 and -1 not in rest)
    kept = [0 if n == str(k + 1) and isinstance(shape, Dims) and shape.of == x else n for k, n in enumerate(rest)]
    if not batch or any(isinstance(n, str) for n in kept):
        call.refuse(f"a shape of {entries} is not supported; expected one whose first axis stays that of the samples.")
    return call.function("reshape", x, shape=tuple(kept))


def _transpose(call: Call) -> Any:
    value = call.value(0)
    axes = tuple(call.attribute("perm") or ())
    if isinstance(value, np.ndarray):
        return value.transpose(axes or None)
    if not axes or axes[0] != 0:
        call.refuse(f"perm={axes or None} is not supported; expected axis 0, which holds the samples, to stay first.")
    return call.function("permute", call.tensor(0), axes=axes)


def _unsqueeze(call: Call) -> Any:
    value, axes = call.value(0), call.either("axes", 1)
    axes = tuple(axes) if isinstance(axes, list) else (axes,)
    if isinstance(value, Dims):
        return Dims(value.of, value.axes)
    if isinstance(value, np.ndarray):
        return np.expand_dims(value, axes)
    rank = call.rank() + len(axes)
    if any(a % rank == 0 for a in axes):
        call.refuse(f"axes={axes} are not supported; expected some other than 0, which holds the samples.")
    for axis in sorted(a % rank for a in axes):
        value = call.function("unsqueeze", value, axis=axis)
    return value


def _squeeze(call: Call) -> Any:
    value = call.value(0)
    axes = call.either("axes", 1)
    if isinstance(value, Dims):
        return Dims(value.of, value.axes, single=True)
    if isinstance(value, np.ndarray):
        return np.squeeze(value, None if axes is None else tuple(np.atleast_1d(axes)))
    return call.function(
        "squeeze", call.tensor(0), axis=_axes(call, axes if axes is None else list(np.atleast_1d(axes)))
    )


def _concat(call: Call) -> Any:
    found = [call.value(k) for k in range(len(call.node.input))]
    axis = int(call.attribute("axis", 0))
    if all(isinstance(v, np.ndarray) for v in found):
        return np.concatenate(found, axis)
    if all(isinstance(v, str) for v in found):
        return call.function("cat", *found, axis=_axes(call, [axis])[0])
    if any(isinstance(v, str) for v in found) or len({v.of for v in found if isinstance(v, Dims)}) > 1:
        call.refuse("it joins constants, or sizes of several tensors, with a tensor; expected tensors.")
    source = next(v.of for v in found if isinstance(v, Dims))
    parts = [v.axes if isinstance(v, Dims) else tuple(int(n) for n in v.reshape(-1)) for v in found]
    return Dims(source, tuple(n for part in parts for n in part))


def _shape(call: Call) -> Any:
    value, rank = call.value(0), call.rank()
    axes = tuple(range(rank))[call.attribute("start", 0) : call.attribute("end", rank)]
    known = call.shape() or ()
    return Dims(value, tuple(n if k and (n := known[k]) is not None else str(k) for k in axes))


def _gather(call: Call) -> Any:
    value, index = call.value(0), call.constant(1)
    if isinstance(value, np.ndarray):
        return np.take(value, index, int(call.attribute("axis", 0)))
    if not isinstance(value, Dims):
        call.refuse("it picks elements of a tensor; only sizes can be picked.")
    return Dims(value.of, tuple(value.axes[int(k)] for k in index.reshape(-1)), single=index.ndim == 0)


def _slice(call: Call) -> Any:
    value = call.value(0)
    start, stop, step = (call.either(key, k, [1]) for key, k in (("starts", 1), ("ends", 2), ("steps", 4)))
    if not isinstance(value, (Dims, np.ndarray)) or len(start) != 1:
        call.refuse("it cuts a tensor; only sizes can be cut.")
    part = slice(start[0], stop[0], step[0])
    return Dims(value.of, value.axes[part]) if isinstance(value, Dims) else value[part]


SHAPES: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _same,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
