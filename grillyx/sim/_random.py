"""Where the random numbers of a model come from: a seed, and how many steps have drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from grillyx.ops import random


def generator_of(rng: Any, who: str) -> random.Generator:
    """Return a generator of its own for a model.

    Args:
        rng: a seed, an integer from 0 to 2**64 - 1; a NumPy generator, which gives one; anything with torch's ``initial_seed()``; or
            None: the next seed from `grillyx.manual_seed`.
        who: the class that asks, for errors.

    Raises:
        TypeError: something else.
        ValueError: a seed out of range.
    """
    if rng is None:
        default = random.DEFAULT
        seed = np.random.SeedSequence([default.seed, default.calls, 0x51]).generate_state(1, np.uint64)[0]
        default.calls += 1
        return random.Generator(int(seed))
    if isinstance(rng, np.random.Generator):
        return random.Generator(int(rng.integers(1 << 63)))
    if callable(getattr(rng, "initial_seed", None)):
        return random.Generator(int(rng.initial_seed()) & 0xFFFFFFFFFFFFFFFF)
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        if not 0 <= int(rng) < 1 << 64:
            raise ValueError(f"{who}: rng is out of range, got {rng}; expected a seed from 0 to 2**64 - 1.")
        return random.Generator(int(rng))
    raise TypeError(
        f"{who}: rng is no source of random numbers, got {type(rng).__name__}; expected a seed, numpy.random.default_rng(...) or None."
    )
