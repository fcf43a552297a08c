"""Gradient descent."""

from __future__ import annotations

from typing import Any

from grillyx.autograd import Tensor
from grillyx.engine.array import Array
from grillyx.ops import optim
from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer, Params


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

        g = grad + weight_decay·p                   (−grad with maximize)
        b = momentum·b + (1 − dampening)·g          (the first time b = g)
        g = g + momentum·b  if nesterov, else b     (only with momentum)
        p = p − lr·g

    Args:
        params: tensors, or dicts with ``"params"`` and options of their own.
        lr: learning rate, at least 0. Default 1e-3.
        momentum: at least 0. Default 0.
        dampening: how much less than all of a gradient enters the momentum. Default 0.
        weight_decay: factor of an L2 penalty, at least 0. Default 0.
        nesterov: look ahead along the momentum; needs momentum above 0 and no dampening. Default False.
        maximize: go up the gradient. Default False.

    Raises:
        TypeError, ValueError: parameters or options that `Optimizer` refuses, or nesterov without momentum.

    Source: ``torch.optim.SGD``; Sutskever et al. 2013 for momentum.
    """

    _options = {
        "lr": _options.not_negative, "momentum": _options.not_negative, "dampening": _options.number,
        "weight_decay": _options.not_negative, "nesterov": _options.flag, "maximize": _options.flag,
    }  # fmt: skip
    _moments = ("momentum_buffer",)

    def __init__(
        self, params: Params, lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        })  # fmt: skip

    def _check_group(self, group: dict[str, Any]) -> None:
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"{self.name}: nesterov does not go with these options, got momentum {group['momentum']} and dampening "
                f"{group['dampening']}; expected momentum above 0 and dampening 0."
            )

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Array]) -> None:
        buffers, fresh = None, [True] * len(params)
        if group["momentum"] != 0:
            fresh = [self.state[p].get("momentum_buffer") is None for p in params]
            buffers = [self._moment(p, "momentum_buffer") for p in params]
        optim.sgd([p.array for p in params], grads, buffers, fresh, **{key: group[key] for key in self._options})
