"""Matrix products: `product` is the one entry, for any strides and with an epilogue; `linear` and `matmul` use it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grillyx.engine.array import FLOAT, Array, Storage, empty, put_off_job
from grillyx.engine.kernel import grid, kernel
from grillyx.ops import Result
from grillyx.ops.gemm_plan import BODIES, CHOSEN, NN, NT, TN, Plan, body, plan
from grillyx.ops.pointwise import cast
from grillyx.ops.reduce import reduced, unbroadcast
from grillyx.ops.shape import Shape, broadcast_strides, collapse, expanded

__all__ = [
    "ACTIVATIONS",
    "BODIES",
    "CHOSEN",
    "NN",
    "NT",
    "TN",
    "Matrices",
    "body",
    "linear",
    "matmul",
    "plan",
    "product",
]

ACTIVATIONS = ("none", "relu", "gelu", "silu", "sigmoid", "tanh")  # the order of `activated` in gemm.glsl
_VARIANTS = ("nn", "nt", "tn")
_ADDED, _MULTIPLIED, _MASKED = 1, 2, 3  # what an epilogue does with its extra operand
_MAX_GROUPS = 65535


@dataclass(frozen=True)
class Matrices:
    """Equal matrices inside an array, such as a slice of one or the heads of several: which words they are.

    Attributes:
        array: whose memory it is; its own shape does not matter.
        rows, columns: of each matrix.
        ld: words from a row to the next.
        start: words before the first matrix.
        outer, inner: how many matrices there are along two axes, and the words from one to the next; a step of 0
            repeats a matrix.
    """

    array: Array
    rows: int
    columns: int
    ld: int
    start: int = 0
    outer: tuple[int, int] = (1, 0)
    inner: tuple[int, int] = (1, 0)

    @property
    def words(self) -> int:
        """How many words are touched, from the beginning of the array."""
        last = [(count - 1) * step for count, step in (self.outer, self.inner, (self.rows, self.ld))]
        return self.start + sum(last) + self.columns

    @property
    def quads(self) -> bool:
        """Whether every row begins at a multiple of four words."""
        steps = [step for count, step in (self.outer, self.inner) if count > 1]
        return all(words % 4 == 0 for words in (self.ld, self.start, *steps))


def product(
    a: Array | Matrices, b: Array | Matrices, kind: int, bias: Array | None = None, activation: str | None = None,
    residual: Array | None = None, mask: Array | None = None, scale: Array | None = None, out: Matrices | None = None,
) -> Array:  # fmt: skip
    """Return ``activation(A B + bias + residual)``, masked or scaled, for matrices in the last two axes.

    Args:
        a: (..., m, k), or (..., k, m) if `kind` is `TN`; or a description of matrices inside an array.
        b: (..., k, n), or (..., n, k) if `kind` is `NT`. Leading axes of arrays broadcast.
        kind: `NN`, `NT` or `TN`.
        bias: (n,).
        activation: one of `ACTIVATIONS`.
        residual: of the product's size, contiguous; added before the activation.
        mask: likewise; the result is 0 where it is 0, whatever was there.
        scale: likewise; multiplied after the activation. At most one of residual, mask and scale.
        out: where to write, instead of into a new array; returned is its array.

    Raises:
        ValueError: sizes or dtypes do not fit.
    """
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"product: unknown activation, got {activation!r}; expected one of {', '.join(ACTIVATIONS)}.")
    lead: Shape | None = None
    if isinstance(a, Array) and isinstance(b, Array):
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        if 0 in lead:
            return empty((*lead, a.shape[-1 if kind == TN else -2], b.shape[-2 if kind == NT else -1]))
        a, b = _stacked(a, b, lead)
    x, y = (_matrix(v) if isinstance(v, Array) else v for v in (a, b))
    m, k = (x.columns, x.rows) if kind == TN else (x.rows, x.columns)
    n, k_b = (y.rows, y.columns) if kind == NT else (y.columns, y.rows)
    outer, inner = (_count(p, q) for p, q in ((x.outer, y.outer), (x.inner, y.inner)))
    if k != k_b or 0 in (outer, inner):
        raise ValueError(f"product: sizes do not fit together, got {x} and {y} for {_VARIANTS[kind]}.")
    batch = outer * inner
    if lead is None:
        lead = tuple(count for count in (outer, inner) if count > 1)
    if out is None and not any((activation, residual, mask, scale)) and batch * m * n:
        return _put_off(x, y, kind, (outer, inner, m, n), (*lead, m, n), bias)
    target = out or _contiguous(empty((*lead, m, n)), outer, inner, m, n)
    extras = [(v, code) for v, code in ((residual, _ADDED), (scale, _MULTIPLIED), (mask, _MASKED)) if v is not None]
    _check(x, y, target, (outer, inner, m, n), bias, [v for v, _ in extras])
    extra, code = extras[0] if extras else (None, 0)
    if out is not None and out.array.storage.expression is None:
        out.array.storage.version += 1
    if batch * m * n == 0:
        return target.array
    x, y = _repeated(x, outer, inner), _repeated(y, outer, inner)
    chosen = plan(target.array.storage.device, kind, batch, m, n, k, x.ld, y.ld, y.quads)
    act = ACTIVATIONS.index(activation or "none")
    _run(chosen, x, y, target, kind, (batch, m, n, k), bias, extra, {"ACT": act, "EXTRA": code})
    return target.array


def _put_off(
    x: Matrices, y: Matrices, kind: int, sizes: tuple[int, int, int, int], shape: Shape, bias: Array | None
) -> Array:
    """Return a product that is computed when it is read, so that what is applied to it may become its epilogue."""
    outer, inner, m, n = sizes
    _check(x, y, None, sizes, bias, [])
    body(x.array.storage.device)  # a wrong setting is an error here, and not where the values are read

    def run(storage: Storage, activation: str | None, extra: tuple[str, Storage] | None) -> None:
        own = None if extra is None else {extra[0]: Array(extra[1], shape, FLOAT)}
        product(
            x,
            y,
            kind,
            bias,
            activation,
            out=_contiguous(Array(storage, shape, FLOAT), outer, inner, m, n),
            **(own or {}),
        )

    return put_off_job(run, [v for v in (x.array, y.array, bias) if v is not None], shape)


def _run(
    chosen: Plan, x: Matrices, y: Matrices, target: Matrices, kind: int, sizes: tuple[int, int, int, int],
    bias: Array | None, extra: Array | None, epilogue: dict[str, int],
) -> None:  # fmt: skip
    batch, m, n, k = sizes
    across = -(-n // chosen.columns)
    columns, rows, _ = grid(across * -(-m // chosen.rows), 1)
    split = chosen.parts > 1
    c = _contiguous(empty((chosen.parts, m, n)), 1, 1, m, n) if split else target
    stays = k % 4 == 0  # whole quads along k
    aligned = {
        "AV": int(x.quads and (kind == TN or stays)), "BV": int(y.quads and (kind != NT or stays)),
        "CV": int(c.quads and n % 4 == 0),
    }  # fmt: skip
    if chosen.body == "subgroup":
        aligned["KV"] = int(stays)
    else:
        aligned["SPLIT"] = int(split)
    name = f"gemm_{chosen.body}.{_VARIANTS[kind]}"
    finish = kernel(f"{name}_f") if epilogue["ACT"] > 1 else kernel(name)
    for first in range(0, max(k, 1), chosen.chunk):
        last = min(first + chosen.chunk, k)
        # a bias begins the sum; the rest of the epilogue, and all of it where parts are added up, comes at its end
        variant: dict[str, int] = {"ADD": int(first > 0), "BIAS": int(bias is not None and first == 0 and not split)}
        if last == k and not split:
            variant |= epilogue
        for z0 in range(0, batch, _MAX_GROUPS):
            count = min(batch - z0, _MAX_GROUPS)
            work = max(4 * count * (m + n) * (last - first), count * m * n * (last - first) // 8)
            (kernel(name) if last < k else finish)(
                (columns, rows, chosen.parts if split else count), work, a=x.array, b=y.array,
                bias=x.array if bias is None else bias, extra=x.array if extra is None else extra, c=c.array,
                M=m, N=n, K=k, first=first, last=last, span=chosen.span, across=across, z0=z0, inner=target.inner[0],
                lda=x.ld, ldb=y.ld, ldc=c.ld, a0=x.start, b0=y.start, c0=c.start,
                a_outer=x.outer[1], a_inner=x.inner[1], b_outer=y.outer[1], b_inner=y.inner[1],
                c_outer=c.outer[1], c_inner=c.inner[1], **chosen.constants, **aligned, **variant,
            )  # fmt: skip
    if split:
        kernel("gemm_sum")(
            grid(m * n), 4 * (chosen.parts + 1) * m * n, x=c.array, bias=c.array if bias is None else bias,
            extra=c.array if extra is None else extra, c=target.array, M=m, N=n, parts=chosen.parts, ldc=target.ld,
            c0=target.start, BIAS=int(bias is not None), **epilogue,
        )  # fmt: skip


def _check(x: Matrices, y: Matrices, c: Matrices | None, shape: Shape, bias: Array | None, extras: list[Array]) -> None:
    for v in (x, y) if c is None else (x, y, c):
        if v.words > v.array.size or v.ld < v.columns or min(v.start, v.outer[1], v.inner[1]) < 0:
            raise ValueError(f"product: matrices reach beyond their array of {v.array.size:,} elements, got {v}.")
    if c is not None and (c.outer[0], c.inner[0], c.rows, c.columns) != shape:
        raise ValueError(f"product: the result does not fit `out`, got {shape}; expected {c}.")
    if len(extras) > 1:
        raise ValueError("product: got several of residual, mask and scale; expected at most one.")
    if any(v.size != math.prod(shape) for v in extras):
        raise ValueError(f"product: residual, mask or scale has {extras[0].size:,} elements; expected {shape}.")
    if bias is not None and bias.shape != shape[-1:]:
        raise ValueError(f"product: the bias has the wrong shape, got {bias.shape}; expected {shape[-1:]}.")
    for array in (x.array, y.array, *([] if c is None else [c.array]), *extras, *([] if bias is None else [bias])):
        if array.dtype.kind not in "fb":
            raise ValueError(f"product: takes floats, got {array.dtype}.")


def _count(p: tuple[int, int], q: tuple[int, int]) -> int:
    """Return how many matrices there are along an axis, one being repeated; 0 if that does not fit."""
    return max(p[0], q[0]) if p[0] == q[0] or 1 in (p[0], q[0]) else 0


def _repeated(v: Matrices, outer: int, inner: int) -> Matrices:
    steps = [(count, own[1] if own[0] == count else 0) for count, own in ((outer, v.outer), (inner, v.inner))]
    return replace(v, outer=steps[0], inner=steps[1])


def _matrix(x: Array) -> Matrices:
    return _contiguous(x, 1, math.prod(x.shape[:-2]), *x.shape[-2:])


def _contiguous(x: Array, outer: int, inner: int, rows: int, columns: int) -> Matrices:
    return Matrices(x, rows, columns, columns, 0, (outer, inner * rows * columns), (inner, rows * columns))


def _stacked(a: Array, b: Array, lead: Shape) -> list[Matrices]:
    """Describe two arrays whose leading axes broadcast; they are copied only if more than two axes are needed for it."""
    steps = [[s * math.prod(v.shape[-2:]) for s in broadcast_strides(v.shape[:-2], lead)] for v in (a, b)]
    counts, steps = collapse(lead, *steps)
    if counts[-3] != 1:
        return [_matrix(expanded(v, (*lead, *v.shape[-2:]))) for v in (a, b)]
    return [
        Matrices(v, v.shape[-2], v.shape[-1], v.shape[-1], 0, (counts[-2], s[-2]), (counts[-1], s[-1]))
        for v, s in zip((a, b), steps, strict=True)
    ]


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
    if b2.ndim == 2:  # one matrix on the right: a single large product
        a2 = _flat(a2)
    c = product(a2, b2, NN)
    full = (*(a.shape[:-1] if b2.ndim == 2 and a.ndim > 1 else c.shape[:-1]), b2.shape[-1])
    shape = tuple(
        n
        for k, n in enumerate(full)
        if not (k == len(full) - 2 and a.ndim == 1) and not (k == len(full) - 1 and b.ndim == 1)
    )

    def pullback(g: Array) -> Any:
        g2 = g.reshape(c.shape)

        def summed(x: Array, like: Array, matrix: Array) -> Array:
            """Sum over the leading axes along which an operand was repeated."""
            return x.reshape(like.shape) if x.size == like.size else unbroadcast(x, matrix.shape).reshape(like.shape)

        return lambda: summed(product(g2, b2, NT), a, a2), lambda: summed(product(a2, g2, TN), b, b2)

    return c.reshape(shape), pullback
