"""Rows with mean 0 and variance 1: layer norm, RMS norm, group norm."""

from __future__ import annotations

import functools
import math
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import cast
from grillyx.ops.reduce import neighbours, reduced
from grillyx.ops.shape import fill
from grillyx.ops.softmax import rows_plan

LONGEST_ROW = 8 * LONGEST_LOOP  # words, and as many quads where a row has only such
_THREADS = {False: 2048, True: 32768}  # that keep a device busy, NEAR or not


def fits(rows: int, inner: int) -> bool:
    """Tell whether one workgroup can take in a row of that length, of channels `inner` long."""
    return rows <= (4 * LONGEST_ROW if inner % 4 == 0 else LONGEST_ROW)


def _columns(x: Array, g: Array, stats: Array, n: int, rows: int) -> tuple[Array, Array]:
    """Return the gradients of a weight and a bias for each place of a row."""
    near, wide = neighbours(x), rows % 4 == 0
    columns = rows // 4 if wide else rows
    chunks = max(-(-n // LONGEST_LOOP), min(-(-n // 16), -(-_THREADS[near] // columns)))
    chunk = -(-n // chunks)
    chunks = -(-n // chunk)
    gw, gb = empty((chunks, rows)), empty((chunks, rows))
    kernel("norm_columns")(
        grid(chunks * columns, 8), 8 * x.size, x=x, gy=g, stats=stats, gw=gw, gb=gb, n=n, columns=columns, chunk=chunk,
        threads=chunks * columns, WIDE=int(wide),
    )  # fmt: skip
    return gw, gb


def _channels(x: Array, g: Array, stats: Array, inner: int, together: int, channels: int) -> tuple[Array, Array]:
    """Return what each sample gives to the gradients of a weight and a bias for each channel."""
    n = x.size // inner
    groups, sizes = rows_plan(n, inner, neighbours(x))
    gw, gb = empty((n // channels, channels)), empty((n // channels, channels))
    kernel("norm_channels")(
        groups, 8 * x.size, x=x, gy=g, stats=stats, gw=gw, gb=gb, n=n, rows=inner, channels=together, **sizes
    )
    return gw, gb


def norm(
    x: Array, weight: Array | None, bias: Array | None, *, rows: int, eps: float, center: bool = True, groups: int = 0
) -> Result:
    """Normalize each row of `rows` words; with groups, x is (N, C, *), a row is a group, and weights go by channel."""
    x = cast(x, FLOAT)
    n = x.size // rows if rows else 0
    channels = x.shape[1] if groups else rows
    inner = math.prod(x.shape[2:]) if groups else 1
    near = neighbours(x)
    workgroups, sizes = rows_plan(n, rows, near, not groups or inner % 4 == 0)
    together = channels // groups if groups else 1
    per = 4 * sizes["WIDE"] / inner if sizes["WIDE"] and inner else 1.0 / max(inner, 1)
    shared: dict[str, Any] = sizes | {
        "n": n, "rows": rows, "groups": groups, "channels": together, "per": per, "CENTER": int(center),
        "CHANNELS": int(groups > 0), "WEIGHTED": int(weight is not None),
    }  # fmt: skip
    y, stats = empty(x.shape), empty((n, 2))
    if y.size:
        kernel("norm_rows")(
            workgroups, 24 * x.size, x=x, weight=weight or x, bias=bias or x, y=y, stats=stats, eps=eps,
            BIASED=int(bias is not None), **shared,
        )  # fmt: skip
    shapes = [None if v is None else v.shape for v in (weight, bias)]

    def pullback(g: Array) -> Any:
        def for_x() -> Array:
            gx = empty(x.shape)
            if gx.size:
                kernel("norm_rows_backward")(
                    workgroups, 24 * x.size, x=x, gy=g, weight=weight or x, stats=stats, gx=gx, **shared
                )
            return gx

        @functools.cache
        def parts() -> tuple[Array, Array]:
            return _channels(x, g, stats, inner, together, channels) if groups else _columns(x, g, stats, n, rows)

        def total(k: int) -> Array:
            shape = shapes[k]
            assert shape is not None
            return reduced(parts()[k], [0], "sum").reshape(shape) if x.size else fill(shape, 0.0)

        return for_x, *(None if shapes[k] is None else functools.partial(total, k) for k in (0, 1))

    return y, pullback
