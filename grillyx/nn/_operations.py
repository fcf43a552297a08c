"""How many operations a product takes: multiplications of real numbers, or additions of weights where spikes arrive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor
from grillyx.nn._parts import Parameter
from grillyx.ops import (
    attention,
    conv,
    gemm,
    index,
    pool,
    recurrent,
    shape,
    sparse,
    sparse_dot,
    sparse_relu_dot,
    sparse_spikes,
    spikes,
    spiking_attention,
)
from grillyx.ops import elementwise as elementwise_ops
from grillyx.ops import reduce as reduce_ops
from grillyx.ops import rows as row_ops
from grillyx.ops.conv_windows import Windows

# ops that carry values from one place to another, and compute nothing
MOVES: frozenset[Callable[..., Any]] = frozenset((
    shape.reshape, shape.permute, shape.slices, shape.concatenate, reduce_ops.expand, row_ops.unstack, index.take,
    index.gather, index.one_hot, index.embedding, spikes.pack, spikes.unpack, elementwise_ops.astype, elementwise_ops.where,
))  # fmt: skip
# of these, and of maxima, every value is one of the first input's
KEEPS_VALUES = frozenset((
    shape.reshape, shape.permute, shape.slices, reduce_ops.expand, index.take, index.gather, pool.max_pool2d,
))  # fmt: skip


class Look:
    """What is known of an operand; all of it stays on the device until `settle`.

    Args:
        x: the operand.
        axes: over which its spikes are counted; by the others, each count reaches another number of outputs.
        channel: the axis along which spikes may differ in value, if `source` is given.
        source: spikes of which x is a multiple, with a factor for each channel.
    """

    def __init__(
        self, x: Tensor, axes: Sequence[int], channel: int | None = None, source: Tensor | None = None
    ) -> None:
        x = x.astype(np.float32)
        self.size = x.size
        fired = F.not_equal(x, 0.0)
        self._counts, self._value, self._same = F.sum(fired, tuple(axes)), *_value(x, None)
        self._channels: tuple[Tensor, Tensor, Tensor] | None = None
        if source is not None and channel is not None:
            source = source.astype(np.float32)
            others = tuple(k for k in range(x.ndim) if k != channel % x.ndim)
            self._channels = _value(x, others)[1], F.sum(F.not_equal(source, 0.0)), _value(source, None)[1]

    def settle(self) -> None:
        """Read what was found out."""
        self.counts = self._counts.numpy().astype(np.int64)
        self.fired = int(self.counts.sum())
        self.value: float | None = float(self._value) if int(self._same) == self.fired else None
        self.scaled = False
        if self._channels is not None:
            same, fired, alike = map(int, self._channels)
            self.scaled = same == self.fired and fired == alike
        del self._counts, self._value, self._same, self._channels


def _value(x: Tensor, axes: tuple[int, ...] | None) -> tuple[Tensor, Tensor]:
    """Return the value of a spike, if x is spikes, and how many elements have it."""
    high, low = F.amax(x, axes, True), F.amin(x, axes, True)
    value = F.where(F.greater(high, 0.0), high, low)
    return value.reshape(-1)[:1], F.sum(F.logical_and(F.equal(x, value), F.not_equal(x, 0.0)))


@dataclass
class Product:
    """One product of two operands.

    Attributes:
        dense: its multiplications, zeros included.
        looks: the operands that may be spikes; None for weights, and for what is real by nature.
        reach: for each operand, how many outputs a spike reaches; of the shape of its counts, or one number.
        both: the number of pairs of spikes that meet, from the counts of both.
    """

    dense: int
    looks: tuple[Look | None, Look | None] = (None, None)
    reach: tuple[Any, Any] = (0, 0)
    both: Callable[[np.ndarray, np.ndarray], int] | None = None

    def accumulates(self, spiking: Callable[[Look], bool]) -> int | None:
        """Return how many additions it takes; None if no operand is spikes."""
        which = [k for k, look in enumerate(self.looks) if look is not None and spiking(look)]
        if len(which) == 2 and self.both is not None:
            return self.both(*(look.counts for look in self.looks if look is not None))
        if not which:
            return None
        look, reach = self.looks[which[0]], self.reach[which[0]]
        assert look is not None
        return int((look.counts * np.asarray(reach, np.int64)).sum())


Source = Callable[[Tensor], Tensor | None]


def _linear(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    x, weight = inputs[:2]
    look = Look(x, range(x.ndim), -1, source(x)) if x.size else None
    return [Product(x.size * weight.shape[0], (look, None), (weight.shape[0], 0))]


def _hits(v: Windows, transposed: bool) -> list[np.ndarray]:
    """Return, for rows and columns, how many windows each element of the input lies in, borders included."""
    out = []
    for size, windows, k, stride, pad, spread in zip(
        v.size, v.out, v.kernel, v.stride, v.padding, v.dilation, strict=True
    ):
        at = np.arange(windows)[:, None] * stride + np.arange(k) * spread - pad
        inside = (at >= 0) & (at < size)
        out.append(inside.sum(1) if transposed else np.bincount(at[inside], minlength=size))
    return out


def _windows(transposed: bool) -> Callable[..., list[Product]]:
    def rule(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
        x, weight, v = inputs[0], inputs[1], options["windows"]
        outputs = weight.shape[1] if transposed else weight.shape[0] // v.groups
        reach = np.multiply.outer(*_hits(v, transposed)).astype(np.int64) * outputs
        look = Look(x, (0, 1), 1, source(x)) if x.size else None
        return [Product(math.prod(x.shape[:2]) * int(reach.sum()), (look, None), (reach, 0))]

    return rule


def _pairs(a: Tensor | None, b: Tensor | None, m: int, n: int, k: int, lead: tuple[int, ...]) -> Product:
    """Return (*, m, k) @ (*, k, n); an operand that is None is none of spikes."""
    batch = math.prod(lead)
    looks = (
        None if a is None or not a.size else Look(a, (a.ndim - 2,)),
        None if b is None or not b.size else Look(b, (b.ndim - 1,)),
    )
    repeats = [0 if x is None or not x.size else batch // math.prod(x.shape[:-2]) for x in (a, b)]

    def both(p: np.ndarray, q: np.ndarray) -> int:
        return int(np.broadcast_to(p * q, (*lead, k)).sum())

    return Product(batch * m * n * k, looks, (n * repeats[0], m * repeats[1]), both)


def _matmul(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    a, b = inputs
    left = a.reshape(1, -1) if a.ndim == 1 else a
    right = b.reshape(-1, 1) if b.ndim == 1 else b
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    one, two = (None if isinstance(t, Parameter) else u for t, u in ((a, left), (b, right)))
    return [_pairs(one, two, m, n, k, lead)]


def _attention(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    """Scores are a product of query and key; the weights that multiply the values are real."""
    q, k, v = inputs[:3]
    lead, rows, columns = q.shape[:-2], q.shape[-2], k.shape[-2]
    return [
        _pairs(q, F.swapaxes(k, -1, -2), rows, columns, q.shape[-1], lead),
        _pairs(None, v, rows, v.shape[-1], columns, lead),
    ]


def _attention_heads(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    given = [x for x in inputs[:3] if x is not None]
    wide = given[0].shape[-1] // (3 if len(given) == 1 else 1)
    parts = [x[..., at : at + wide] for x in given for at in range(0, x.shape[-1], wide)]
    q, k, v = (x if options["batch_first"] else F.swapaxes(x, 0, 1) for x in parts)
    # the heads are neighbours in a row, so that they share the sums over rows
    return _attention((q, k, v), options, source)


def _spiking_attention(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    """The first product is of spikes on both sides; the second is of its sums, which are real, with spikes."""
    (qkv,), heads = inputs, options["heads"]
    length, size, outer = qkv.shape[-1], qkv.shape[-2] // (3 * heads), qkv.shape[:-2]
    q, k, v = (qkv.reshape(*outer, 3, heads, size, length)[..., part, :, :, :] for part in range(3))
    lead, turned = (*outer, heads), F.swapaxes(k, -1, -2)
    if size <= length:  # (V K.T) Q
        return [_pairs(v, turned, size, size, length, lead), _pairs(None, q, size, length, size, lead)]
    return [_pairs(turned, q, length, length, size, lead), _pairs(v, None, size, length, length, lead)]


def _recurrent(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    """The state is real: a tanh, or a mean of such."""
    gx, h = inputs[:2]
    return [Product(gx.size * h.shape[-1])]


def _sparse(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    """A spike of a node arrives wherever an edge leads from it."""
    x, weight, csc = inputs[0], inputs[1], options["csc"]
    node = x.ndim - (3 if weight is not None and weight.ndim > 1 else 2)
    dense = csc.entries * math.prod(n for k, n in enumerate(x.shape) if k != node)
    look = Look(x, [k for k in range(x.ndim) if k != node], -1, source(x)) if x.size else None
    return [Product(dense, (look, None), (np.diff(Tensor(csc.start).numpy()), 0))]


def _sparse_dot(inputs: Sequence[Any], options: dict[str, Any], source: Source) -> list[Product]:
    """Both rows of a pair are of nodes, and taken as real."""
    x, csr = inputs[0], options["csr"]
    return [Product(x.size // max(csr.columns, 1) * csr.entries)]


RULES: dict[Callable[..., Any], Callable[..., list[Product]]] = {
    gemm.linear: _linear,
    spikes.spike_linear: _linear,
    gemm.matmul: _matmul,
    conv.conv: _windows(False),
    conv.conv_transpose: _windows(True),
    attention.attention: _attention,
    attention.attention_heads: _attention_heads,
    spiking_attention.spiking_attention: _spiking_attention,
    recurrent.recurrent: _recurrent,
    sparse.sparse_matmul: _sparse,
    sparse.sparse_mean: _sparse,
    sparse_dot.sparse_dot: _sparse_dot,
    sparse_relu_dot.sparse_relu_dot: _sparse_dot,
    sparse_spikes.sparse_spikes: _sparse,
}
