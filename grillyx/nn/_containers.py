"""Modules that hold modules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor
from grillyx.nn._layers import Dropout
from grillyx.nn._module import Module
from grillyx.nn._neurons import BaseNode


class ModuleList(Module):
    """A list of modules; their names are their positions.

    Args:
        modules: the modules to start with.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._modules: list[Module] = []
        for module in modules:
            self.append(module)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield from ((str(k), m) for k, m in enumerate(self._modules))
        yield from ((k, v) for k, v in super()._parts() if k != "_modules")

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: holds modules only, got {type(module).__name__}.")
        self._modules.append(module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module before a position."""
        self.append(module)
        self._modules.insert(index, self._modules.pop())

    def __getitem__(self, index: Any) -> Any:
        return type(self)(*self._picked(index)) if isinstance(index, slice) else self._modules[index]

    def _picked(self, index: slice) -> list[Any]:
        return [self._modules[index]]

    def __setitem__(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: holds modules only, got {type(module).__name__}.")
        self._modules[index] = module

    def __delitem__(self, index: Any) -> None:
        del self._modules[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)


class Sequential(ModuleList):
    """Modules that run one after another.

    Args:
        *modules: in order; or one dict from names to modules.
    """

    def __init__(self, *modules: Any) -> None:
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], dict) else None
        self._names: list[str] | None = None if named is None else []
        super().__init__(modules if named is None else named.values())
        if named is not None:
            self._names = [str(name) for name in named]

    def append(self, module: Module) -> Sequential:
        super().append(module)
        if self._names is not None:
            new = (str(k) for k in itertools.count(len(self._names)))
            self._names.append(next(name for name in new if name not in self._names))
        return self

    def insert(self, index: int, module: Module) -> None:
        super().insert(index, module)
        if self._names is not None:
            self._names.insert(index, self._names.pop())

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        if self._names is not None:
            del self._names[index]

    def _parts(self) -> Iterator[tuple[str, Any]]:
        for k, (name, part) in enumerate(super()._parts()):
            yield (self._names[k] if self._names is not None and k < len(self._names) else name), part

    def _picked(self, index: slice) -> list[Any]:
        modules = self._modules[index]
        return modules if self._names is None else [dict(zip(self._names[index], modules, strict=True))]

    def forward(self, x: Any) -> Any:
        """The output of the last module."""
        for module in self._modules:
            x = module(x)
        return x


class SeqToANNContainer(Sequential):
    """Runs layers that know nothing of time on a sequence: (T, N, *) is made (T·N, *), and back.

    All steps share one call, so batch norm takes its statistics over T·N, and dropout keeps one mask for all steps.

    Args:
        *modules: layers without memory.

    Shape: (T, N, *) → (T, N, *').

    Raises:
        TypeError: a spiking neuron inside; it would take the steps for samples.
        ValueError: an input without a time and a batch axis.
    """

    def append(self, module: Module) -> SeqToANNContainer:
        super().append(module)
        for inner in module.modules():
            if isinstance(inner, BaseNode):
                raise TypeError(
                    f"SeqToANNContainer: {type(inner).__name__} has a memory, and would take time steps for samples. Put "
                    "it beside the container, not inside."
                )
        return self

    def forward(self, x: Any) -> Tensor:
        """(T, N, *) → (T, N, *')."""
        x = as_tensor(x)
        if x.ndim < 2:
            raise ValueError(f"SeqToANNContainer: expected an input (T, N, ...), got shape {x.shape}.")
        steps, batch = x.shape[:2]
        with _in_sequence(self, steps):
            y = super().forward(x.reshape(steps * batch, *x.shape[2:]))
        if y.shape[:1] != (steps * batch,):
            raise ValueError(
                f"SeqToANNContainer: the layers changed the first axis, got an output {y.shape}; expected "
                f"({steps * batch}, ...) for {steps} steps of {batch} samples."
            )
        return y.reshape(steps, batch, *y.shape[1:])


class MultiStepContainer(Sequential):
    """Applies single-step modules at each step of a sequence, with gradients at every step.

    Neurons inside run in step mode 's', whatever they are set to, and keep their state until `functional.reset_net`;
    dropout keeps one mask for all steps.

    Args:
        *modules: in order.

    Shape: (T, N, *) → (T, N, *').
    """

    def forward(self, x: Any) -> Tensor:
        """(T, N, *) → (T, N, *')."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[0] == 0:
            raise ValueError(f"MultiStepContainer: expected an input (T, N, ...) with T >= 1, got shape {x.shape}.")
        # the steps may as well be samples: one call for all
        if x.ndim > 2 and all(map(_is_per_sample, self._modules)):
            y = super().forward(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]))
            return y.reshape(*x.shape[:2], *y.shape[1:])
        with _single_step(self), _in_sequence(self, 1):
            return F.stack([super(MultiStepContainer, self).forward(step) for step in F.unstack(x)])


def _is_per_sample(module: Module) -> bool:
    """Tell whether a module treats each sample by itself; a subclass with a forward of its own must say so itself."""
    order = type(module).__mro__
    computes = next(k for k, c in enumerate(order) if "forward" in vars(c))
    says = next(k for k, c in enumerate(order) if "per_sample" in vars(c))
    return module.per_sample and (says <= computes or order[computes].__module__.startswith("grillyx.nn."))


@contextmanager
def _set(modules: Iterable[Any], attribute: str, value: Any) -> Iterator[None]:
    before = [(m, getattr(m, attribute)) for m in modules]
    for module, _ in before:
        setattr(module, attribute, value)
    try:
        yield
    finally:
        for module, old in before:
            setattr(module, attribute, old)


def _single_step(container: Module) -> Any:
    return _set([m for m in container.modules() if hasattr(m, "step_mode")], "step_mode", "s")


def _in_sequence(container: Module, steps: int) -> Any:
    return _set([m for m in container.modules() if isinstance(m, Dropout)], "_steps", steps)
