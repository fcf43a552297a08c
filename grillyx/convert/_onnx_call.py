"""One node of an ONNX graph: its inputs, attributes, and how messages name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from grillyx import nn


@dataclass(frozen=True)
class Dims:
    """Lengths of axes that are known only when the model runs, as `Shape` computes them.

    Attributes:
        of: the tensor in the graph.
        axes: for each entry a number, or ``"k"``: the length of axis k of that tensor.
        single: one number, not a list.
    """

    of: str
    axes: tuple[int | str, ...]
    single: bool = False


class Call:
    """A node, for the functions that translate it.

    Args:
        reader: of the whole model.
        node: ``onnx.NodeProto``.
        name: that of the node.
        at: its place among the nodes.
    """

    def __init__(self, reader: Any, node: Any, name: str, at: int) -> None:
        import onnx

        self.reader, self.node, self.name, self.at = reader, node, name, at
        self.graph = reader.graph
        self._attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def refuse(self, why: str) -> NoReturn:
        """Raise an error that names the node."""
        raise ValueError(f"from_onnx: {self.reader.where}: node {self.name!r} ({self.node.op_type}): {why}")

    def attribute(self, key: str, default: Any = None) -> Any:
        """Return an attribute."""
        value = self._attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else value

    def only(self, **expected: Any) -> None:
        """Refuse attributes that have another value."""
        for key, value in expected.items():
            got = self.attribute(key, value)
            if got != value and not (isinstance(got, list) and set(got) <= {value}):
                self.refuse(f"{key}={got!r} is not supported; expected {value!r}.")

    def has(self, k: int) -> bool:
        """Tell whether there is an input k."""
        return k < len(self.node.input) and bool(self.node.input[k])

    def value(self, k: int) -> Any:
        """Return an input: the name of a tensor in the graph, an array, or `Dims`."""
        if not self.has(k):
            self.refuse(f"its input {k} is missing.")
        return self.reader.value(self.node.input[k], self)

    def tensor(self, k: int = 0) -> str:
        """Return the name in the graph of an input that is computed from the model's."""
        value = self.value(k)
        if not isinstance(value, str):
            self.refuse(
                f"its input {self.node.input[k]!r} is constant; expected one that is computed from the model's inputs."
            )
        return value

    def constant(self, k: int, default: Any = None) -> Any:
        """Return the values of an input that is constant, or a default if there is none."""
        if not self.has(k):
            return default
        value = self.value(k)
        if not isinstance(value, np.ndarray):
            self.refuse(f"its input {self.node.input[k]!r} is computed; expected a constant.")
        return value

    def either(self, key: str, k: int, default: Any = None) -> Any:
        """Return what was an attribute in old opsets and is an input in later ones, as Python numbers."""
        if key in self._attributes:
            return self.attribute(key)
        value = self.constant(k)
        return default if value is None else value.tolist()

    def shape(self, k: int = 0) -> tuple[int | None, ...] | None:
        """Return the shape of an input as far as it is known."""
        return self.reader.shapes.get(self.node.input[k])

    def rank(self, k: int = 0) -> int:
        """Return how many axes an input has."""
        shape = self.shape(k)
        if shape is None:
            self.refuse("the number of axes of its input is not known; let onnx.shape_inference.infer_shapes find it.")
        return len(shape)

    def layer(self, layer: nn.Module, weight: int | None = None) -> str:
        """Add a layer on the first input that is not constant, and return its name in the graph."""
        named = self.node.input[weight] if weight is not None else ""
        source = next(k for k in range(len(self.node.input)) if isinstance(self.value(k), str))
        return self.graph.add_layer(self.reader.path(self, named), layer, self.tensor(source), name=self.label)

    def function(self, function: str, *inputs: Any, **options: Any) -> str:
        """Add a function, and return its name in the graph."""
        return self.graph.add_function(function, *inputs, name=self.label, **options)

    @property
    def label(self) -> str:
        """The name of the result in the graph."""
        return self.reader.path(self)

    def parameter(
        self, k: int, change: str = "", compute: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> nn.Parameter:
        """Return a constant as a parameter; who reads it with the same change gets the same one."""
        value, key = self.constant(k), (self.node.input[k], change)
        if value.dtype.kind != "f":
            self.refuse(f"its input {self.node.input[k]!r} holds {value.dtype}; expected floats.")
        if key not in self.reader.shared:
            self.reader.shared[key] = nn.Parameter(compute(value) if compute else value)
        return self.reader.shared[key]


def values(tensor: Any, call: Call) -> np.ndarray:
    """Return the values of an ``onnx.TensorProto``, floats as float32."""
    import onnx

    try:
        host = onnx.numpy_helper.to_array(tensor)
    except (OSError, TypeError, ValueError, onnx.checker.ValidationError) as error:
        call.refuse(f"its weights {tensor.name!r} cannot be read ({error}).")
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
    if tensor.data_type in floats:
        return host.astype(np.float32)
    if host.dtype.kind not in "iub":
        call.refuse(f"its weights {tensor.name!r} hold {host.dtype}; expected floats or integers.")
    return host
