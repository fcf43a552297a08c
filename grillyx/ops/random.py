"""Counter-based random numbers: the same seed gives the same numbers on every device."""

from __future__ import annotations

import numpy as np

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops.pointwise import cast
from grillyx.ops.shape import Shape


class Generator:
    """A seed, and how many calls have drawn from it. Every call has a counter of its own.

    Args:
        seed: a non-negative integer below 2**64.
    """

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start again from this seed."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**64:
            raise ValueError(f"manual_seed: got {seed!r}; expected an integer from 0 to 2**64 - 1.")
        self.seed, self.calls = int(seed), 0
        return self

    def draw(self, shape: Shape, mode: int, a: float = 0.0, b: float = 0.0, x: Array | None = None) -> Array:
        """Fill an array by one mode of the shader ``random``."""
        y = empty(shape, FLOAT)
        call, self.calls = self.calls, self.calls + 1
        if y.size:
            quads = -(-y.size // 4)
            kernel("random")(
                grid(quads), 8 * y.size, x=x or y, y=y, quads=quads, a=a, b=b, MODE=mode,
                seed_low=self.seed & 0xFFFFFFFF, seed_high=self.seed >> 32,
                call_low=call & 0xFFFFFFFF, call_high=call >> 32,
            )  # fmt: skip
        return y


DEFAULT = Generator()


def uniform(shape: Shape, low: float, high: float, generator: Generator = DEFAULT) -> Array:
    """Return uniform values in [low, high)."""
    return generator.draw(shape, 0, low, high)


def normal(shape: Shape, mean: float, deviation: float, generator: Generator = DEFAULT) -> Array:
    """Return normal values."""
    return generator.draw(shape, 1, mean, deviation)


def bernoulli(chance: Array, generator: Generator = DEFAULT) -> Array:
    """Return 1 with the chance given for each element, else 0."""
    return generator.draw(chance.shape, 2, x=cast(chance, FLOAT))


def dropout_mask(shape: Shape, p: float, generator: Generator = DEFAULT) -> Array:
    """Return 0 with chance p, else 1 / (1 - p)."""
    return generator.draw(shape, 3, p)


def poisson_quantile(mean: Array, u: Array) -> Array:
    """Return the least k whose Poisson distribution function is above u; NaN for a mean that is not finite.

    Past a mean of 64 it is an expansion, which is off by 1 for one u in 1,000 or fewer.
    """
    return _quantile(mean, u, normal=False)


def normal_quantile(u: Array) -> Array:
    """Return the normal deviates of probabilities u."""
    return _quantile(u, u, normal=True)


def _quantile(mean: Array, u: Array, normal: bool) -> Array:
    y = empty(u.shape, FLOAT)
    if y.size:
        quads = -(-y.size // 4)
        kernel("quantile")(grid(quads), 64 * y.size, quads=quads, u=u, mean=mean, y=y, NORMAL=int(normal))
    return y
