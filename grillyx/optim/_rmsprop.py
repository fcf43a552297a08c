"""RMSprop."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor
from grillyx.engine.array import Array
from grillyx.ops import optim
from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer, Params


class RMSprop(Optimizer):
    """Steps by the gradient over the root of the mean of its squares.

        g = grad + weight_decay·p                   (−grad with maximize)
        v = α·v + (1 − α)·g²
        a = α·a + (1 − α)·g                         (only if centered)
        d = g / (√v + eps)                          (√(v − a²) if centered)
        b = momentum·b + d                          (only with momentum)
        p = p − lr·b  with momentum, else p − lr·d

    Where rounding takes ``v − a²`` below 0 it counts as 0; torch gives NaN there.

    Args:
        params: tensors, or dicts with ``"params"`` and options of their own.
        lr: learning rate, at least 0. Default 1e-2.
        alpha: how much of the means stays from step to step, 0 to 1. Default 0.99.
        eps: keeps the divisor from 0, at least 0. Default 1e-8.
        weight_decay: factor of an L2 penalty, at least 0. Default 0.
        momentum: at least 0. Default 0.
        centered: divide by an estimate of the standard deviation. Default False.
        maximize: go up the gradient. Default False.

    Raises:
        TypeError, ValueError: parameters or options that `Optimizer` refuses.

    Source: ``torch.optim.RMSprop``; Hinton 2012, lecture 6e; Graves 2013, arXiv:1308.0850, for the centered one.
    """

    _options = {
        "lr": _options.not_negative, "alpha": _options.share, "eps": _options.not_negative,
        "weight_decay": _options.not_negative, "momentum": _options.not_negative, "centered": _options.flag,
        "maximize": _options.flag,
    }  # fmt: skip
    _moments = ("square_avg", "momentum_buffer", "grad_avg")
    _counts_steps = True

    def __init__(
        self, params: Params, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "maximize": maximize,
        })  # fmt: skip

    def _needed(self, group: dict[str, Any]) -> tuple[str, ...]:
        extra = (("momentum_buffer",) if group["momentum"] else ()) + (("grad_avg",) if group["centered"] else ())
        return ("step", "square_avg", *extra)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Array]) -> None:
        for p in params:
            self._count(p)
        squares = [self._moment(p, "square_avg") for p in params]
        means = [self._moment(p, "grad_avg") for p in params] if group["centered"] else None
        buffers = [self._moment(p, "momentum_buffer") for p in params] if group["momentum"] > 0 else None
        optim.rmsprop(
            [p.array for p in params], grads, squares, means, buffers, lr=group["lr"], alpha=group["alpha"],
            eps=group["eps"], weight_decay=group["weight_decay"], momentum=group["momentum"],
            maximize=group["maximize"],
        )  # fmt: skip
