"""Parameters and modules under names or numbers, for a `forward` written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grillyx.nn._module import Module, Parameter


class ParameterList(Module):
    """A list of parameters; their names are their positions.

    Args:
        values: the first ones; what is no `Parameter` is made one.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._values: list[Parameter] = []
        self.extend(values)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield from ((str(k), p) for k, p in enumerate(self._values))

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end."""
        self._values.append(value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add parameters at the end."""
        for value in values:
            self.append(value)
        return self

    def __getitem__(self, index: Any) -> Any:
        return ParameterList(self._values[index]) if isinstance(index, slice) else self._values[index]

    def __setitem__(self, index: int, value: Any) -> None:
        self._values[index] = value if isinstance(value, Parameter) else Parameter(value)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._values)

    def extra_repr(self) -> str:
        return ", ".join(f"({k}): {p.shape}" for k, p in enumerate(self._values))


class ModuleDict(Module):
    """A dict from names to modules, in the order in which they came.

    Args:
        modules: the first ones: a dict, or pairs.
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self._modules: dict[str, Module] = {}
        self.update(modules)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield from self._modules.items()
        yield from ((k, v) for k, v in super()._parts() if k != "_modules")

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or replace those of the same names."""
        for name, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"ModuleDict: a name is a word without dots, got {name!r}.")
        if not isinstance(module, Module):
            raise TypeError(f"ModuleDict: holds modules only, got {type(module).__name__}.")
        self._modules[name] = module

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def pop(self, name: str) -> Module:
        """Take a module out."""
        return self._modules.pop(name)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()
