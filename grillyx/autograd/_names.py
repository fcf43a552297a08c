"""torch's names for NumPy's arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])
_NAMES = {"dim": "axis", "keepdim": "keepdims"}


def torch_names(function: _Function) -> _Function:
    """Let a function take ``dim`` for ``axis`` and ``keepdim`` for ``keepdims``."""

    @functools.wraps(function)
    def called(*inputs: Any, **options: Any) -> Any:
        if options and not _NAMES.keys().isdisjoint(options):
            for theirs, ours in _NAMES.items():
                if theirs in options:
                    if ours in options:
                        raise TypeError(f"{function.__name__}: got both {theirs} and {ours}; they are the same.")
                    options[ours] = options.pop(theirs)
        return function(*inputs, **options)

    return called  # type: ignore[return-value]


def torch_differs(how: str) -> Callable[[_Function], _Function]:
    """Say, where a function is called with torch's ``dim`` or ``keepdim``, how the result would differ from torch's."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def called(*inputs: Any, **options: Any) -> Any:
            if options and not _NAMES.keys().isdisjoint(options):
                raise TypeError(f"{function.__name__}: takes axis= and keepdims=, and differs from torch: {how}")
            return function(*inputs, **options)

        return called  # type: ignore[return-value]

    return decorate
