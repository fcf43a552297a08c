"""`GraphModule`: layers and a few functions between them, as an imported model runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from grillyx import nn
from grillyx.autograd import Tensor, as_tensor
from grillyx.convert._functions import ARITHMETIC, FUNCTIONS, aligned

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Node:
    """A step of a `GraphModule`.

    Attributes:
        name: the name of the result.
        kind: ``"layer"``, ``"function"`` or ``"constant"``.
        what: the path of a layer or a constant in the module; or the name of a function.
        inputs: names of results or of inputs of the module; numbers stand for themselves.
        options: further arguments of a function.
    """

    name: str
    kind: str
    what: str
    inputs: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = [*map(str, self.inputs), *(f"{k}={v}" for k, v in self.options.items())]
        return f"{self.name} = {self.what}" + ("" if self.kind == "constant" else f"({', '.join(given)})")


class Scope(nn.Module):
    """Holds the layers whose paths begin alike.

    Args:
        title: what it was where it came from, for ``print``.
    """

    def __init__(self, title: str = "") -> None:
        self._title = title

    def extra_repr(self) -> str:
        return self._title


class GraphModule(nn.Module):
    """Layers and functions, in the order in which they run; made by `from_torch` and `from_onnx`.

    Axis 0 of every tensor holds the samples, of which there may be any number, and no function mixes them. All that is
    nonlinear is a layer, with a path in `named_modules`; a layer without weights stands at one place of the graph only.
    Tensors are let go after their last use.

    Args:
        *inputs: their names.
    """

    def __init__(self, *inputs: str) -> None:
        self._inputs = inputs
        self._nodes: list[Node] = []
        self._outputs: tuple[str, ...] = ()
        self._alone = True  # one output is returned as it is, not in a tuple
        self._gone: list[tuple[str, ...]] = []  # what no later node reads

    # --- making
    def add_layer(self, path: str, layer: nn.Module, *inputs: str, name: str = "") -> str:
        """Add a layer at a path that is like the one given and free, and a call of it; return the call's name."""
        return self.call_layer(self._place(path, layer), *inputs, name=name)

    def call_layer(self, path: str, *inputs: str, name: str = "") -> str:
        """Add a call of a layer that is there already, and return its name."""
        return self._append(name or path.replace(".", "_"), "layer", path, inputs, {})

    def add_function(self, function: str, *inputs: Any, name: str = "", **options: Any) -> str:
        """Add a call of one of the functions, and return its name."""
        if function not in FUNCTIONS:
            raise ValueError(f"GraphModule: no function {function!r}; expected one of {', '.join(FUNCTIONS)}.")
        return self._append(name or function, "function", function, inputs, options)

    def add_constant(self, path: str, value: Tensor, name: str = "") -> str:
        """Add an `nn.Parameter` or an `nn.Buffer` that functions can read, and return its name."""
        return self._append(name or path.replace(".", "_"), "constant", self._place(path, value), (), {})

    def set_outputs(self, *names: str, alone: bool = True) -> None:
        """Say what a call returns: the value of one name if `alone`, else a tuple; the graph is then complete."""
        self._outputs, self._alone = names, alone
        last: dict[str, int] = {}
        for k, node in enumerate(self._nodes):
            last.update(dict.fromkeys((node.name, *_names(node.inputs)), k))
        self._gone = [tuple(n for n, at in last.items() if at == k and n not in names) for k in range(len(self._nodes))]

    def title(self, path: str, title: str) -> None:
        """Give the scope at a path a title, if there is one."""
        part: Any = self
        for name in path.split("."):
            part = vars(part).get(name)
            if part is None:
                return
        if isinstance(part, Scope):
            part._title = title

    def _append(self, name: str, kind: str, what: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> str:
        known = {*self._inputs, *(node.name for node in self._nodes)}
        unknown = [n for n in _names(inputs) if n not in known]
        if unknown:
            raise ValueError(f"GraphModule: {name} reads {unknown[0]!r}, which nothing before it computes.")
        self._nodes.append(Node(free(name, known), kind, what, inputs, options))
        return self._nodes[-1].name

    def _place(self, path: str, part: Any) -> str:
        """Make a part an attribute of nested scopes, under a path that is free."""
        *scopes, last = path.split(".")
        home: Any = self
        taken: list[str] = []
        for name in scopes:
            name = free(name, [k for k in dir(home) if not isinstance(vars(home).get(k), Scope)])
            home.__dict__.setdefault(name, Scope())
            home = vars(home)[name]
            taken.append(name)
        last = free(last, dir(home))
        setattr(home, last, part)
        return ".".join([*taken, last])

    # --- looking
    @property
    def graph(self) -> tuple[Node, ...]:
        """The nodes, in the order in which they run."""
        return tuple(self._nodes)

    def set_submodule(self, path: str, module: nn.Module) -> None:
        """Put another module at a path; the calls of the one that was there are its calls now."""
        if not path:
            raise ValueError("GraphModule.set_submodule: the path is empty; expected that of a layer.")
        self.get_submodule(path)
        above, _, name = path.rpartition(".")
        home: Any = self.get_submodule(above)
        if name in vars(home):
            setattr(home, name, module)
        else:  # a list of modules, or a dict
            names = [n for n, _ in home.named_children()]
            home[names.index(name) if isinstance(home, nn.ModuleList) else name] = module

    def pairs(self) -> list[tuple[str, str]]:
        """Return ``(path of a layer with weights, path of a batch norm)`` where nothing else reads what is between them.

        Such a pair can be fused. Both are called once. (A batch norm behind a `Linear` normalizes the features of (N, C);
        of (N, L, C) it takes axis 1, and does not belong to that layer.)
        """
        calls: dict[str, int] = {}
        readers: dict[str, int] = dict.fromkeys(self._outputs, 1)
        for node in self._nodes:
            calls[node.what] = calls.get(node.what, 0) + (node.kind == "layer")
            for name in _names(node.inputs):
                readers[name] = readers.get(name, 0) + 1
        layers = {node.name: node.what for node in self._nodes if node.kind == "layer"}
        out = []
        for node in self._nodes:
            if node.kind != "layer" or not isinstance(self._at(node.what), _NORMS):
                continue
            name = node.inputs[0]
            before = layers.get(name, "")
            alone = bool(before) and readers[name] == calls[before] == calls[node.what] == 1
            if alone and isinstance(self._at(before), _WEIGHTED):
                out.append((before, node.what))
        return out

    def _at(self, path: str) -> Any:
        try:
            return reduce(getattr, path.split("."), self)
        except AttributeError:  # a layer was replaced by a container, and the path goes on inside
            return self.get_submodule(path)

    # --- running
    def forward(self, *inputs: Any) -> Any:
        """The outputs of the graph: a tensor, or a tuple of tensors."""
        if len(inputs) != len(self._inputs):
            raise TypeError(f"GraphModule: got {len(inputs)} inputs; expected {', '.join(self._inputs)}.")
        values: dict[str, Any] = {n: as_tensor(x) for n, x in zip(self._inputs, inputs, strict=True)}
        del inputs
        constants = {node.name for node in self._nodes if node.kind == "constant"}
        for node, gone in zip(self._nodes, self._gone, strict=True):
            values[node.name] = self._run(node, values, constants)
            for name in gone:
                del values[name]
        return values[self._outputs[0]] if self._alone else tuple(values[n] for n in self._outputs)

    def _run(self, node: Node, values: dict[str, Any], constants: set[str]) -> Any:
        if node.kind == "constant":
            return self._at(node.what)
        inputs = [values[n] if isinstance(n, str) else n for n in node.inputs]
        if node.kind == "layer":
            try:
                return self._at(node.what)(*inputs)
            except Exception as error:
                error.add_note(f"in the layer {node.what} of the imported model")
                raise
        try:
            if node.what in ARITHMETIC:
                aligned([x for x in inputs if isinstance(x, Tensor)], [n in constants for n in _names(node.inputs)])
            return FUNCTIONS[node.what](*inputs, **node.options)
        except ValueError as error:
            raise ValueError(f"GraphModule: {node}: {error}") from None

    def __repr__(self) -> str:
        lines = [f"forward({', '.join(self._inputs)}):", *map(str, self._nodes), f"return {', '.join(self._outputs)}"]
        children = super().__repr__().splitlines()
        return "\n".join([children[0].rstrip(")"), *children[1:-1], *_indented(lines), ")"])


def _indented(lines: list[str]) -> Iterable[str]:
    return ("  " + ("  " if k else "") + line for k, line in enumerate(lines))


def _names(inputs: Iterable[Any]) -> list[str]:
    return [n for n in inputs if isinstance(n, str)]


def free(name: str, taken: Iterable[str]) -> str:
    """Return the name if it is free, else with a number that makes it so."""
    taken = set(taken)
    return next(n for n in (name, *(f"{name}_{k}" for k in range(1, len(taken) + 2))) if n not in taken)
