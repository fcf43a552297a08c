"""Models of torch with a forward of their own, traced with the ``torch.fx`` of the user's torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.convert import _calls as calls
from grillyx.convert._fx_trace import Aliases, called, trace
from grillyx.convert._graph import GraphModule, Scope, free
from grillyx.convert._layers import build
from grillyx.convert._leaves import Leaves, place

_HELP = "Compute it outside the model, or write it with the layers and operations that the page on importing lists."


@dataclass(frozen=True)
class Size:
    """The length of an axis of a tensor, or with None all of them, known only when the model runs."""

    of: str
    axis: int | None


@dataclass(frozen=True)
class Stored:
    """A parameter, a buffer or another tensor of the model, at its path."""

    path: str


class Tracer:
    """Translates one traced model."""

    def __init__(self, module: Any, leaves: Leaves) -> None:
        self._nodes, self._stored = trace(module)
        self._module, self._leaves = module, leaves
        self._paths = dict(module.named_modules(remove_duplicate=False))
        self._parameters = dict(module.named_parameters(remove_duplicate=False))
        self._saved = set(module.state_dict())
        self._values: dict[Any, Any] = {}  # a node of torch.fx to the name of one of ours, or to a Size, or Stored
        self._placed: dict[int | str, str] = {}  # layers with weights that are in the graph, and constants
        self._graph = GraphModule()

    def graph(self) -> GraphModule:
        """Return the model."""
        nodes = self._nodes
        inputs = [n for n in nodes if n.op == "placeholder" and not n.args]
        self._graph = GraphModule(*(n.name for n in inputs))
        self._values.update((n, n.name) for n in inputs)
        self._aliases = Aliases(nodes, self._paths)
        wanted = self._aliases.wanted()
        for node in nodes:
            if node.op == "output":
                self._return(node)
            elif node in wanted and node.op != "placeholder":
                self._values[node] = self._translate(node)
            self._aliases.passed(node)
        for path, module in self._paths.items():
            if path:
                self._graph.title(path, type(module).__name__)
        for module in self._graph.modules():
            if isinstance(module, (Scope, GraphModule)):
                module.training = bool(self._module.training)
        return self._graph

    def _where(self, node: Any) -> str:
        path = self._scope(node)
        return place(path, self._paths.get(path, self._module))

    def _scope(self, node: Any) -> str:
        """Return the path of the module whose forward calls this."""
        stack = [str(path) for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
        inside = stack[:-1] if node.op == "call_module" else stack
        return inside[-1] if inside else ""

    def _refuse(self, node: Any, why: str) -> Any:
        what = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target)
        raise ValueError(f"{self._where(node)}: {what}: {why} {_HELP}")

    # --- values
    def _read(self, arg: Any) -> Any:
        """Return what an argument of a node is here, at any depth."""
        if isinstance(arg, (list, tuple)):
            return tuple(self._read(a) for a in arg)
        return self._values[self._aliases.newest(arg)] if type(arg).__module__ == "torch.fx.node" else arg

    def _tensor(self, node: Any, value: Any, numbers: bool = False) -> Any:
        """Return the name of a tensor, or a number."""
        if isinstance(value, Stored):
            if value.path not in self._placed:
                tensor = self._stored[value.path]
                saved = nn.Buffer if value.path in self._saved else Tensor
                make = nn.Parameter if value.path in self._parameters else saved
                ours = self._leaves.tensor(tensor, value.path, make)
                self._placed[value.path] = self._graph.add_constant(value.path, ours)
            return self._placed[value.path]
        if isinstance(value, str) or (numbers and isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        return self._refuse(node, f"expected a tensor, got {_said(value)}.")

    def _return(self, node: Any) -> None:
        value = self._read(node.args[0])
        alone = not isinstance(value, tuple)
        self._graph.set_outputs(*(self._tensor(node, v) for v in ((value,) if alone else value)), alone=alone)

    # --- nodes
    def _translate(self, node: Any) -> Any:
        args, options = self._read(node.args), {k: self._read(v) for k, v in node.kwargs.items()}
        if node.op == "get_attr":
            return Stored(node.target)
        if node.op == "call_module":
            if options or len(args) != 1:
                self._refuse(node, f"expected one input, got {len(args) + len(options)} arguments.")
            return self._call(node, node.target, self._leaves.layer(self._paths[node.target], node.target), args[0])
        name = called(node)
        if "input" in options:
            args = (options.pop("input"), *args)
        if name == "size" or (name == "getattr" and args[1] == "shape"):
            axis = args[1:2] if name == "size" else ()
            return Size(self._tensor(node, args[0]), axis[0] if axis else options.get("dim"))
        if name == "getitem" and isinstance(args[0], Size) and isinstance(args[1], int):
            return Size(args[0].of, args[1])
        if name in calls.SAME and not args[1:] and not options:
            return self._tensor(node, args[0])
        if name in calls.LAYER_CALLS or name in ("clamp", "clip", "clamp_min"):
            return self._layer(node, name, args, options)
        if name in calls.WEIGHT_CALLS:
            return self._weighted(node, name, args, options)
        if name in (*calls.ARITHMETIC, "neg"):
            return self._arithmetic(node, name, args, options)
        return self._function(node, name, args, options)

    def _call(self, node: Any, path: str, layer: nn.Module, value: Any) -> str:
        """Add a call of a layer; a layer with weights has one path, others one for each call."""
        given = self._tensor(node, value)
        if id(layer) in self._placed:
            return self._graph.call_layer(self._placed[id(layer)], given, name=node.name)
        name = self._graph.add_layer(path, layer, given, name=node.name)
        if any(True for _ in layer.parameters()) or any(True for _ in layer.buffers()):
            self._placed[id(layer)] = self._graph.graph[-1].what
        return name

    def _options(self, node: Any, names: tuple[str, ...], args: tuple, options: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments behind the input under their names, but those that change nothing."""
        given = {**dict(zip(names, args, strict=False)), **options}
        if len(args) > len(names):
            self._refuse(node, f"expected at most {len(names)} arguments behind the input, got {len(args)}.")
        for key, value in given.items():
            if key in calls.NEUTRAL and key not in ("alpha",) and value != calls.NEUTRAL[key]:
                hint = " It would act in evaluation mode too." if key == "training" else ""
                self._refuse(node, f"{key}={value!r} is not possible here; expected {calls.NEUTRAL[key]!r}.{hint}")
            if not _is_plain(value):
                self._refuse(node, f"{key} depends on the input; expected numbers.")
        return {k: v for k, v in given.items() if k not in calls.IGNORED and (k not in calls.NEUTRAL or k == "alpha")}

    def _layer(self, node: Any, name: str, args: tuple, options: dict[str, Any]) -> str:
        made = calls.LAYER_CALLS.get(name)
        if made is None:
            made, options = self._clamp(node, args[1:], options)
            args = args[:1]
        elif name.startswith("dropout"):
            options.setdefault("training", options.pop("train", args[2] if len(args) > 2 else True))
            args = args[:2]
        which, names = made
        layer = build(which, self._options(node, names, args[1:], options), f"{self._where(node)}: {name}")
        layer.training = bool(self._module.training)
        scope = self._scope(node)
        path = free(f"{scope}.{name}".lstrip("."), self._paths)
        return self._call(node, path, layer, args[0])

    def _clamp(self, node: Any, args: tuple, options: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], dict]:
        given = {**dict(zip(("min", "max"), args, strict=False)), **options}
        low, high = given.get("min"), given.get("max")
        if not all(v is None or isinstance(v, (int, float)) for v in (low, high)) or low is None:
            self._refuse(node, f"expected numbers min and max, or min=0, got {_said(low)} and {_said(high)}.")
        if high is None and low == 0:
            return ("ReLU", ()), {}
        if high is None:
            self._refuse(node, f"without max, min must be 0, got {low}.")
        return ("Hardtanh", ("min_val", "max_val")), {"min_val": low, "max_val": high}

    def _weighted(self, node: Any, name: str, args: tuple, options: dict[str, Any]) -> str:
        which, names = calls.WEIGHT_CALLS[name]
        options = {**dict(zip(("weight", "bias", *names), args[1:], strict=False)), **options}
        weight, bias = options.pop("weight"), options.pop("bias", None)
        if not isinstance(weight, Stored) or not isinstance(bias, (Stored, type(None))):
            self._refuse(node, "expected a weight and a bias that are parameters as they are, without computations.")
        scope = weight.path.rpartition(".")[0]
        tensors = {"weight": weight, **({} if bias is None else {"bias": bias})}
        shape = tuple(map(int, self._stored[weight.path].shape))
        given = {**self._options(node, names, (), options), "bias": bias is not None}
        groups = int(given.get("groups", 1))
        if which == "Linear":
            given.update(in_features=shape[1], out_features=shape[0])
        else:
            given.update(in_channels=shape[1] * groups, out_channels=shape[0], kernel_size=shape[2:])
        layer = build(which, given, f"{self._where(node)}: {name}")
        for key, stored in tensors.items():
            setattr(layer, key, self._leaves.tensor(self._stored[stored.path], stored.path, nn.Parameter))
        named = all(t.path == f"{scope}.{key}".lstrip(".") for key, t in tensors.items()) and scope
        return self._call(node, scope if named else f"{self._scope(node)}.{name}".lstrip("."), layer, args[0])

    def _arithmetic(self, node: Any, name: str, args: tuple, options: dict[str, Any]) -> str:
        if name == "neg":
            return self._graph.add_function("mul", self._tensor(node, args[0]), -1.0, name=node.name)
        args = (*args, options.pop("other")) if "other" in options else args
        if options.pop("alpha", 1) != 1 or self._options(node, (), args[2:], options):
            self._refuse(node, f"expected no arguments behind the two operands, got {sorted(node.kwargs)}.")
        function = calls.ARITHMETIC[name]
        operands = [self._tensor(node, a, numbers=True) for a in args]
        if function == "div" and not isinstance(args[1], (int, float, Stored)):
            self._refuse(node, "a quotient of two tensors is nonlinear; expected a number or a parameter below.")
        return self._graph.add_function(function, *operands, name=node.name)

    def _function(self, node: Any, name: str, args: tuple, options: dict[str, Any]) -> str:
        """Add what moves or sums elements of each sample."""
        x, rest = args[0], args[1:]
        if name in ("cat", "concat", "concatenate"):
            axis = {**dict(zip(("dim",), rest, strict=False)), **options}.get("dim", 0)
            parts = [self._tensor(node, part) for part in x]
            return self._graph.add_function("cat", *parts, name=node.name, axis=self._axis(node, axis))
        several = rest[0] if rest and isinstance(rest[0], tuple) else rest
        if name in ("view", "reshape"):
            shape = self._shape(node, self._tensor(node, x), options.get("shape", several))
            return self._graph.add_function("reshape", self._tensor(node, x), name=node.name, shape=shape)
        if name == "permute":
            axes = options.get("dims", several)
            if not axes or axes[0] != 0 or not _is_plain(axes):
                self._refuse(node, f"axis 0 holds the samples and must stay first, got {_said(axes)}.")
            return self._graph.add_function("permute", self._tensor(node, x), name=node.name, axes=axes)
        known = calls.SHAPE_CALLS.get(name)
        if known is None or len(rest) > len(known) or set(options) - set(known):
            return self._refuse(node, "this operation, or this way to call it, is not supported.")
        given = {**known, **dict(zip(known, rest, strict=False)), **options}
        if given.pop("dtype", None) is not None:
            self._refuse(node, "expected no dtype; everything is float32 here.")
        axes = {key: self._axis(node, given[key]) for key in given if key not in ("keepdim", "end_dim")}
        if name == "flatten":
            axes = {"start": axes["start_dim"], "end": given["end_dim"]}
        elif name in ("transpose", "swapaxes"):
            name, axes = "swapaxes", dict(zip("ab", axes.values(), strict=True))
        else:
            axes = {"axis": axes["dim"], **({"keepdims": given["keepdim"]} if "keepdim" in given else {})}
        return self._graph.add_function(name, self._tensor(node, x), name=node.name, **axes)

    def _axis(self, node: Any, axis: Any) -> Any:
        """Return one axis or several, none of them that of the samples."""
        several = axis if isinstance(axis, tuple) else (axis,)
        if any(not isinstance(k, int) or k == 0 for k in several) or not several:
            self._refuse(node, f"expected axes other than 0, which holds the samples, got {_said(axis)}.")
        return axis

    def _shape(self, node: Any, of: str, shape: Any) -> tuple[int, ...]:
        """Return what a sample is reshaped to; 0 keeps an axis."""
        first, *rest = shape if isinstance(shape, tuple) and shape else (None,)
        if not (first == -1 or (isinstance(first, Size) and first.axis == 0)):
            self._refuse(node, f"the first axis must stay that of the samples, as x.size(0) or -1, got {_said(first)}.")
        kept = [0 if n == Size(of, k + 1) else n for k, n in enumerate(rest)]
        if not _is_plain(tuple(kept)) or (first == -1 and -1 in kept):
            self._refuse(node, f"expected numbers behind the first axis, got {', '.join(map(_said, rest))}.")
        return tuple(kept)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (Size, Stored)):
        return False
    return all(map(_is_plain, value)) if isinstance(value, tuple) else True


def _said(value: Any) -> str:
    if isinstance(value, Size):
        return f"{value.of}.shape" + ("" if value.axis is None else f"[{value.axis}]")
    return f"the tensor {value.path}" if isinstance(value, Stored) else repr(value)
