"""Models from ONNX files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grillyx.convert._graph import GraphModule
from grillyx.convert._onnx_call import Call, values
from grillyx.convert._onnx_layers import LAYERS
from grillyx.convert._onnx_shapes import SHAPES

_OLDEST = 7  # before, Add and Mul had an attribute that says how to broadcast
_HANDLERS = {**LAYERS, **SHAPES}


def from_onnx(source: Any) -> GraphModule:
    """Return the model of an ONNX file as a module of this library.

    It is in evaluation mode, and computes what the file says; to train it, call its ``train()`` first.

    Floating-point weights of any width become float32. A layer has the path of its weights in the file where that ends with
    ``.weight``, as in files that torch wrote, and else the name of its node, with ``_`` in place of what no attribute can
    contain. Constants beside `Add` and `Mul` do not learn. Needs the package ``onnx``: ``pip install 'grillyx[onnx]'``.

    Args:
        source: the path of a file (with weights inside, or in files beside it), its content as ``bytes``, or an
            ``onnx.ModelProto``.

    Raises:
        ImportError: there is no package ``onnx``.
        FileNotFoundError: there is no such file.
        ValueError: no ONNX file, or a truncated one; or a node that is not possible here, which the message names.
    """
    model, where = _load(source)
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset < _OLDEST:
        raise ValueError(f"from_onnx: {where}: opset {opset} is too old; expected at least {_OLDEST}. Export it again.")
    graph = _Reader(model, opset, where).graph
    graph.eval()
    return graph


def _load(source: Any) -> tuple[Any, str]:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ImportError("from_onnx needs the package onnx: pip install 'grillyx[onnx]'.") from error
    if isinstance(source, onnx.ModelProto):
        return _checked(source, "the model"), "the model"
    if isinstance(source, (bytes, bytearray, memoryview)):
        where, content = "the bytes", bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        where = repr(os.fspath(source))
        if not Path(source).is_file():
            raise FileNotFoundError(f"from_onnx: no file {where}.")
        content = Path(source).read_bytes()
    else:
        raise TypeError(f"from_onnx: expected a path, bytes or an onnx.ModelProto, got {type(source).__name__}.")
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise ValueError(f"from_onnx: {where} is truncated, or no ONNX file ({error}).") from error
    model = _checked(model, where)
    if isinstance(source, (str, os.PathLike)):
        try:
            onnx.external_data_helper.load_external_data_for_model(model, str(Path(source).parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise ValueError(f"from_onnx: the weights beside {where} cannot be read ({error}).") from error
    return model, where


def _checked(model: Any, where: str) -> Any:
    if not model.ir_version or not model.graph.node or not model.graph.output:
        raise ValueError(f"from_onnx: {where} is truncated, or no ONNX file (there is no graph in it).")
    return model


class _Reader:
    """Translates one model."""

    def __init__(self, model: Any, opset: int, where: str) -> None:
        graph = model.graph
        self.opset, self.where = opset, where
        self.weights = {t.name: t for t in graph.initializer}
        self.shapes = _shapes(model)
        self.shared: dict[Any, Any] = {}  # parameters of weights that several nodes read
        given = [i.name for i in graph.input if i.name not in self.weights]
        self.graph = GraphModule(*(_attribute(name) for name in given))
        self.values: dict[str, Any] = {name: _attribute(name) for name in given}
        self.readers: dict[str, int] = {o.name: 1 for o in graph.output}
        nodes = self._wanted(graph)
        for node in nodes:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1
        self.nodes, self.done = nodes, set[int]()
        for k, node in enumerate(nodes):
            if k not in self.done:
                self._read(k, node)
        outputs = [self._output(o.name) for o in graph.output]
        self.graph.set_outputs(*outputs, alone=len(outputs) == 1)

    def _wanted(self, graph: Any) -> list[Any]:
        """Return the nodes that the outputs depend on."""
        wanted, out = {o.name for o in graph.output}, []
        for node in reversed(graph.node):
            if wanted & set(node.output):
                wanted.update(node.input)
                out.append(node)
        return out[::-1]

    def _output(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise ValueError(f"from_onnx: {self.where}: the output {name!r} is computed from no input.")
        return value

    def _read(self, k: int, node: Any) -> None:
        call = Call(self, node, node.name or f"{node.op_type}_{k}", k)
        handler = _HANDLERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if handler is None:
            domain = f" of the domain {node.domain!r}" if node.domain else ""
            call.refuse(f"this operation{domain} is not supported; expected one of {', '.join(sorted(_HANDLERS))}.")
        out = handler(call)
        for name in list(node.output)[1:]:
            if self.readers.get(name):
                call.refuse(f"its second output, {name!r}, is read, and not supported.")
        self.values[node.output[0]] = out

    def value(self, name: str, call: Call) -> Any:
        """Return the name of a tensor in the graph, an array of the host, or sizes."""
        if name not in self.values:
            if name not in self.weights:
                call.refuse(f"it reads {name!r}, which no earlier node computes.")
            self.values[name] = values(self.weights[name], call)
        return self.values[name]

    def path(self, call: Call, weight: str = "") -> str:
        """Return the path for a layer."""
        found = re.fullmatch(r"(\w+(?:\.\w+)*)\.weight", weight)
        return found[1] if found else _attribute(call.name)


def _attribute(name: str) -> str:
    """Make a name one that an attribute can have."""
    out = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return out if out and not out[0].isdigit() else f"_{out}"


def _shapes(model: Any) -> Mapping[str, tuple[int | None, ...]]:
    """Return the shapes that are known, with None for lengths that are not."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError):
        graph = model.graph  # what the file says by itself
    out: dict[str, tuple[int | None, ...]] = {t.name: tuple(t.dims) for t in graph.initializer}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if info.type.tensor_type.HasField("shape"):
            dims = info.type.tensor_type.shape.dim
            out[info.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
    return out
