"""Backward: the walk over the tape.

It visits nodes from the newest to the oldest, which is always a right order, and frees each one behind itself.
"""

from __future__ import annotations

import functools
import heapq
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from grillyx.autograd._tape import Link, Node
from grillyx.autograd._tensor import NOTHING, Later, Tensor, as_tensor, unwatched
from grillyx.engine.array import Array
from grillyx.ops import shape as shape_ops
from grillyx.ops.pointwise import apply, combine

Entry = Array | Callable[[], Array] | None  # one gradient, as a pullback gives it
Waiting = dict[tuple[int, int], tuple[Tensor | Link, list[Entry]]]  # gradients that are put off, by `_key`
_deferred: weakref.WeakSet[Tensor] = weakref.WeakSet()


def _key(t: Tensor | Link) -> tuple[int, int]:
    """Return what names a tensor on the tape: the op that made it and which of its results it is, or itself."""
    return (id(t), -1) if t._node is None else (id(t._node), t._index)


def seed_gradient(output: Tensor, gradient: Any) -> Array:
    """Return the gradient to start from; a missing leading time axis means the gradient of the mean over time."""
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"backward: a gradient is needed for an output of shape {output.shape}; pass one of that shape, or "
                "reduce it to one number first, as with .mean()."
            )
        return shape_ops.fill(output.shape, 1.0)
    g = as_tensor(gradient)
    if g.shape != output.shape:
        raise ValueError(f"backward: the gradient has the wrong shape, got {g.shape}; expected {output.shape}.")
    return g.astype(np.float32).array


class _Backward:
    """One walk over the tape. Contributions to tensors that are not `accepted` are put off in `waiting`."""

    def __init__(self, accept: Callable[[Tensor | Link], bool], stop: Sequence[Tensor], retain_graph: bool) -> None:
        self.accept, self.stop, self.retain_graph = accept, {_key(t) for t in stop}, retain_graph
        self.heap: list[Node] = []
        self.slots: dict[Node, list[Array | None]] = {}
        self.waiting: Waiting = {}
        self.owned: set[int] = set()  # memory that is somebody's gradient

    def give(self, t: Tensor | Link, entry: Entry) -> None:
        if entry is None or t is NOTHING:
            return
        key = _key(t)
        if key in self.stop or not self.accept(t):
            if t._tracked or key in self.stop:
                self.waiting.setdefault(key, (t, []))[1].append(entry)
            return
        g = entry if type(entry) is Array else entry()  # type: ignore[operator]
        node = t._node
        if isinstance(t, Tensor) and node is None:
            if t.grad is not None:
                g = combine(t.grad.array, g, "add")
            elif id(g.storage) in self.owned:  # each leaf has a gradient of its own, which may be changed in place
                g = apply(g, "affine", 1.0, -0.0)
            self.owned.add(id(g.storage))
            g.storage.compute()  # now: what it is made of would have to stay until somebody reads it
            t.grad = Tensor(g)
            return
        assert node is not None
        slots = self.slots.get(node)
        if slots is None:
            slots = self.slots[node] = [None] * node.outputs
            heapq.heappush(self.heap, node)
        before = slots[t._index]
        slots[t._index] = g if before is None else combine(before, g, "add")

    @unwatched()
    def run(self) -> None:
        while self.heap:
            node = heapq.heappop(self.heap)
            if node.pullback is None:
                raise RuntimeError(
                    f"backward: the graph was already used up by an earlier backward (it got to {node.name}). Call one of "
                    "loss.backward() and loss_fn.backward(), once, after each forward pass; or pass retain_graph=True to "
                    "the first. If a neuron still holds the last sequence, call functional.reset_net(model) before the "
                    "next, or functional.detach_net(model) to keep its state."
                )
            for storage, shape, version in node.versions:
                if storage.version != version:
                    raise RuntimeError(
                        f"backward: a tensor of shape {shape} was changed in place after the forward pass that used it "
                        f"({node.name}). Call backward before optimizer.step(), copy_ and loading values, or make a new "
                        "tensor for each step."
                    )
            entries = node.pullback(*self.slots.pop(node))
            for parent, entry in zip(node.parents, entries, strict=True):
                self.give(parent, entry)
            if not self.retain_graph:
                node.pullback, node.parents, node.versions = None, (), []


def run_backward(
    seeds: Sequence[tuple[Tensor, Array]], stop: Sequence[Tensor] = (), retain_graph: bool = False
) -> list[Tensor]:
    """Fill ``grad`` of the leaves, and return the gradients of the tensors in `stop`, each computed when it is read.

    Nothing is propagated beyond `stop`.
    """
    first = _Backward(lambda t: t.requires_grad, stop, retain_graph)
    for t, g in seeds:
        first.owned.add(id(g.storage))
        first.give(t, g)
    first.run()
    for t in stop:
        key = _key(t)
        if t.requires_grad and t._node is None and key in first.waiting:
            total = _total(t, first.waiting[key][1])
            first.waiting[key] = (t, [total])
            t.grad = Tensor(total if t.grad is None else combine(t.grad.array, total, "add"))
    rest = _Rest(first.waiting, stop, retain_graph)
    return [_put_off(t, rest) for t in stop]


class _Rest:
    """What is left to do for the gradients of a module's inputs; done once, when the first of them is read."""

    def __init__(self, waiting: Waiting, stop: Sequence[Tensor], retain: bool) -> None:
        self.waiting, self.stop, self.retain = waiting, stop, retain
        self.found: Waiting | None = None

    def get(self, t: Tensor) -> Array:
        if self.found is None:
            second = _Backward(lambda t: t._tracked, self.stop, self.retain)
            for other, entries in self.waiting.values():
                for entry in entries:
                    second.give(other, entry)
            second.run()
            self.found, self.waiting = second.waiting, {}
        return _total(t, self.found[_key(t)][1] if _key(t) in self.found else [])


def _total(t: Tensor, entries: Sequence[Entry]) -> Array:
    parts = [e if type(e) is Array else e() for e in entries]  # type: ignore[operator,misc]
    if not parts:
        return shape_ops.fill(t.shape, 0.0)
    return functools.reduce(lambda a, b: combine(a, b, "add"), parts)


def _put_off(t: Tensor, rest: _Rest) -> Tensor:
    out = Later(lambda: rest.get(t))
    _deferred.add(out)
    return out


def settle() -> None:
    """Compute what was put off, before values that it depends on are changed in place."""
    for t in list(_deferred):
        _ = t.array
    _deferred.clear()
