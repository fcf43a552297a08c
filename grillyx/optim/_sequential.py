"""Several schedules one after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._plateau import ReduceLROnPlateau
from grillyx.optim._scheduler import LRScheduler, attached


class SequentialLR(LRScheduler):
    """Follows the first schedule up to the first milestone, then the second, and so on; each begins at its epoch 0.

    Args:
        optimizer: whose groups to change.
        schedulers: schedules of this optimizer, made before.
        milestones: the epochs at which the next one takes over, one less than there are schedules, in rising order.
        last_epoch: as in torch; leave it at -1 (default) and use `load_state_dict` to go on.

    Raises:
        TypeError: something that is no schedule.
        ValueError: none, one of another optimizer, a `ReduceLROnPlateau` (it needs a metric), or milestones that do not
            fit.

    Source: ``torch.optim.lr_scheduler.SequentialLR``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = attached(optimizer, self._name)
        self._schedulers = list(schedulers)
        self._check_schedulers()
        self._milestones = [_options.whole(m, self._name, "a milestone") for m in milestones]
        if len(self._milestones) != len(self._schedulers) - 1 or self._milestones != sorted(set(self._milestones)):
            raise ValueError(
                f"SequentialLR: milestones do not fit {len(self._schedulers)} schedules, got {list(milestones)}; "
                f"expected {len(self._schedulers) - 1} in rising order."
            )
        self.last_epoch = _options.whole(last_epoch, self._name, "last_epoch", -1)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._undo()
        self._initial_step()

    def _initial_step(self) -> None:
        self.last_epoch += 1
        self._schedulers[0]._initial_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def _check_schedulers(self) -> None:
        if not self._schedulers:
            raise ValueError("SequentialLR: no schedules, got an empty list; expected at least one.")
        for k, scheduler in enumerate(self._schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    f"SequentialLR: schedulers[{k}] is no schedule, got {type(scheduler).__name__}; expected an "
                    "LRScheduler."
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"SequentialLR: schedulers[{k}] needs a metric at each step, got ReduceLROnPlateau; expected "
                    "another schedule. Step it by itself."
                )
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(
                    f"SequentialLR: schedulers[{k}] belongs to another optimizer, got a {type(scheduler).__name__} of "
                    f"{scheduler.optimizer.name}; expected one of the optimizer given."
                )

    def _undo(self) -> None:
        """Take back the steps that the constructors of the schedules made."""
        for scheduler in self._schedulers:
            scheduler.last_epoch -= 1
            if isinstance(scheduler, SequentialLR):
                scheduler._undo()

    def _jump(self, epoch: int) -> None:
        self.last_epoch = epoch
        self._schedulers[0]._jump(epoch)
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self) -> None:
        """Go on by one epoch with the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._jump(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def get_lr(self) -> list[float]:
        """Return the present rates: the schedules inside compute them."""
        return self._rates()

    def _kept(self) -> dict[str, Any]:
        return {**super()._kept(), "_schedulers": [scheduler._kept() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state; load the optimizer's state too.

        Raises:
            ValueError: something is missing, or there are not as many schedules.
        """
        schedulers = self._schedulers
        parts = state_dict.get("_schedulers", schedulers)
        if len(parts) != len(schedulers):
            raise ValueError(
                f"SequentialLR.load_state_dict: this state does not fit, got {len(parts)} schedules; expected "
                f"{len(schedulers)}. Nothing was changed."
            )
        super().load_state_dict(state_dict)
        self._schedulers = schedulers
        for scheduler, part in zip(schedulers, parts, strict=True):
            scheduler.load_state_dict(part)
