"""Containers: modules that pass a graph along, and a convolution with the neuron behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.graph._base import GraphModule, graph_of, size
from grillyx.nn import Module, ModuleList

_NAME = r"\s*[A-Za-z_]\w*\s*"
_LIST = rf"({_NAME}(?:,{_NAME})*)"


def _names(text: Any, pattern: str, expected: str) -> list[list[str]]:
    found = re.fullmatch(pattern, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"Sequential: cannot read {text!r}; expected {expected}.")
    return [[name.strip() for name in group.split(",")] for group in found.groups()]


class Sequential(ModuleList):
    """Modules one after another, some of which take a graph, as ``torch_geometric.nn.Sequential``.

    Args:
        input_args: names of what it is called with, such as ``"x, graph"``.
        modules: each a module; or a pair of a module or function and ``"x, graph -> x"``: which values it takes, and the names
            of what it returns. A module alone takes what the one before it returned (the first: the first input), and its
            result has the same name.

    Examples:
        Neurons stand between convolutions, in step mode 'm', and everything is a sequence (T, N, F):

        >>> from grillyx import nn
        >>> from grillyx.graph import GCNConv
        >>> net = Sequential("x, graph", [
        ...     (GCNConv(16, 32), "x, graph -> x"),
        ...     nn.LIFNode(step_mode="m"),
        ...     (GCNConv(32, 4), "x, graph -> x"),
        ... ])

    Give it a `Graph` rather than edge_index, which is uploaded, and compared with that of the call before, in every convolution.

    Raises:
        ValueError: names that cannot be read, or that nothing gave a value to.
    """

    def __init__(self, input_args: str, modules: Sequence[Any]) -> None:
        super().__init__()
        (self.input_args,) = _names(input_args, _LIST, "names such as 'x, graph'")
        self._calls: list[tuple[list[str], list[str]]] = []
        known, latest = set(self.input_args), self.input_args[:1]
        for k, entry in enumerate(modules):
            if isinstance(entry, (tuple, list)) and len(entry) != 2:
                raise ValueError(
                    f"Sequential: module {k} is a tuple of {len(entry)}; expected a module, or (module, 'x, graph -> x')."
                )
            module, text = entry if isinstance(entry, (tuple, list)) else (entry, None)
            takes, latest = (latest, latest) if text is None else _names(text, f"{_LIST}->{_LIST}", "'x, graph -> x'")
            for name in takes:
                if name not in known:
                    raise ValueError(
                        f"Sequential: module {k} takes {name!r}, which nothing gave; known: {sorted(known)}."
                    )
            known.update(latest)
            self._calls.append((takes, latest))
            self.append(module if isinstance(module, Module) else _Function(module))

    def forward(self, *inputs: Any) -> Any:
        """Return the result of the last module; `inputs` are the values of `input_args`."""
        if len(inputs) != len(self.input_args):
            raise TypeError(f"Sequential: got {len(inputs)} values; expected {', '.join(self.input_args)}.")
        values, out = dict(zip(self.input_args, inputs, strict=True)), inputs[0]
        for k, (module, (takes, gives)) in enumerate(zip(self._modules, self._calls, strict=True)):
            out = module(*(values[name] for name in takes))
            parts = (out,) if len(gives) == 1 else out
            if not isinstance(parts, (tuple, list)) or len(parts) != len(gives):
                found = f"{len(parts)} values" if isinstance(parts, (tuple, list)) else "one"
                raise ValueError(
                    f"Sequential: module {k} gives {', '.join(gives)}, but returned {found}; correct the text."
                )
            values.update(zip(gives, parts, strict=True))
        return out


class _Function(Module):
    """A function among modules."""

    def __init__(self, function: Any) -> None:
        if not callable(function):
            raise TypeError(f"Sequential: holds modules and functions, got {type(function).__name__}.")
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


class SpikingGraphConv(GraphModule):
    """A graph convolution, a normalisation if there is one, and a spiking neuron: any of each.

    Args:
        conv: a module that is called with features and a graph, such as `GCNConv`.
        neuron: a neuron, such as ``nn.LIFNode()``; it runs over the steps of the sequence, in step mode 'm'.
        T: steps for an input (N, F) without time: the convolution is computed once, and its result drives the neuron at each.
        norm: a module for the current (*, F'), such as ``nn.BatchNorm1d``, whose samples are nodes and steps.

    Shape: (T, N, F) → spikes (T, N, F'); with `T` also (N, F) → spikes (T, N, F').

    The neuron keeps its state until `functional.reset_net`.
    """

    _weighted = True

    def __init__(self, conv: Any, neuron: Any, T: int | None = None, norm: Any = None) -> None:
        if not isinstance(conv, Module):
            raise TypeError(f"SpikingGraphConv: conv must be a graph convolution such as GCNConv, got {conv!r}.")
        if not isinstance(neuron, Module) or not hasattr(neuron, "step_mode"):
            raise TypeError(f"SpikingGraphConv: neuron must be a spiking neuron such as nn.LIFNode(), got {neuron!r}.")
        if norm is not None and not callable(norm):
            raise TypeError(f"SpikingGraphConv: norm must be a module such as nn.BatchNorm1d, or None, got {norm!r}.")
        self.conv, self.neuron, self.norm = conv, neuron, norm
        self.T = None if T is None else size(T, "SpikingGraphConv", "T")
        neuron.step_mode = "m"

    def forward(self, x: Any, graph: Any, *more: Any) -> Tensor:
        """Return spikes (T, N, F'); `more` goes to the convolution, such as edge_weight."""
        graph = graph_of(graph, x, "SpikingGraphConv")
        current: Tensor = self.conv(x, graph, *more)
        if current.ndim == 2 and self.T is None:
            raise ValueError(
                f"SpikingGraphConv: needs a sequence (T, N, F), got a result {current.shape} of the convolution. Give T=, the "
                "number of steps that it drives the neuron."
            )
        if self.norm is not None:
            current = self.norm(current.reshape(-1, current.shape[-1])).reshape(current.shape)
        if current.ndim == 2:
            current = F.broadcast_to(current, (self.T, *current.shape))
        out: Tensor = self.neuron(current)
        return out
