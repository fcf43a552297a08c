"""Currents ``x W^T`` of leaky neurons as pairs of floats, for all of them or for those on a list."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from grillyx.engine.array import Array, Storage, empty, from_numpy
from grillyx.engine.device import Device
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP
from grillyx.ops.gemm_plan import body
from grillyx.ops.reduce import reduced

_ROWS = 8  # rows of a thread that works by itself
ROUNDS = 64  # neurons of a list that a thread may take one after another, where a thread without work costs as much as one with
_fused: dict[Device, bool] = {}
_weights: WeakKeyDictionary[Storage, tuple[int, Array]] = WeakKeyDictionary()  # a version, and squares of its rows


def fused(device: Device) -> bool:
    """Tell whether the device's ``fma`` rounds once, which Vulkan leaves open; tried once."""
    found = _fused.get(device)
    if found is None:
        one = 1.0 + 2.0**-12
        x, y = from_numpy(np.array([one, one], np.float32)), empty((1,))
        kernel("fused")((1, 1, 1), 12, x=x, y=y)
        found = _fused[device] = float(y.numpy()[0]) == 2.0**-24
    return found


def _squares(x: Array) -> Array:
    return reduced(x, [1], "sum_of_squares")


def _squares_of_weights(w: Array) -> Array:
    """Return the sum of squares of each row, computed once for each version of the weights."""
    version, found = _weights.get(w.storage, (None, None))
    if found is None or version != w.storage.version or found.shape != w.shape[:1]:
        found = _squares(w)
        _weights[w.storage] = w.storage.version, found
    return found


class Currents:
    """``x W^T`` as pairs of floats, for some rows of x at a time."""

    def __init__(self, x: Array, x_low: Array | None, w: Array, w_low: Array | None) -> None:
        self.x, self.w, self.x_low, self.w_low = x, w, x_low, w_low
        self.xx, self.ww = _squares(x), _squares_of_weights(w)

    def rows(self, begin: int, count: int, only: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """Return (count, n); or of the neurons on a list (and how many these are) `only`, side by side."""
        x, w = self.x, self.w
        (n, m), device = w.shape, w.storage.device
        high, low = empty((count, n)), empty((count, n))
        shared = body(device) == "subgroup"
        sg = device.info.subgroup_size if shared else _ROWS
        each = 2 if shared and n > sg else 1
        width = sg * each if shared else 1
        across = -(-n // width) if only is None else -(-lanes(device, n, 64) // width)
        tiles = -(-count // sg) * across
        names, listed = only or (x, x)
        most = 4 * LONGEST_LOOP // (1 if only is None else ROUNDS)
        for first in range(0, m, most):
            last = min(first + most, m)
            kernel("ode_current_subgroup" if shared else "ode_current")(
                grid(tiles, 1) if shared else grid(tiles), count * n * (last - first), x=x, x_low=self.x_low or x, w=w,
                w_low=self.w_low or w, x_squares=self.xx, w_squares=self.ww, current0=high, current1=low, rows=count, n=n,
                m=m, first=first, last=last, across=across, begin=begin, local_size=sg if shared else 64,
                FUSED=int(fused(device)), LOW_X=int(self.x_low is not None), LOW_W=int(self.w_low is not None),
                MORE=int(first > 0), QUADS=int(m % 4 == 0), SG=sg, CJ=each, LISTED=int(only is not None), list=names, listed=listed,
            )  # fmt: skip
        return high, low


def lanes(device: Device, n: int, least: int = 256) -> int:
    """Return how many threads shall share a list of up to n neurons: fewer on a CPU, where those without work cost time."""
    return max(min(n, least), -(-n // ROUNDS)) if body(device) == "subgroup" else n
