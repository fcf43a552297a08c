"""Checks of numbers and seeds that models, stimuli and generators share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.ops import LONGEST_LOOP
from grillyx.ops import random as random_ops

MOST_NEURONS = 2**26
MOST_STEPS = LONGEST_LOOP  # that a spike has an effect: a thread goes through them
_INSIDE = {
    "any": ("a finite number", lambda x: True),
    "not negative": ("0 or more", lambda x: x >= 0.0),
    "positive": ("more than 0", lambda x: x > 0.0),
    "share": ("0 to 1", lambda x: 0.0 <= x <= 1.0),
}


def number(value: Any, what: str, owner: str, kind: str = "any", endless: bool = False) -> float:
    """Return a number that float32 can hold; `kind`: a key of `_INSIDE`; `endless`: infinity is one too."""
    try:
        if isinstance(value, (str, bytes)):  # float("3") would be 3.0
            raise TypeError
        out = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {what} must be a number, got {value!r}; expected {_INSIDE[kind][0]}.") from None
    words, inside = _INSIDE[kind]
    fits = abs(out) <= float(np.finfo(np.float32).max) or (endless and out == math.inf)
    if not fits or not inside(out):
        raise ValueError(
            f"{owner}: {what} out of range, got {value!r}; expected {words}{' or inf' if endless else ''}."
        )
    return out


def whole(value: Any, what: str, owner: str, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`."""
    if not hasattr(value, "__index__") or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {what} must be a whole number, got {value!r}; expected {least} to {most}.")
    out = int(value.__index__())
    if not least <= out <= most:
        raise ValueError(f"{owner}: {what} out of range, got {out}; expected {least} to {most}.")
    return out


def generator(rng: Any, owner: str) -> np.random.Generator:
    """Return a NumPy generator: the one given, one of a seed, or for None one that `grillyx.manual_seed` determines."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        default = random_ops.DEFAULT
        call, default.calls = default.calls, default.calls + 1
        return np.random.default_rng([default.seed, call])
    if not isinstance(rng, (int, np.integer)) or isinstance(rng, bool) or rng < 0:
        raise TypeError(
            f"{owner}: rng makes no generator, got {rng!r}; expected an integer from 0, a numpy.random.Generator, or None for "
            "grillyx.manual_seed."
        )
    return np.random.default_rng(int(rng))
