"""Spikes as bits, 1/32 of the memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.ops import spikes

_pack = differentiable(spikes.pack)
_unpack = differentiable(spikes.unpack)


def pack_spikes(s: Any) -> Tensor:
    """Return spikes as words of 32: spike i, counted in C order over all axes, is bit ``i % 32`` of word ``i // 32``.

    What is not 0 is a spike. Bits beyond the last spike are 0. There is no gradient.

    Args:
        s: spikes of any shape.

    Returns:
        uint32, (ceil(size / 32),).
    """
    return _pack(as_tensor(s).detach())


def unpack_spikes(bits: Any, shape: Any) -> Tensor:
    """Return the spikes that `pack_spikes` made words of, as float32 0 and 1.

    Args:
        bits: uint32, (ceil(size / 32),).
        shape: the shape of the spikes.

    Raises:
        TypeError: `bits` is not uint32.
        ValueError: the shape has another size.
    """
    bits, shape = as_tensor(bits), _check.shape_of(shape)
    if bits.dtype != np.uint32:
        raise TypeError(f"unpack_spikes: expected words of uint32 from pack_spikes, got {bits.dtype}.")
    if any(n < 0 for n in shape) or bits.shape != (-(-math.prod(shape) // 32),):
        raise ValueError(
            f"unpack_spikes: the shape does not fit, got {shape} for words of shape {bits.shape}; expected one of "
            f"{32 * bits.size - 31} to {32 * bits.size} spikes."
        )
    return _unpack(bits, shape=shape)
