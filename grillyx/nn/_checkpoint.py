"""Long sequences in little memory: what a model computed is computed again in the backward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.array import Array, empty
from grillyx.engine.device import current_device
from grillyx.nn._calls import CALLS
from grillyx.nn._module import Module
from grillyx.nn._parts import Buffer, Parameter
from grillyx.ops.random import DEFAULT, Generator
from grillyx.ops.rows import rows, set_rows
from grillyx.ops.shape import fill


class CheckpointedSequence(Module):
    """Runs a model over a sequence, keeping only its state at every k-th step; backward computes the steps between again.

    Output, gradients and state afterwards are those of ``module(x_seq)``. Of T steps it keeps the input, the output, and
    T / k states; everything that the model computes inside is there for k steps only. The least memory is near k = the
    square root of T; larger parts take less time. Two layers 64-128-10 of `LIFNode` on 16 samples of T = 5,000 steps take
    1/14 of the memory beyond the input with k = 50, in 1.9 times the time; 1/10 with k = 200, in 1.3 times (lavapipe).

    Random layers draw the same numbers again. A layer that looks at several steps at once sees k of them, and so do
    hooks; ``v_seq`` of a neuron holds the last k.

    Examples:
        >>> import grillyx
        >>> from grillyx import nn
        >>> net = nn.Sequential(nn.Linear(64, 10), nn.LIFNode(step_mode="m"))
        >>> long = CheckpointedSequence(net, checkpoint=50)
        >>> long(grillyx.rand(1000, 4, 64)).mean().backward()

    Args:
        module: a model of sequences: (T, *) → (T, *'), for any T. It may be used without the checkpoints too.
        checkpoint: k.

    Shape: as that of `module`.

    Raises:
        TypeError: the model returns no tensor.
        ValueError: an input without time steps; an output whose first axis is another.
    """

    def __init__(self, module: Module, checkpoint: int) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"CheckpointedSequence: expected a module, got {type(module).__name__}.")
        if not hasattr(checkpoint, "__index__") or isinstance(checkpoint, bool) or int(checkpoint) < 1:
            raise ValueError(f"CheckpointedSequence: checkpoint is a positive integer, got {checkpoint!r}.")
        self.module, self.checkpoint = module, int(checkpoint)

    def forward(self, x: Any) -> Tensor:
        """(T, *) → (T, *')."""
        x = as_tensor(x)
        if x.ndim == 0 or x.shape[0] == 0:
            raise ValueError(
                f"CheckpointedSequence: needs a sequence, got shape {x.shape}; expected (T, N, ...) with T >= 1."
            )
        return _Run(self.module, x, self.checkpoint).forward()

    def extra_repr(self) -> str:
        return f"checkpoint={self.checkpoint}"


@dataclass(frozen=True)
class _Slot:
    """Stands in a model's attributes for a tensor of its state."""

    index: int


@dataclass
class _Piece:
    """All that is needed to compute some steps again."""

    first: int
    last: int
    attributes: list[dict[str, Any]]  # of each module, with slots where its state is
    state: list[Array] | None  # None: a row of those that are kept together
    recorded: list[bool]  # whether a gradient flows to each
    drawn: list[int]  # how many random numbers had been drawn, by generator


class _Run:
    """One call of a `CheckpointedSequence`."""

    def __init__(self, model: Module, x: Tensor, steps: int) -> None:
        self.model, self.x, self.checkpoint = model, x, steps
        self.modules = list(model.modules())
        self.generators = [DEFAULT, *(g for m in self.modules for _, g in m._walk(Generator))]
        self.seeds = [g.seed for g in self.generators]
        self.pieces: list[_Piece] = []
        self.kept: list[Array] = []

    def forward(self) -> Tensor:
        x, keeps = self.x, autograd.is_grad_enabled()
        learned = [p for p in self.model.parameters() if p.requires_grad]
        before = [dict(vars(m)) for m in self.modules]
        attributes, start = self.taken()
        state, recorded = [t.array for t in start], [autograd.is_recorded(t) for t in start]
        flows, joined = False, None
        try:
            for first in range(0, x.shape[0], self.checkpoint):
                last = min(first + self.checkpoint, x.shape[0])
                current_device().pool.end_step()  # every piece takes the same buffers, and so the same pipelines
                piece = _Piece(first, last, attributes, state, recorded, [g.calls for g in self.generators])
                # recorded, so that it shows which states have a gradient; the tape of these steps is gone with them
                y = self.run(piece, state, autograd.is_recorded(x))[0]
                if keeps:
                    piece.state = state if first == 0 else self.keep(state)
                    self.pieces.append(piece)
                attributes, after = self.taken()
                state, recorded = [t.array for t in after], [autograd.is_recorded(t) for t in after]
                flows = flows or autograd.is_recorded(y)
                joined = empty((x.shape[0], *y.shape[1:]), y.dtype) if joined is None else joined
                set_rows(joined, first, y.array)
                del y, after
        except BaseException:
            self.restore(before)
            raise
        assert joined is not None
        if not (flows or any(recorded)):
            self.put(attributes, [Tensor(a) for a in state])
            return Tensor(joined)
        y, *ends = autograd.wrap((joined, *state), self.pullback(x.array, learned), [x, *start, *learned], "checkpoint")
        assert y._node is not None
        y._node.versions += [(p.array.storage, p.shape, p.array.storage.version) for p in (*start, *learned)]
        self.put(attributes, [t if flag else t.detach() for t, flag in zip(ends, recorded, strict=True)])
        return y

    def keep(self, state: list[Array]) -> list[Array] | None:
        """Keep a state as the next row of all, if it is like them."""
        if not self.pieces[1:]:
            self.kept = [empty((-(-self.x.shape[0] // self.checkpoint) - 1, *a.shape), a.dtype) for a in state]
        if [(a.shape, a.dtype) for a in state] != [(a.shape[1:], a.dtype) for a in self.kept]:
            return state
        for all_, a in zip(self.kept, state, strict=True):
            set_rows(all_, len(self.pieces) - 1, a.reshape((1, *a.shape)))
        return None

    def state_of(self, number: int) -> list[Array]:
        """Return the state that a piece starts from."""
        state = self.pieces[number].state
        if state is not None:
            return state
        return [rows(all_, number - 1, number).reshape(all_.shape[1:]) for all_ in self.kept]

    def run(
        self, piece: _Piece, state: Sequence[Array], follow: bool, again: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Compute a piece; return the output, the input, and the state that it started from."""
        leaves = [Tensor(a, flag) for a, flag in zip(state, piece.recorded, strict=True)]
        self.put(piece.attributes, leaves)
        if again:
            self.silence()
        x = Tensor(rows(self.x.array, piece.first, piece.last), follow)
        CALLS.stack.append(self.model)
        try:
            y = self.model(x)
        finally:
            CALLS.stack.pop()
        if not isinstance(y, Tensor):
            raise TypeError(f"CheckpointedSequence: the model returns {type(y).__name__}; expected one tensor.")
        if y.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"CheckpointedSequence: the model changed the time axis, got an output {y.shape} for an input {x.shape}."
            )
        return y, x, leaves

    def pullback(self, kept: Array, learned: Sequence[Parameter]) -> Callable[..., Any]:
        """Return the pullback; it keeps the input, so that a change in place is noticed."""

        def pull(*gradients: Array | None) -> Any:
            x, start, weights = self.back(gradients, learned, self.x.requires_grad)
            # who follows the input without asking for its gradient seldom reads it
            later = x if self.x.requires_grad else lambda: self.back(gradients, learned, True)[0]
            return later if kept.dtype.kind == "f" else None, *start, *weights

        return pull

    @autograd.unwatched()
    def back(
        self, gradients: Sequence[Array | None], learned: Sequence[Parameter], follow: bool
    ) -> tuple[Array | None, list[Array | None], list[Array | None]]:
        """Return the gradients of the input, of the first state and of the parameters."""
        gy, upstream = gradients[0], list(gradients[1:])
        gx = empty(self.x.shape) if follow else None
        before, drawn = [dict(vars(m)) for m in self.modules], [(g, g.seed, g.calls) for g in self.generators]
        own = [(p, p.grad) for p in learned]
        try:
            for p in learned:
                p.grad = None
            for number in reversed(range(len(self.pieces))):
                piece = self.pieces[number]
                current_device().pool.end_step()  # every piece takes the same buffers, and so the same pipelines
                for g, seed, calls in zip(self.generators, self.seeds, piece.drawn, strict=True):
                    g.seed, g.calls = seed, calls
                with autograd.enable_grad():
                    y, x, leaves = self.run(piece, self.state_of(number), follow, again=True)
                    _, ends = self.taken()
                seeds = [] if gy is None else [(y, rows(gy, piece.first, piece.last))]
                seeds += [(t, g) for t, g in zip(ends, upstream, strict=True) if g is not None]
                with autograd.no_grad():
                    autograd.run_backward([(t, g) for t, g in seeds if t.requires_grad])
                upstream = [None if t.grad is None else t.grad.array for t in leaves]
                if gx is not None:
                    set_rows(gx, piece.first, fill(x.shape, 0.0) if x.grad is None else x.grad.array)
                del y, x, leaves, ends, seeds
            return gx, upstream, [None if p.grad is None else p.grad.array for p in learned]
        finally:
            self.restore(before)
            for g, seed, calls in drawn:
                g.seed, g.calls = seed, calls
            for p, grad in own:
                p.grad = grad

    # --- the attributes of a model
    def taken(self) -> tuple[list[dict[str, Any]], list[Tensor]]:
        """Return the attributes of all modules with slots for the tensors among them, and those tensors."""
        tensors: list[Tensor] = []

        def slot(t: Tensor) -> _Slot:
            tensors.append(t)
            return _Slot(len(tensors) - 1)

        return [_mapped_attributes(vars(m), Tensor, slot) for m in self.modules], tensors

    def put(self, attributes: Sequence[dict[str, Any]], tensors: Sequence[Tensor]) -> None:
        """Give all modules these attributes, with tensors in the slots."""
        self.restore([_mapped_attributes(own, _Slot, lambda s: tensors[s.index]) for own in attributes])

    def restore(self, attributes: Sequence[dict[str, Any]]) -> None:
        """Give all modules these attributes."""
        for module, own in zip(self.modules, attributes, strict=True):
            vars(module).clear()
            vars(module).update(own)

    def silence(self) -> None:
        """Let the steps that are computed again call no hooks, and change no running means."""
        for module in self.modules:
            vars(module).pop("_hooks", None)
            vars(module).update({k: copy.deepcopy(v) for k, v in vars(module).items() if isinstance(v, Buffer)})


def _mapped_attributes(own: dict[str, Any], kind: type, change: Callable[[Any], Any]) -> dict[str, Any]:
    # the last call is no state, and a handle removes its hook from this very list
    return {k: v if k == "_hooks" else _mapped(v, kind, change) for k, v in own.items() if k != "_call"}


def _mapped(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """Return a copy of lists, tuples and dicts with everything of a kind in them changed."""
    if isinstance(value, kind) and not isinstance(value, (Parameter, Buffer)):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_mapped(v, kind, change) for v in value)
    if type(value) is dict:
        return {k: _mapped(v, kind, change) for k, v in value.items()}
    return value
