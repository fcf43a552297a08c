"""Losses as modules, with torch's names and defaults."""

from __future__ import annotations

from typing import Any

import grillyx.functional as F
from grillyx import autograd
from grillyx.autograd import Tensor, as_tensor
from grillyx.functional import _check
from grillyx.functional._loss import REDUCTIONS
from grillyx.nn._module import Buffer, Module


class _Loss(Module):
    _last: Any = None

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _check.one_of(reduction, REDUCTIONS, type(self).__name__, "reduction")

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        self._last = None
        loss = super().__call__(*inputs, **options)
        self._last = inputs
        return loss

    def backward(self, grad: Any, *inputs: Any) -> Tensor:
        """Return the gradient for the first input, the model's output.

        Args:
            grad: the gradient of the loss, of its shape; such as ``np.ones_like(loss)``.
            *inputs: the arguments of the loss, ``(output, target)``; without them, those of the last call.

        Raises:
            RuntimeError: without inputs, where there was no call before.
            ValueError: the gradient has another shape than the loss.
        """
        if not inputs or self._is_last(inputs):
            found = super().backward(grad)
            self._last = None
            return found[0] if isinstance(found, tuple) else found
        with autograd.enable_grad():
            x = Tensor(as_tensor(inputs[0]).array, requires_grad=True)
            loss = self.forward(x, *inputs[1:])
            return autograd.run_backward([(loss, autograd.seed_gradient(loss, grad))], [x])[0]

    def _seed(self, grad: Any, output: Tensor) -> Any:
        return autograd.seed_gradient(output, grad)  # a loss has no time axis that a gradient could lack

    def _is_last(self, inputs: tuple) -> bool:
        last = self._last
        return (
            last is not None and self._call is not None and len(last) == len(inputs)
            and isinstance(inputs[0], Tensor) and all(a is b for a, b in zip(last, inputs, strict=True))
        )  # fmt: skip

    def _parts(self) -> Any:
        return ((k, v) for k, v in super()._parts() if k != "_last")

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """Cross-entropy of logits (N, C, *) against labels (N, *) or probabilities (N, C, *).

    Args:
        weight: a weight for each class, (C,).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: how much of the target is spread over all classes.
        ignore_index: a label that counts for nothing.
    """

    def __init__(
        self, weight: Any = None, reduction: str = "mean", label_smoothing: float = 0.0, ignore_index: int = -100
    ) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.label_smoothing, self.ignore_index = label_smoothing, ignore_index

    def forward(self, x: Any, target: Any) -> Tensor:
        """(N, C, *), (N, *) → (), or (N, *) without a reduction."""
        return F.cross_entropy(x, target, self.weight, self.reduction, self.label_smoothing, self.ignore_index)


class MSELoss(_Loss):
    """``(x - target)**2``, reduced.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def forward(self, x: Any, target: Any) -> Tensor:
        """*, * → (), or * without a reduction."""
        return F.mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """``|x - target|``, reduced.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def forward(self, x: Any, target: Any) -> Tensor:
        """*, * → (), or * without a reduction."""
        return F.l1_loss(x, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross-entropy of ``sigmoid(x)`` against targets in [0, 1].

    Args:
        weight: factors for the terms, broadcast.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: factors for the positive part, broadcast.
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.pos_weight = None if pos_weight is None else Buffer(pos_weight)

    def forward(self, x: Any, target: Any) -> Tensor:
        """*, * → (), or * without a reduction."""
        return F.binary_cross_entropy_with_logits(x, target, self.weight, self.reduction, self.pos_weight)
