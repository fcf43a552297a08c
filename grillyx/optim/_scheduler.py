"""`LRScheduler`: what all schedules share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer


class LRScheduler:
    """Changes the learning rates of an optimizer's groups. A schedule is a method `get_lr`, and constants.

    Call ``scheduler.step()`` after ``optimizer.step()``, once an epoch or once a batch; an "epoch" in these schedules
    is one such call. The constructor already sets the learning rate of epoch 0. All but `LambdaLR` and `OneCycleLR` go
    on from the present learning rate, so that several can act together.

    Args:
        optimizer: whose groups to change; each then has an ``"initial_lr"``.
        last_epoch: the epoch to go on from, after the optimizer's state was loaded; -1 (default) begins anew.

    Attributes:
        base_lrs: the learning rate of each group at the beginning.
        last_epoch: how many times `step` was called.

    Raises:
        TypeError: `optimizer` is none.
        ValueError: a `last_epoch` of 0 or more with an optimizer that had no schedule before.

    Source: ``torch.optim.lr_scheduler``, whose numbers these are.
    """

    _is_initial = False  # during the step that the constructor makes

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = attached(optimizer, self._name)
        self.last_epoch = _options.whole(last_epoch, self._name, "last_epoch", -1)
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{self._name}: cannot go on from epoch {last_epoch}, got no 'initial_lr' in param_groups[{k}]; "
                    "expected the groups of an earlier run. Load the optimizer's state first, or use last_epoch=-1."
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._initial_step()

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _initial_step(self) -> None:
        self._is_initial = True
        try:
            self.step()
        finally:
            del self._is_initial

    def get_lr(self) -> list[float]:
        """Compute the learning rate of each group for the epoch `last_epoch`, from the present ones."""
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[float]:
        """Compute the same from the first learning rates alone, where that can be done."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that the last step set."""
        return list(self._last_lr)

    def step(self) -> None:
        """Go on by one epoch and set the learning rates."""
        self.last_epoch += 1
        self._set(self.get_lr())

    def _jump(self, epoch: int) -> None:
        """Go to an epoch, whatever the present learning rates are."""
        self.last_epoch = epoch
        self._set(self._get_closed_form_lr())

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        return [rate * factor for rate in self._rates()]

    def _kept(self) -> dict[str, Any]:
        """Return what belongs into a saved state."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the schedule keeps. The learning rates themselves are in the optimizer's state."""
        return copy.deepcopy(self._kept())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state, of this class or of torch's class of the same name.

        Load the optimizer's state too: it holds the present learning rates.

        Raises:
            ValueError: something is missing; nothing is changed.
        """
        kept = self._kept()
        missing = [key for key in kept if key not in state_dict]
        if missing:
            raise ValueError(
                f"{self._name}.load_state_dict: this state does not fit, got the keys {sorted(state_dict)}; expected "
                f"also {', '.join(missing)}. Nothing was changed; is it the state of another schedule?"
            )
        self.__dict__.update({key: copy.deepcopy(state_dict[key]) for key in kept})


def attached(optimizer: Any, name: str) -> Optimizer:
    """Return `optimizer` if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{name}: a schedule needs an optimizer, got {type(optimizer).__name__}; expected an instance of SGD, Adam "
            "or another Optimizer."
        )
    return optimizer


def for_each_group(value: Any, optimizer: Optimizer, name: str, what: str, check: Any = _options.number) -> list[float]:
    """Return one number a group, from one for all or a list."""
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"{name}: one {what} for each parameter group, got {len(values)}; expected {count}, or one number for all."
        )
    return [check(v, name, what) for v in values]
