"""What a model does with one batch: which layers it calls, in which order, and what stands between them.

Every layer's ``forward`` is replaced for the time of a run. Its output is a fresh tensor that knows its maker, so that the
tape between two layers holds just what the model computes outside of layers: `relu` in a forward function is found there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from grillyx import autograd
from grillyx.autograd import Tensor
from grillyx.nn import Module

INPUT = -1  # the maker of the model's input

# functions that keep means over time: the result is linear in what depends on the input
_LINEAR = {
    "add", "affine", "astype", "concatenate", "divide_by", "expand", "neg", "permute", "reshape", "slices", "subtract",
    "sum", "take", "unstack",
}  # fmt: skip
# likewise, while one side alone depends on the input
_LINEAR_IN_ONE = {"avg_pool2d", "conv", "conv_transpose", "gather", "linear", "matmul", "multiply", "spike_linear"}


@dataclass
class Call:
    """One call of a layer.

    Attributes:
        path: of the layer in the model.
        module: the layer.
        site: how often the layer was called before, in the same run.
        sources: the calls whose outputs reach the input; `INPUT` for the model's input.
        direct: the call whose output the input is, unchanged; None if something stands between.
        input_shape, output_shape: with the batch axis.
    """

    path: str
    module: Module
    site: int
    sources: frozenset[int]
    direct: int | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


class _Made(Tensor):
    """A tensor that knows which call made it."""

    __slots__ = ("maker",)
    maker: int


def _made(t: Tensor, maker: int) -> _Made:
    out = _Made(t.array)
    out.maker, out._tracked, out._bounds = maker, True, t._bounds
    return out


class Trace:
    """Runs a model batch by batch, and looks on.

    Args:
        model: in evaluation mode.
        layers: path → layer, whose insides are nobody's business.

    Attributes:
        calls: of the first run.
        output: the calls whose outputs reach the model's output, in the first run.
    """

    def __init__(self, model: Module, layers: Mapping[str, Module]) -> None:
        self.model, self.layers = model, dict(layers)
        self.calls: list[Call] = []
        self.output: frozenset[int] = frozenset()
        self._untaped: dict[int, tuple[Tensor, str, list[Any]]] = {}  # what has no gradient, and where it is from

    def run(self, x: Any, look: Callable[[int, Tensor], None] | None = None) -> Tensor:
        """Run one batch.

        Args:
            x: (N, *).
            look: gets the number and the output of each call.

        Raises:
            ValueError: a function outside of layers that cannot be converted; another order of calls than in the
                first run; an output that does not depend on the input.
        """
        calls: list[Call] = []
        self._untaped.clear()
        called = functools.partial(self._called, calls, look)
        with _patched(self.layers, called), autograd.enable_grad(), autograd.watched(self._watch):
            out = self.model(_made(autograd.as_tensor(x), INPUT))
        if not isinstance(out, Tensor):
            raise TypeError(f"Converter: the model returns {type(out).__name__}; expected one tensor.")
        sources = self._sources(out, calls, "the output")
        self._untaped.clear()
        if not sources:
            raise ValueError(
                "Converter: the model's output does not depend on its input by functions of grillyx; nothing can be "
                "converted. Does its forward compute in NumPy?"
            )
        if not self.calls:
            self.calls, self.output = calls, sources
        elif [(c.path, c.site) for c in calls] != [(c.path, c.site) for c in self.calls]:
            raise ValueError(
                f"Converter: the model calls other layers for another batch ({len(calls)} calls, {len(self.calls)} for the "
                "first batch). A model that is converted must do the same for every input."
            )
        return out.detach()

    def _watch(self, op: Any, inputs: list[Any], out: Any, options: dict[str, Any]) -> None:
        """Remember what depends on the input, but is not on the tape: comparisons, rounding, integers."""
        if any(self._depends(t) for t in inputs):
            name = options.get("name", op.__name__)
            for t in out if isinstance(out, tuple) else (out,):
                if isinstance(t, Tensor) and not t._tracked:
                    cut = name == "astype" and inputs[0].dtype.kind == "f"  # floats become integers
                    self._untaped[id(t)] = (t, "trunc" if cut else name, inputs)

    def _depends(self, t: Any) -> bool:
        return t is not None and (t._tracked or id(t) in self._untaped)

    def _called(self, calls: list[Call], look: Any, path: str, layer: Module, forward: Any, *inputs: Any) -> Tensor:
        if len(inputs) != 1 or not isinstance(inputs[0], Tensor):
            raise TypeError(f"Converter: {path!r} was called with {len(inputs)} inputs; expected one tensor.")
        x = inputs[0]
        sources = self._sources(x, calls, repr(path))
        with autograd.no_grad(), autograd.unwatched():
            y = forward(x.detach())
        number = len(calls)
        maker = x.maker if isinstance(x, _Made) else None
        site = sum(c.module is layer for c in calls)
        calls.append(Call(path, layer, site, sources, maker, x.shape, y.shape))
        if look is not None:
            look(number, y)
        return _made(y, number)

    def _sources(self, t: Tensor, calls: list[Call], where: str) -> frozenset[int]:
        """Walk over the tape back to the layers, and refuse what cannot be converted on the way."""
        found, seen = set(), set()
        stack: list[Any] = [t]
        while stack:
            part = stack.pop()
            if isinstance(part, _Made):
                found.add(part.maker)
            elif (step := self._step(part)) is not None and step[0] not in seen:
                key, name, parents = step
                seen.add(key)
                active = [p for p in parents if self._depends(p)]
                single = len(active) == 1 and (name != "divide" or active[0] is parents[0])
                if not (name in _LINEAR or (name in _LINEAR_IN_ONE | {"divide"} and single)):
                    raise ValueError(_refusal(name, len(active), sorted(set(self._before(active, calls))), where))
                stack += active
        return frozenset(found)

    def _before(self, active: list[Any], calls: list[Call]) -> Iterator[str]:
        seen, stack = set(), list(active)
        while stack:
            part = stack.pop()
            if isinstance(part, _Made):
                yield "the input" if part.maker == INPUT else repr(calls[part.maker].path)
            elif (step := self._step(part)) is not None and step[0] not in seen:
                seen.add(step[0])
                stack += [p for p in step[2] if self._depends(p)]

    def _step(self, part: Any) -> tuple[Any, str, Any] | None:
        """Return what made a tensor: a key, the name of the function, and its inputs."""
        if part._node is not None:
            return part._node, part._node.name, part._node.parents
        return (id(part), *self._untaped[id(part)][1:]) if id(part) in self._untaped else None


_INSTEAD = {
    "relu": "Use a layer nn.ReLU() for it, one for each place, made in __init__.",
    "relu6": "Use a layer nn.ReLU6() for it, made in __init__.",
    "max_pool2d": "Use a layer nn.MaxPool2d for it, made in __init__.",
    "multiply": "A product of two activations has no spiking counterpart.",
    "matmul": "A product of two activations has no spiking counterpart.",
}


def _refusal(name: str, active: int, before: list[str], where: str) -> str:
    what = f"{name} of two activations" if active > 1 and name in _LINEAR_IN_ONE else name
    return (
        f"Converter: between {' and '.join(before) or 'the input'} and {where} the model computes {what} outside of a layer, "
        f"which cannot be converted. {_INSTEAD.get(name, 'Only functions that are linear in the activations can stand there.')}"
    )


@contextmanager
def _patched(layers: Mapping[str, Module], called: Callable[..., Tensor]) -> Iterator[None]:
    try:
        for path, layer in layers.items():
            vars(layer)["forward"] = functools.partial(called, path, layer, layer.forward)
        yield
    finally:
        for layer in layers.values():
            vars(layer).pop("forward", None)
