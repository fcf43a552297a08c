"""One function an op: arrays in, ``(value, pullback)`` out.

A pullback takes the gradient of the value and returns one entry for each input: an `Array`, None where there is no
gradient, or a function without arguments that computes it, called only if somebody wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Result = tuple[Any, Callable[..., Any] | None]

# Mesa's CPU driver ends all loops of a thread after 65,535 rounds together, without a word
LONGEST_LOOP = 1 << 14
