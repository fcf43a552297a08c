"""What ``torch.fx`` says of a model, and which of its tensors are changed in place."""

from __future__ import annotations

import importlib
import inspect
import operator
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any

from grillyx.convert._calls import VIEW_LAYERS, VIEWS
from grillyx.convert._leaves import kind, place

_IN_PLACE = ("iadd", "isub", "imul", "itruediv")
_THROUGH = ("", "Sequential", "ModuleList", "ModuleDict")


def trace(root: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the nodes of torch.fx for a module in evaluation mode, and the tensors that they read, by path.

    Arguments of `forward` with a default keep it. The module is left as it was.
    """
    where = place("", root)
    if "torch" not in sys.modules:
        raise ValueError(f"{where}: it has a forward of its own, which only torch.fx can trace; import torch first.")
    fx = importlib.import_module("torch.fx")
    tracer, proxy = fx.Tracer(), type("Proxy", (fx.Proxy,), {f"__{name}__": _recorded(name) for name in _IN_PLACE})
    tracer.proxy = lambda node: proxy(node, tracer)
    tracer.is_leaf_module = lambda module, path: kind(module) not in _THROUGH
    arguments = inspect.signature(root.forward).parameters.items()
    fixed = {name: p.default for name, p in arguments if p.default is not inspect.Parameter.empty}
    before, modes = set(vars(root)), [(m, m.training) for m in root.modules()]
    try:
        for module, _ in modes:
            module.training = False
        nodes = list(tracer.trace(root, concrete_args=fixed).nodes)
        return nodes, {n.target: reduce(getattr, n.target.split("."), root) for n in nodes if n.op == "get_attr"}
    except Exception as error:  # whatever the user's forward raises when it meets a proxy
        raise ValueError(
            f"{where}: torch.fx cannot trace its forward ({type(error).__name__}: {error}). Loops and branches over values of "
            "tensors have to go; or convert the parts of the model one by one."
        ) from error
    finally:
        for module, mode in modes:
            module.training = mode
        for name in set(vars(root)) - before:  # constants that the tracer left
            delattr(root, name)


def _recorded(name: str) -> Any:
    """Return the method of a proxy for ``x += y`` and the like, which torch.fx would take for ``x = x + y``."""
    return lambda x, y: x.tracer.create_proxy("call_function", getattr(operator, name), (x, y), {})


def called(node: Any) -> str:
    """Return the name of the function or method of torch or Python that a node calls; of others, with their module."""
    if node.op == "call_function":
        home, name = getattr(node.target, "__module__", None), getattr(node.target, "__name__", repr(node.target))
        known = home in (None, "_operator", "builtins", "torch") or str(home).startswith("torch.")
        name = name if known else f"{home}.{name}"
    else:
        name = str(node.target)
    return name if name.endswith("__") else name.removesuffix("_")


class Aliases:
    """Knows which tensors share memory, so that who reads one after it was changed in place gets the new values.

    Args:
        nodes: of torch.fx, in order.
        modules: of the model, by path.
    """

    def __init__(self, nodes: list[Any], modules: Mapping[str, Any]) -> None:
        self._nodes, self._modules = nodes, modules
        self._order = {node: k for k, node in enumerate(nodes)}
        self._newest: dict[Any, Any] = {}
        self._root: dict[Any, Any] = {}  # of each node, the node whose memory it looks at
        for node in nodes:
            source = self._source(node) if self._changes(node) or self._looks(node) else None
            self._root[node] = node if source is None else self._root[source]

    def newest(self, node: Any) -> Any:
        """Return the node that holds what this one's memory holds now."""
        while node in self._newest:
            node = self._newest[node]
        return node

    def wanted(self) -> set[Any]:
        """Return the nodes that the output depends on."""
        wanted = {n for n in self._nodes if n.op == "output"}
        for node in reversed(self._nodes):
            if node in wanted or (self._changes(node) and any(self._root[w] is self._root[node] for w in wanted)):
                wanted.update((node, *node.all_input_nodes))
        return wanted

    def passed(self, node: Any) -> None:
        """Note that a node has run."""
        if not self._changes(node):
            return
        changed, now = self.newest(self._source(node)), self._order[node]
        for other, root in self._root.items():
            late = self._order[other] < now and any(self._order[u] > now for u in other.users)
            if late and root is self._root[node] and self.newest(other) is not changed:
                raise ValueError(
                    f"from_torch: {node.name} changes a tensor in place, and {other.name}, which shares its memory, is read "
                    "later; use the operation that is not in place."
                )
        self._newest[changed] = node

    def _source(self, node: Any) -> Any:
        return next(iter(node.all_input_nodes), None)

    def _changes(self, node: Any) -> bool:
        """Tell whether a node changes its first input in place."""
        if node.op == "call_module":
            return bool(getattr(self._modules[node.target], "inplace", False))
        if node.op not in ("call_method", "call_function") or self._source(node) is None:
            return False
        name = str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")
        in_operator = getattr(node.target, "__module__", "") == "_operator" and name in (
            "iadd",
            "isub",
            "imul",
            "itruediv",
        )
        return in_operator or bool(node.kwargs.get("inplace")) or (name.endswith("_") and not name.endswith("__"))

    def _looks(self, node: Any) -> bool:
        """Tell whether what a node returns may be its input, or a view of it."""
        if node.op == "call_module":
            return kind(self._modules[node.target]) in VIEW_LAYERS
        return node.op in ("call_method", "call_function") and called(node) in VIEWS and self._source(node) is not None
