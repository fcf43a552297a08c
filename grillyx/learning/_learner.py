"""What all learners share: they record the spikes before and behind a synapse, keep their traces, and change its weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx.autograd import Tensor, as_tensor, differentiable
from grillyx.functional import _check
from grillyx.functional._conv import windows_of
from grillyx.nn import Conv1d, Conv2d, Linear, Module
from grillyx.ops import learning as learning_ops
from grillyx.ops.conv_windows import Windows
from grillyx.ops.shape import fill

_traces = differentiable(learning_ops.traces)
_coincidences = differentiable(learning_ops.coincidences)
_AXES = {Linear: 2, Conv1d: 3, Conv2d: 4}  # of the spikes of a step

Factor = Callable[[Tensor], Any]


def same(weight: Tensor) -> Tensor:
    """Return the weight, as the factor of a change."""
    return weight


def time_constant(value: Any, least: float, name: str, what: str) -> float:
    """Return a time constant in steps: at least 1, or more than 0."""
    tau = _check.number(value, name, what)
    if tau < least or tau <= 0.0:
        raise ValueError(f"{name}: {what} is {'at least 1' if least else 'above 0'} time steps, got {value}.")
    return tau


class Learner(Module):
    """A learning rule of one synapse, which holds what was recorded since the last step, and the traces."""

    synapse: Any
    _synapses: tuple[type, ...] = (Linear,)
    _least_tau = 0.0  # what a time constant may not be below; 0: it is above

    def __init__(
        self, step_mode: str, synapse: Any, sn: Any, tau_pre: float, tau_post: float, f_pre: Factor, f_post: Factor
    ) -> None:
        name = type(self).__name__
        self.step_mode = _check.one_of(step_mode, ("s", "m"), name, "step_mode")
        if not isinstance(synapse, self._synapses):
            known = ", ".join(kind.__name__ for kind in self._synapses)
            raise TypeError(f"{name}: synapse must be one of {known}, got {type(synapse).__name__}.")
        if not isinstance(sn, Module):
            raise TypeError(f"{name}: sn must be a module whose output is spikes, got {type(sn).__name__}.")
        for f, what in ((f_pre, "f_pre"), (f_post, "f_post")):
            if not callable(f):
                raise TypeError(f"{name}: {what} must be a function of the weight, got {f!r}.")
        self.tau_pre = time_constant(tau_pre, self._least_tau, name, "tau_pre")
        self.tau_post = time_constant(tau_post, self._least_tau, name, "tau_post")
        self.synapse, self.f_pre, self.f_post = synapse, f_pre, f_post
        self._axes = next(axes for kind, axes in _AXES.items() if isinstance(synapse, kind))
        self._enabled, self._handles = True, [
            self.synapse.register_forward_hook(self._record_input), sn.register_forward_hook(self._record_output),
        ]  # fmt: skip
        self.reset()

    # --- recording
    def _record_input(self, module: Any, inputs: tuple, output: Any) -> None:
        if self._enabled:
            self._record(self._pre, as_tensor(inputs[0]))

    def _record_output(self, module: Any, inputs: tuple, output: Any) -> None:
        if self._enabled:
            self._record(self._post, output)

    def _record(self, records: list[Tensor], spikes: Tensor) -> None:
        records.append(spikes.detach())
        self._versions.append((spikes.array, spikes.array.storage.version))

    def reset(self) -> None:
        """Forget the traces and what was recorded; weights and gradients stay."""
        self.trace_pre: Tensor | None = None
        self.trace_post: Tensor | None = None
        self._pre: list[Tensor] = []
        self._post: list[Tensor] = []
        self._versions: list[tuple[Any, int]] = []  # of the arrays that the records share with the model

    def enable(self) -> None:
        """Record again after `disable`.

        Raises:
            RuntimeError: the learner is closed.
        """
        self._check_open("enable")
        self._enabled = True

    def disable(self) -> None:
        """Record nothing until `enable`; traces and what was recorded stay."""
        self._enabled = False

    def close(self) -> None:
        """Forget everything, and let go of the model for good."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.reset()

    def _check_open(self, method: str) -> None:
        if not self._handles:
            raise RuntimeError(f"{type(self).__name__}.{method}: the learner is closed. Make a new one.")

    # --- learning
    def _recorded(self) -> tuple[Tensor, Tensor] | None:
        """Return the spikes since the last step as sequences (T, N, *); None if there are none."""
        name = type(self).__name__
        self._check_open("step")
        if len(self._pre) != len(self._post):
            raise RuntimeError(
                f"{name}.step: the synapse was called {len(self._pre)} times and the neuron {len(self._post)} times since "
                "the last step; expected as many. Around a container of single steps, use step_mode='s'."
            )
        if not self._pre:
            return None
        if any(array.storage.version != version for array, version in self._versions):
            raise RuntimeError(
                f"{name}.step: recorded spikes were changed in place after the call, as by copy_. Give each call a tensor of "
                "its own, call step before the change, or reset()."
            )
        many = self.step_mode == "m"
        pairs = [self._sequence(a, b) if many else (a, b) for a, b in zip(self._pre, self._post, strict=True)]
        join: Callable[..., Tensor] = F.concatenate if many else F.stack
        first = pairs[0]
        for pair in pairs:
            sizes, wanted = ([x.shape[many:] for x in both] for both in (pair, first))
            if sizes != wanted:
                raise ValueError(
                    f"{name}.step: calls since the last step had other shapes, got spikes of {sizes[0]} and {sizes[1]} a "
                    f"step; expected {wanted[0]} and {wanted[1]}."
                )
        whole = pairs[0] if many and len(pairs) == 1 else (join([pair[k] for pair in pairs]) for k in (0, 1))
        pre, post = (x.astype(np.float32) for x in whole)
        self._check_shapes(pre, post)
        return pre, post

    def _sequence(self, pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
        """Give the input of a layer inside a `SeqToANNContainer`, (T N, *), its axis of time."""
        axes = self._axes
        if pre.ndim == axes > 1 and post.ndim == axes + 1 and pre.shape[0] == math.prod(post.shape[:2]):
            pre = pre.reshape(*post.shape[:2], *pre.shape[1:])
        return pre, post

    def _check_shapes(self, pre: Tensor, post: Tensor) -> None:
        name, weight, axes = type(self).__name__, self.synapse.weight, self._axes
        outputs, inputs = weight.shape[0], weight.shape[1] * getattr(self.synapse, "groups", 1)
        at, own = min(axes, 2), 0 if self.step_mode == "m" else 1
        fits = pre.ndim == post.ndim == axes + 1 and (pre.shape[at], post.shape[at]) == (inputs, outputs)
        if not fits or pre.shape[:at] != post.shape[:at] or (axes > 2 and self._windows(pre).out != _plane(post)):
            letters = (["T", "N"] if axes > 1 else ["T"])[own:], ["", "", "", "L", "H, W"][axes : axes + 1]
            want = [", ".join([*letters[0], str(n), *filter(None, letters[1])]) for n in (inputs, outputs)]
            raise ValueError(
                f"{name}.step: the spikes do not fit the synapse, got {pre.shape[own:]} before and {post.shape[own:]} behind "
                f"it; expected ({want[0]}) and ({want[1]})."
            )
        for trace, x in ((self.trace_pre, pre), (self.trace_post, post)):
            if trace is not None and trace.shape != x.shape[1:]:
                raise ValueError(
                    f"{name}.step: the spikes do not fit the traces, got {x.shape[1:]} a step; expected {trace.shape}. Call "
                    "reset() before a batch of another shape."
                )

    def _windows(self, pre: Tensor) -> Windows:
        s = self.synapse
        weight = s.weight if self._axes == 4 else s.weight.reshape(*s.weight.shape[:2], 1, -1)
        return windows_of(_image(pre), weight, s.stride, s.padding, s.dilation, s.groups, self._axes - 2)

    def _factors(self) -> tuple[Tensor, Tensor]:
        """Return f_pre and f_post of the weight."""
        weight, out = self.synapse.weight.detach(), []
        for f, what in ((self.f_pre, "f_pre"), (self.f_post, "f_post")):
            factor = as_tensor(f(weight))
            if _check.broadcast(f"{type(self).__name__}: {what}", factor.shape, weight.shape) != weight.shape:
                raise ValueError(
                    f"{type(self).__name__}: {what} returned the wrong shape, got {factor.shape}; expected {weight.shape}."
                )
            out.append(factor)
        return out[0], out[1]

    def _traced(self, pre: Tensor, post: Tensor, decay_pre: float, decay_post: float) -> tuple[Tensor, Tensor]:
        """Return the traces of all steps, and keep the last."""
        pairs = (self.trace_pre, pre), (self.trace_post, post)
        starts = [Tensor(fill(x.shape[1:], 0.0)) if trace is None else trace for trace, x in pairs]
        one, two = _traces(pre, starts[0], decay=decay_pre), _traces(post, starts[1], decay=decay_post)
        self.trace_pre, self.trace_post = one[-1], two[-1]
        return one, two

    def _together(self, post: Tensor, pre: Tensor) -> Tensor:
        """Return, for each weight, the sum of post times pre over all steps and samples, and places of a window."""
        shape = self.synapse.weight.shape
        if self._axes <= 2:
            rows = (x.reshape(-1, x.shape[-1]) for x in (post, pre))
            return _coincidences(*rows, windows=None, shape=shape)
        return _coincidences(_image(post), _image(pre), windows=self._windows(pre), shape=shape)

    def _learn(self, change: Tensor, on_grad: bool, scale: float) -> Tensor | None:
        """Forget the records, and return the change or subtract it from the weight's gradient."""
        self._pre, self._post, self._versions = [], [], []
        if scale != 1.0:
            change = change * scale
        if not on_grad:
            return change
        weight = self.synapse.weight
        weight.grad = -change if weight.grad is None else weight.grad - change
        return None

    def extra_repr(self) -> str:
        return f"step_mode={self.step_mode!r}, tau_pre={self.tau_pre}, tau_post={self.tau_post}"


def _plane(post: Tensor) -> tuple[int, ...]:
    return _image(post).shape[2:]


def _image(x: Tensor) -> Tensor:
    """(T, N, C, *) → (T N, C, H, W); along one axis H is 1."""
    return x.reshape(-1, x.shape[2], *(x.shape[3:] if x.ndim == 5 else (1, x.shape[3])))
