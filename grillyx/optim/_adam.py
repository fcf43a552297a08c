"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, ClassVar

from grillyx.autograd import Tensor
from grillyx.engine.array import Array
from grillyx.ops import optim
from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer, Params


class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares.

        g = grad + weight_decay·p                   (−grad with maximize)
        m = β₁·m + (1 − β₁)·g
        v = β₂·v + (1 − β₂)·g²
        p = p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)

    t counts the steps of each parameter; one without a gradient does not count.

    Args:
        params: tensors, or dicts with ``"params"`` and options of their own.
        lr: learning rate, at least 0. Default 1e-3.
        betas: β₁ and β₂, each in [0, 1). Default (0.9, 0.999).
        eps: keeps the divisor from 0, at least 0. Default 1e-8.
        weight_decay: factor of an L2 penalty, at least 0. Default 0.
        maximize: go up the gradient. Default False.

    Raises:
        TypeError, ValueError: parameters or options that `Optimizer` refuses.

    Source: ``torch.optim.Adam``; Kingma and Ba 2015, arXiv:1412.6980.
    """

    _options = {
        "lr": _options.not_negative, "betas": _options.betas, "eps": _options.not_negative,
        "weight_decay": _options.not_negative, "maximize": _options.flag, "decoupled_weight_decay": _options.flag,
    }  # fmt: skip
    _moments = ("exp_avg", "exp_avg_sq")
    _counts_steps = True
    _decoupled: ClassVar[bool] = False

    def __init__(
        self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "decoupled_weight_decay": self._decoupled,
        })  # fmt: skip

    def _needed(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("step", *self._moments)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Array]) -> None:
        steps = [self._count(p) for p in params]
        means, squares = ([self._moment(p, name) for p in params] for name in self._moments)
        optim.adam(
            [p.array for p in params], grads, means, squares, steps, lr=group["lr"], betas=group["betas"],
            eps=group["eps"], weight_decay=group["weight_decay"], maximize=group["maximize"],
            decoupled=group["decoupled_weight_decay"],
        )  # fmt: skip


class AdamW(Adam):
    """`Adam` with a weight decay that does not pass through the moments.

        p = (1 − lr·weight_decay)·p
        g = grad                                    (−grad with maximize)

    then as `Adam`.

    Args:
        params: tensors, or dicts with ``"params"`` and options of their own.
        lr: learning rate, at least 0. Default 1e-3.
        betas: β₁ and β₂, each in [0, 1). Default (0.9, 0.999).
        eps: keeps the divisor from 0, at least 0. Default 1e-8.
        weight_decay: at least 0. Default 1e-2.
        maximize: go up the gradient. Default False.

    Raises:
        TypeError, ValueError: parameters or options that `Optimizer` refuses.

    Source: ``torch.optim.AdamW``; Loshchilov and Hutter 2019, arXiv:1711.05101.
    """

    _decoupled = True

    def __init__(
        self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, maximize=maximize)
