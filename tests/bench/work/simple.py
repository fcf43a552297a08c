"""Ops that only move memory, and ops that are next to nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import Tensor
from tests.bench import peers
from tests.bench.work.row import Array, Row, Work, done, floats

LARGE = 1 << 24
CHAIN = 1000


def tiny() -> Work:
    """An addition of four numbers, read back: what one op costs by itself."""
    x = floats(4)
    t = Tensor(x)
    work = Work(32, 4, {peers.OURS: lambda: (t + 1.0).numpy(), "NumPy": lambda: x + 1.0})
    if peers.HAS_TORCH:
        import torch

        p = torch.from_numpy(x)
        work.calls["torch"] = lambda: (p + 1.0).numpy()
    if peers.HAS_COMPUTEML:
        _, context = peers.computeml()
        c = context.asarray(x)
        work.calls["computeml"] = lambda: (c * 2.0).numpy()
    return work


def chain() -> Work:
    """A thousand additions of four numbers, each of the one before, read back once."""
    x = floats(4)

    def loop(start: Any, read: Callable[[Any], Any], factor: Any = 1.0) -> Callable[[], None]:
        def call() -> None:
            y = start
            for _ in range(CHAIN):
                y = y * factor
            read(y)

        return call

    ours = loop(Tensor(x), lambda y: y.numpy())

    def without_gradients() -> None:
        with grillyx.no_grad():
            ours()

    work = Work(32 * CHAIN, 4 * CHAIN, {peers.OURS: without_gradients, "NumPy": loop(x, lambda y: y)})
    if peers.HAS_TORCH:
        import torch

        work.calls["torch"] = loop(torch.from_numpy(x), lambda y: y)
    if peers.HAS_COMPUTEML:
        _, context = peers.computeml()
        work.calls["computeml"] = loop(context.asarray(x), lambda y: y.numpy())
    return work


Function = Callable[..., Any]


def each(ours: Function, numpy: Function, torch: str, inputs: int, bytes: float, flops: float) -> Callable[[], Work]:
    """Return a row of an op on vectors; `torch` is its source in torch, with x, y, z for the inputs."""

    def build() -> Work:
        arrays = [floats(LARGE) for _ in range(inputs)]
        return on(arrays, ours, numpy, torch, bytes * LARGE, flops * LARGE)

    return build


def on(arrays: list[Array], ours: Function, numpy: Function, torch: str, bytes: float, flops: float) -> Work:
    """Return the work of a function of these arrays, written three times."""
    tensors = [Tensor(a) for a in arrays]
    work = Work(bytes, flops, {peers.OURS: lambda: done(ours(*tensors)), "NumPy": lambda: numpy(*arrays)})
    if peers.HAS_TORCH:
        import torch as module

        call = eval(f"lambda x, y=None, z=None: {torch}", {"torch": module})
        there = [module.from_numpy(a) for a in arrays]
        work.calls["torch"] = lambda: call(*there)
    return work


def table(
    shape: tuple[int, int], ours: Function, numpy: Function, torch: str, bytes: float, flops: float
) -> Callable[[], Work]:
    """Return a row of an op on a table."""

    def build() -> Work:
        size = shape[0] * shape[1]
        return on([floats(*shape)], ours, numpy, torch, bytes * size, flops * size)

    return build


def _numpy_softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


ROWS = [
    Row("one op on 4 numbers, read back", tiny),
    Row("1000 ops on 4 numbers in a row", chain),
    Row("copy, 16M", each(copy.deepcopy, np.copy, "x.clone()", 1, 8, 0)),
    Row("a b, 16M", each(lambda x, y: x * y, np.multiply, "x * y", 2, 12, 1)),
    Row("relu(a b + c), 16M",
        each(lambda x, y, z: F.relu(x * y + z), lambda x, y, z: np.maximum(x * y + z, 0), "torch.relu(x * y + z)", 3, 16, 3)),
    Row("exp, 16M", each(F.exp, np.exp, "torch.exp(x)", 1, 8, 10)),
    Row("sum, 16M", each(lambda x: x.sum(), np.sum, "x.sum()", 1, 4, 1)),
    Row("sum of columns, 4096 × 4096",
        table((4096, 4096), lambda x: x.sum(axis=0), lambda x: x.sum(0), "x.sum(0)", 4, 1)),
    Row("sum of rows, 4096 × 4096",
        table((4096, 4096), lambda x: x.sum(axis=1), lambda x: x.sum(1), "x.sum(1)", 4, 1)),
    Row("max of rows, 4096 × 4096",
        table((4096, 4096), lambda x: x.max(axis=1), lambda x: x.max(1), "x.amax(1)", 4, 1)),
    Row("softmax of rows, 8192 × 1000",
        table((8192, 1000), lambda x: F.softmax(x, axis=-1), _numpy_softmax, "torch.softmax(x, -1)", 8, 14)),
    Row("transpose, 4096 × 4096",
        table((4096, 4096), lambda x: x.T, lambda x: np.ascontiguousarray(x.T), "x.T.contiguous()", 8, 0)),
]  # fmt: skip
