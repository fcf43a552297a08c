"""Long sequences in little memory: what a model computed is computed again in the backward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.engine.array import Array
from grillyx.nn._calls import CALLS
from grillyx.nn._module import Module
from grillyx.nn._parts import Buffer, Parameter
from grillyx.ops.random import DEFAULT, Generator
from grillyx.ops.shape import fill


class CheckpointedSequence(Module):
    """Runs a model over a sequence, keeping only its state at every k-th step; backward computes the steps between again.

    Output, gradients and state afterwards are those of ``module(x_seq)``, for 1.3 times the work or less. Of T steps it
    keeps the input, the output, and T / k states; everything that the model computes inside is there for k steps only.
    A good k is about the square root of T. Two layers 64-128-10 of `LIFNode` on 16 samples of T = 5,000 steps take
    BYTES of the memory with k = 50.

    Random layers draw the same numbers again. A layer that looks at several steps at once sees k of them, and so do
    hooks; ``v_seq`` of a neuron holds the last k.

    Examples:
        >>> import grillyx
        >>> net = Sequential(Linear(64, 10), LIFNode(step_mode="m"))
        >>> long = CheckpointedSequence(net, 50)
        >>> long(grillyx.rand(1000, 4, 64)).mean().backward()

    Args:
        module: a model of sequences: (T, *) → (T, *'), for any T. It may be used without the checkpoints too.
        steps: k.

    Shape: as that of `module`.

    Raises:
        TypeError: the model returns no tensor.
        ValueError: an input without time steps; an output whose first axis is another.
    """

    def __init__(self, module: Module, steps: int) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"CheckpointedSequence: expected a module, got {type(module).__name__}.")
        if not hasattr(steps, "__index__") or isinstance(steps, bool) or int(steps) < 1:
            raise ValueError(f"CheckpointedSequence: steps is a positive integer, got {steps!r}.")
        self.module, self.steps = module, int(steps)

    def forward(self, x: Any) -> Tensor:
        """(T, *) → (T, *')."""
        x = as_tensor(x)
        if x.ndim == 0 or x.shape[0] == 0:
            raise ValueError(
                f"CheckpointedSequence: needs a sequence, got shape {x.shape}; expected (T, N, ...) with T >= 1."
            )
        return _Run(self.module, x, self.steps).forward()

    def extra_repr(self) -> str:
        return f"steps={self.steps}"


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
    state: list[Array]
    recorded: list[bool]  # whether a gradient flows to each
    drawn: list[int]  # how many random numbers had been drawn, by generator


class _Run:
    """One call of a `CheckpointedSequence`."""

    def __init__(self, model: Module, x: Tensor, steps: int) -> None:
        self.model, self.x, self.steps = model, x, steps
        self.modules = list(model.modules())
        self.generators = [DEFAULT, *(g for m in self.modules for _, g in m._walk(Generator))]
        self.seeds = [g.seed for g in self.generators]
        self.pieces: list[_Piece] = []

    def forward(self) -> Tensor:
        x, keeps = self.x, autograd.is_grad_enabled()
        learned = [p for p in self.model.parameters() if p.requires_grad]
        before = [dict(vars(m)) for m in self.modules]
        attributes, start = self.taken()
        state, recorded = [t.array for t in start], [autograd.is_recorded(t) for t in start]
        flows, out = False, []
        try:
            for first in range(0, x.shape[0], self.steps):
                last = min(first + self.steps, x.shape[0])
                piece = _Piece(first, last, attributes, state, recorded, [g.calls for g in self.generators])
                if keeps:
                    self.pieces.append(piece)
                # recorded, so that it shows which states have a gradient; the tape of these steps is gone with them
                y, _, _ = self.run(piece, autograd.is_recorded(x))
                attributes, after = self.taken()
                state, recorded = [t.array for t in after], [autograd.is_recorded(t) for t in after]
                flows = flows or autograd.is_recorded(y)
                out.append(Tensor(y.array))
                del y, after
        except BaseException:
            self.restore(before)
            raise
        with autograd.no_grad():
            joined = F.concatenate(out).array if len(out) > 1 else out[0].array
        if not (flows or any(recorded)):
            self.put(attributes, [Tensor(a) for a in state])
            return Tensor(joined)
        y, *ends = autograd.wrap((joined, *state), self.pullback(x.array, learned), [x, *start, *learned], "checkpoint")
        assert y._node is not None
        y._node.versions += [(p.array.storage, p.shape, p.array.storage.version) for p in (*start, *learned)]
        self.put(attributes, [t if flag else t.detach() for t, flag in zip(ends, recorded, strict=True)])
        return y

    def run(self, piece: _Piece, follow: bool, again: bool = False) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Compute a piece from its state; return the output, the input, and the state that it started from."""
        leaves = [Tensor(a, flag) for a, flag in zip(piece.state, piece.recorded, strict=True)]
        self.put(piece.attributes, leaves)
        if again:
            self.silence()
        with autograd.no_grad():
            x = Tensor(Tensor(self.x.array)[piece.first : piece.last].array, follow)
        CALLS.depth += 1
        try:
            y = self.model(x)
        finally:
            CALLS.depth -= 1
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

    def back(
        self, gradients: Sequence[Array | None], learned: Sequence[Parameter], follow: bool
    ) -> tuple[Array | None, list[Array | None], list[Array | None]]:
        """Return the gradients of the input, of the first state and of the parameters."""
        gy, upstream = None if gradients[0] is None else Tensor(gradients[0]), list(gradients[1:])
        before, drawn = [dict(vars(m)) for m in self.modules], [(g, g.seed, g.calls) for g in self.generators]
        own, collected = [(p, p.grad) for p in learned], []
        try:
            for p in learned:
                p.grad = None
            for piece in reversed(self.pieces):
                for g, seed, calls in zip(self.generators, self.seeds, piece.drawn, strict=True):
                    g.seed, g.calls = seed, calls
                with autograd.enable_grad():
                    y, x, leaves = self.run(piece, follow, again=True)
                    _, ends = self.taken()
                with autograd.no_grad():
                    seeds = [] if gy is None else [(y, gy[piece.first : piece.last].array)]
                    seeds += [(t, g) for t, g in zip(ends, upstream, strict=True) if g is not None]
                    autograd.run_backward([(t, g) for t, g in seeds if t.requires_grad])
                upstream = [None if t.grad is None else t.grad.array for t in leaves]
                if follow:
                    collected.append(Tensor(fill(x.shape, 0.0)) if x.grad is None else x.grad)
            with autograd.no_grad():
                gx = F.concatenate(collected[::-1]).array if follow else None
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
