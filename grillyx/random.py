"""Random numbers: counter-based (Philox), so that one seed gives the same run on every device, bit for bit."""

from __future__ import annotations

from grillyx.autograd import Tensor
from grillyx.functional import _check
from grillyx.ops import random as random_ops


def manual_seed(seed: int) -> None:
    """Start all random numbers of grillyx again: first weights, dropout, encoders, `rand`, `randn`.

    Args:
        seed: an integer from 0 to 2**64 - 1.

    Raises:
        ValueError: anything else.
    """
    random_ops.DEFAULT.manual_seed(seed)


def _shape(shape: tuple) -> tuple[int, ...]:
    out = _check.shape_of(shape[0] if len(shape) == 1 else shape)
    if any(n < 0 for n in out):
        raise ValueError(f"grillyx.random: lengths are not negative, got {out}.")
    return out


def rand(*shape: int) -> Tensor:
    """Return uniform values in [0, 1) with 24 random bits each."""
    return Tensor(random_ops.uniform(_shape(shape), 0.0, 1.0))


def randn(*shape: int) -> Tensor:
    """Return normal values of mean 0 and deviation 1."""
    return Tensor(random_ops.normal(_shape(shape), 0.0, 1.0))
