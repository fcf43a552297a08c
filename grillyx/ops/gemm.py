"""Matrix products: two bodies with one interface, chosen by the kind of device."""

from __future__ import annotations

import math
import os
from typing import Any

from grillyx.engine.array import FLOAT, Array, empty
from grillyx.engine.device import Device
from grillyx.engine.kernel import kernel
from grillyx.ops import LONGEST_LOOP, Result
from grillyx.ops.pointwise import cast
from grillyx.ops.reduce import reduced, unbroadcast
from grillyx.ops.shape import Shape, expanded, fill

NN, NT, TN = 0, 1, 2  # which operand is stored transposed: none, the second, the first
BODIES = ("subgroup", "tiled")
_MAX_GROUPS = 65535


def body(device: Device) -> str:
    """Return which body this device uses: ``"subgroup"`` on CPU devices, ``"tiled"`` on GPUs (or ``GRILLYX_GEMM``).

    Raises:
        ValueError: ``GRILLYX_GEMM`` names no body, or one that this device cannot run.
    """
    info = device.info
    able = info.subgroup_shuffle and info.subgroup_size in (4, 8, 16)
    wanted = os.environ.get("GRILLYX_GEMM", "")
    if wanted == "":
        return "subgroup" if info.type == "cpu" and able else "tiled"
    if wanted not in BODIES or (wanted == "subgroup" and not able):
        raise ValueError(f"GRILLYX_GEMM: got {wanted!r}; expected one of {', '.join(BODIES if able else BODIES[1:])}.")
    return wanted


def product(a: Array, b: Array, kind: int, bias: Array | None = None) -> Array:
    """Return the matrix product of the last two axes; leading axes are equal, or missing in one operand."""
    m, k = (a.shape[-1], a.shape[-2]) if kind == TN else (a.shape[-2], a.shape[-1])
    n = b.shape[-2] if kind == NT else b.shape[-1]
    lead = a.shape[:-2] if a.ndim >= b.ndim else b.shape[:-2]
    batch = math.prod(lead)
    c = empty((*lead, m, n))
    if c.size == 0:
        return c
    if k == 0:
        return expanded(bias, c.shape) if bias is not None else fill(c.shape, 0.0)
    device = a.storage.device
    sizes = {
        "M": m, "N": n, "K": k, "batch_a": m * k if a.ndim > 2 else 0, "batch_b": k * n if b.ndim > 2 else 0,
        "batch_c": m * n,
    }  # fmt: skip
    if batch > _MAX_GROUPS:
        raise NotImplementedError(
            f"matmul: too many matrices in a batch, got {batch:,}; expected at most {_MAX_GROUPS:,}."
        )
    run = _subgroup if body(device) == "subgroup" else _tiled
    for first in range(0, k, LONGEST_LOOP):
        sizes |= {"first": first, "last": min(first + LONGEST_LOOP, k), "ADD": int(first > 0)}
        now = bias if first == 0 else None
        work = max(4 * (a.size + b.size + c.size), batch * m * n * min(k, LONGEST_LOOP) // 8)
        run({"a": a, "b": b, "bias": now or a, "c": c}, sizes, kind, batch, work, now is not None)
    return c


def _subgroup(arrays: dict[str, Array], sizes: dict[str, int], kind: int, batch: int, work: int, bias: bool) -> None:
    m, n, k, sg = sizes["M"], sizes["N"], sizes["K"], arrays["a"].storage.device.info.subgroup_size
    aligned_a = (m if kind == TN else k) % 4 == 0
    aligned_b = (k if kind == NT else n) % 4 == 0
    # measured: with A transposed, loading four rows at a time wins; NT with so many accumulators would spill
    rows = 4 if kind == TN and aligned_a and m >= 4 * sg else 2
    kernel("gemm_subgroup")(
        (-(-n // (4 * sg)), -(-m // (rows * sg)), batch), work, **arrays, **sizes, local_size=sg, SG=sg, RA=rows,
        KIND=kind, AV=int(aligned_a), BV=int(aligned_b), CV=int(n % 4 == 0), BIAS=int(bias),
    )  # fmt: skip


def _tiled(arrays: dict[str, Array], sizes: dict[str, int], kind: int, batch: int, work: int, bias: bool) -> None:
    m, n = sizes["M"], sizes["N"]
    tile = 4 if m > 32 and n > 32 else 2
    kernel("gemm_tiled")(
        (-(-n // (16 * tile)), -(-m // (16 * tile)), batch), work, **arrays, **sizes, TM=tile, TN=tile, KIND=kind,
        BIAS=int(bias),
    )  # fmt: skip


def _flat(x: Array) -> Array:
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def linear(x: Array, weight: Array, bias: Array | None) -> Result:
    """``x @ weight.T + bias``: x (*, in), weight (out, in), bias (out,), value (*, out)."""
    rows = _flat(cast(x, FLOAT))
    before, shape = x.shape, (*x.shape[:-1], weight.shape[0])
    y = product(rows, weight, NT, bias).reshape(shape)
    biased = bias is not None

    def pullback(g: Array) -> Any:
        flat = _flat(g)
        return (
            lambda: product(flat, weight, NN).reshape(before),
            lambda: product(flat, rows, TN),
            (lambda: reduced(flat, [0], "sum")) if biased else None,
        )

    return y, pullback


def matmul(a: Array, b: Array) -> Result:
    """``a @ b`` with NumPy's rules: vectors, batches, broadcasting of the leading axes."""
    a, b = cast(a, FLOAT), cast(b, FLOAT)
    a2 = a.reshape((1, *a.shape)) if a.ndim == 1 else a
    b2 = b.reshape((*b.shape, 1)) if b.ndim == 1 else b
    lead = _broadcast(a2.shape[:-2], b2.shape[:-2])
    if b2.ndim == 2 and a2.ndim > 2:  # one matrix on the right: a single large product
        a2 = _flat(a2)
        joined: Shape = (*lead, a.shape[-2])
    else:
        a2 = _batch(a2, lead)
        b2 = _batch(b2, lead)
        joined = (*lead, a2.shape[-2])
    c = product(a2, b2, NN)
    full = (*joined, b2.shape[-1])
    shape = tuple(
        n
        for k, n in enumerate(full)
        if not (k == len(full) - 2 and a.ndim == 1) and not (k == len(full) - 1 and b.ndim == 1)
    )

    def pullback(g: Array) -> Any:
        g2 = g.reshape(c.shape)

        def for_a() -> Array:
            ga = product(g2, b2, NT)
            return (
                ga.reshape(a.shape) if ga.size == a.size else unbroadcast(ga.reshape((*lead, *a2.shape[-2:])), a.shape)
            )

        def for_b() -> Array:
            gb = product(a2, g2, TN)
            return (
                gb.reshape(b.shape) if gb.size == b.size else unbroadcast(gb.reshape((*lead, *b2.shape[-2:])), b.shape)
            )

        return for_a, for_b

    return c.reshape(shape), pullback


def _broadcast(a: Shape, b: Shape) -> Shape:
    import numpy as np

    return np.broadcast_shapes(a, b)


def _batch(x: Array, lead: Shape) -> Array:
    """Give x the leading axes as one batch axis; a single matrix stays as it is, the kernel repeats it."""
    if math.prod(x.shape[:-2]) == 1:
        return x.reshape(x.shape[-2:]) if lead else x
    full = expanded(x, (*lead, *x.shape[-2:]))
    return full.reshape((math.prod(lead), *x.shape[-2:]))
