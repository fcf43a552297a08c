"""`swap`: other modules in the places of some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grillyx.nn import Module


def swap(module: Module, new: Mapping[int, Module]) -> Module:
    """Replace modules wherever they stand, in lists and dicts too."""
    seen: set[int] = set()

    def put(value: Any) -> Any:
        if isinstance(value, Module):
            if id(value) in new:
                return new[id(value)]
            if id(value) not in seen:
                seen.add(id(value))
                own = vars(value)
                for key in own:
                    own[key] = put(own[key])
        elif isinstance(value, list):
            value[:] = [put(v) for v in value]
        elif type(value) is tuple:
            return tuple(put(v) for v in value)
        elif isinstance(value, dict):
            for key in value:
                value[key] = put(value[key])
        return value

    return put(module)
