"""A schedule that watches a metric."""

from __future__ import annotations

import math
from typing import Literal, SupportsFloat

from grillyx.functional import _check
from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._scheduler import LRScheduler, attached, for_each_group


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a metric has not improved for more than `patience` epochs.

    Args:
        optimizer: whose groups to change.
        mode: ``"min"`` (default): the metric shall fall; ``"max"``: it shall rise.
        factor: of the learning rate, at least 0 and below 1. Default 0.1.
        patience: epochs without an improvement that are let pass. Default 10.
        threshold: how much counts as an improvement, at least 0. Default 1e-4.
        threshold_mode: ``"rel"`` (default): a part of the best value; ``"abs"``: a difference to it.
        cooldown: epochs after a reduction in which none is counted. Default 0.
        min_lr: the lowest learning rate, one number or a list with one for each group. Default 0.
        eps: a smaller change of the learning rate is not made. Default 1e-8.

    Raises:
        TypeError, ValueError: an option of a wrong type or out of range.

    Source: ``torch.optim.lr_scheduler.ReduceLROnPlateau``.
    """

    def __init__(
        self, optimizer: Optimizer, mode: Literal["min", "max"] = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: Literal["rel", "abs"] = "rel", cooldown: int = 0,
        min_lr: float | list[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        name = self._name
        self.optimizer = attached(optimizer, name)
        self.factor = _options.number(factor, name, "factor", 0.0, 1.0, below=True)
        self.min_lrs = for_each_group(min_lr, optimizer, name, "min_lr", _options.not_negative)
        self.patience = _options.whole(patience, name, "patience", 0)
        self.cooldown = _options.whole(cooldown, name, "cooldown", 0)
        self.eps = _options.not_negative(eps, name, "eps")
        self.mode = _check.one_of(mode, ("min", "max"), name, "mode")
        self.threshold = _options.not_negative(threshold, name, "threshold")
        self.threshold_mode = _check.one_of(threshold_mode, ("rel", "abs"), name, "threshold_mode")
        self.last_epoch = 0
        self._last_lr = self._rates()
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether the last reduction was less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Take in the metric of one epoch, a number or a tensor of one element; NaN is no improvement."""
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _is_better(self, current: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            return sign * current > sign * self.best * (1.0 + sign * self.threshold)
        return sign * current > sign * self.best + self.threshold

    def _reduce(self) -> None:
        # a group that was added later has the limit of the last one
        limits = self.min_lrs + self.min_lrs[-1:] * (len(self.optimizer.param_groups) - len(self.min_lrs))
        for group, limit in zip(self.optimizer.param_groups, limits, strict=True):
            rate = max(group["lr"] * self.factor, limit)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate

    def get_lr(self) -> list[float]:
        """Return the present rates: this schedule computes none ahead."""
        return self._rates()
