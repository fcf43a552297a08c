"""The 1cycle schedule."""

from __future__ import annotations

import math
from typing import Any, Literal

from grillyx.functional import _check
from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._scheduler import LRScheduler, attached, for_each_group


class OneCycleLR(LRScheduler):
    """Up from ``max_lr / div_factor`` to `max_lr`, then down to nearly 0, while the momentum goes the other way.

    Call `step` once a batch. With `three_phase` the way down has the length of the way up, and a third phase goes on to
    ``max_lr / div_factor / final_div_factor``.

    Args:
        optimizer: whose groups to change.
        max_lr: the highest learning rate, at least 0: one number, or a list with one for each group.
        total_steps: steps of the whole cycle, at least 1. Default ``epochs · steps_per_epoch``.
        epochs: epochs of the cycle. Default none.
        steps_per_epoch: batches in an epoch. Default none.
        pct_start: part of the steps on the way up, 0 to 1. Default 0.3.
        anneal_strategy: ``"cos"`` (default) or ``"linear"``.
        cycle_momentum: also change ``momentum`` (SGD, RMSprop) or β₁ (Adam). Default True.
        base_momentum: momentum where the learning rate is highest: a number or a list. Default 0.85.
        max_momentum: momentum at both ends: a number or a list. Default 0.95.
        div_factor: above 0. Default 25.
        final_div_factor: above 0. Default 1e4.
        three_phase: see above. Default False.
        last_epoch: the step to go on from. Default -1.

    Raises:
        TypeError: an option of a wrong type, or no optimizer.
        ValueError: no length given; an option out of range; an optimizer without momentum with `cycle_momentum`.

    Source: ``torch.optim.lr_scheduler.OneCycleLR``; Smith and Topin 2018, arXiv:1708.07120.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        name = self._name
        groups = attached(optimizer, name).param_groups
        self.total_steps = self._length(total_steps, epochs, steps_per_epoch)
        start = _options.share(pct_start, name, "pct_start")
        self._anneal_func_type = _check.one_of(anneal_strategy, ("cos", "linear"), name, "anneal_strategy")
        rates = for_each_group(max_lr, optimizer, name, "max_lr", _options.not_negative)
        self.cycle_momentum = _options.flag(cycle_momentum, name, "cycle_momentum")
        self.use_beta1 = "betas" in optimizer.defaults
        self._schedule_phases = self._phases(start, _options.flag(three_phase, name, "three_phase"))
        first = _options.above_zero(div_factor, name, "div_factor")
        last = _options.above_zero(final_div_factor, name, "final_div_factor")
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ValueError(
                f"{name}: this optimizer has no momentum to change, got {optimizer.name} with cycle_momentum=True; "
                "expected one with momentum or betas. Pass cycle_momentum=False."
            )
        check = _options.beta if self.use_beta1 else _options.not_negative
        ends = {"max_momentum": max_momentum, "base_momentum": base_momentum} if cycle_momentum else {}
        momenta = {key: for_each_group(value, optimizer, name, key, check) for key, value in ends.items()}
        if last_epoch == -1:
            for k, group in enumerate(groups):
                group["initial_lr"] = rates[k] / first
                group["max_lr"] = rates[k]
                group["min_lr"] = group["initial_lr"] / last
                group.update({key: values[k] for key, values in momenta.items()})
        super().__init__(optimizer, last_epoch)

    def _length(self, total: int | None, epochs: int | None, steps: int | None) -> int:
        if total is not None:
            return _options.whole(total, self._name, "total_steps")
        if epochs is None or steps is None:
            raise ValueError(
                f"{self._name}: the length is not given, got epochs {epochs} and steps_per_epoch {steps}; expected "
                "both, or total_steps."
            )
        epochs, steps = (
            _options.whole(epochs, self._name, "epochs"),
            _options.whole(steps, self._name, "steps_per_epoch"),
        )
        return epochs * steps

    def _phases(self, start: float, three: bool) -> list[dict[str, Any]]:
        up, end = float(start * self.total_steps) - 1, self.total_steps - 1
        names = ["initial_lr", "max_lr", "initial_lr", "min_lr"] if three else ["initial_lr", "max_lr", "min_lr"]
        momenta = ["max_momentum", "base_momentum", "max_momentum", "max_momentum"]
        ends = [up, float(2 * start * self.total_steps) - 2, end] if three else [up, end]
        return [
            {
                "end_step": ends[k], "start_lr": names[k], "end_lr": names[k + 1], "start_momentum": momenta[k],
                "end_momentum": momenta[k + 1],
            }
            for k in range(len(ends))
        ]  # fmt: skip

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set the momentum that goes with them.

        Raises:
            ValueError: the cycle is over.
        """
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"{self._name}: the cycle is over, got step {self.last_epoch}; expected at most {self.total_steps}. "
                "Make total_steps larger, or call step() once a batch and not more."
            )
        begin = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            begin = phase["end_step"]
        length = phase["end_step"] - begin
        part = (self.last_epoch - begin) / length if length else 1.0  # a phase of no length is over
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates
