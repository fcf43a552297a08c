"""Schedules that are a rule for the next learning rate."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

from grillyx.optim import _options
from grillyx.optim._optimizer import Optimizer
from grillyx.optim._scheduler import LRScheduler, attached

Factor = Callable[[int], float]


class LambdaLR(LRScheduler):
    """The first learning rate times a function of the epoch: ``lr = initial_lr · f(epoch)``.

    Args:
        optimizer: whose groups to change.
        lr_lambda: a function from the epoch (0, 1, …) to a factor, or a list with one for each group.
        last_epoch: the epoch to go on from. Default -1.

    Raises:
        TypeError: no function.
        ValueError: not as many functions as groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | list[Factor] | tuple[Factor, ...],
        last_epoch: int = -1,
    ) -> None:
        count = len(attached(optimizer, self._name).param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * count
        if len(self.lr_lambdas) != count:
            raise ValueError(
                f"LambdaLR: one lr_lambda for each parameter group, got {len(self.lr_lambdas)}; expected {count}, or "
                "one function for all."
            )
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda must be a function, got {function!r}; expected epoch -> factor.")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return ``initial_lr · f(last_epoch)``."""
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]

    def _kept(self) -> dict[str, Any]:
        # of a callable object its attributes, of a function nothing
        kept = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return {**super()._kept(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state; functions stay as they are, callable objects get their attributes back.

        Raises:
            ValueError: something is missing, or there are not as many functions; nothing is changed.
        """
        functions = self.lr_lambdas
        saved = state_dict.get("lr_lambdas", functions)
        if len(saved) != len(functions):
            raise ValueError(
                f"LambdaLR.load_state_dict: this state does not fit, got {len(saved)} functions; expected "
                f"{len(functions)}. Nothing was changed."
            )
        super().load_state_dict(state_dict)
        self.lr_lambdas = functions
        for function, attributes in zip(functions, saved, strict=True):
            if attributes:
                function.__dict__.update(attributes)


class StepLR(LRScheduler):
    """Times `gamma` every `step_size` epochs.

    Args:
        optimizer: whose groups to change.
        step_size: epochs from one change to the next, at least 1.
        gamma: the factor. Default 0.1.
        last_epoch: the epoch to go on from. Default -1.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = _options.whole(step_size, self._name, "step_size")
        self.gamma = _options.number(gamma, self._name, "gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates, times gamma where a multiple of step_size is reached."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self._scaled(self.gamma) if due else self._rates()

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Times `gamma` at each of some epochs.

    Args:
        optimizer: whose groups to change.
        milestones: the epochs; one that is named twice counts twice.
        gamma: the factor. Default 0.1.
        last_epoch: the epoch to go on from. Default -1.
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(_options.whole(m, self._name, "a milestone", 0) for m in milestones)
        self.gamma = _options.number(gamma, self._name, "gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates, times gamma for each milestone at this epoch."""
        if self.last_epoch not in self.milestones:
            return self._rates()
        return self._scaled(self.gamma ** self.milestones[self.last_epoch])

    def _get_closed_form_lr(self) -> list[float]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """Times `factor` for the first `total_iters` epochs, then the full learning rate.

    Args:
        optimizer: whose groups to change.
        factor: above 0, at most 1. Default 1/3.
        total_iters: epochs with the factor, at least 1. Default 5.
        last_epoch: the epoch to go on from. Default -1.
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor = _options.above_zero(factor, self._name, "factor", 1.0)
        self.total_iters = _options.whole(total_iters, self._name, "total_iters")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates, times the factor at epoch 0 and divided by it at epoch `total_iters`."""
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        return self._scaled(1.0 / self.factor) if self.last_epoch == self.total_iters else self._rates()

    def _get_closed_form_lr(self) -> list[float]:
        return [base * (1.0 if self.last_epoch >= self.total_iters else self.factor) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """A factor that goes from `start_factor` to `end_factor` in `total_iters` equal steps, as in a warm-up.

    Args:
        optimizer: whose groups to change.
        start_factor: factor at epoch 0, above 0 and at most 1. Default 1/3.
        end_factor: factor from epoch `total_iters` on, 0 to 1. Default 1.
        total_iters: epochs, at least 1. Default 5.
        last_epoch: the epoch to go on from. Default -1.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.start_factor = _options.above_zero(start_factor, self._name, "start_factor", 1.0)
        self.end_factor = _options.share(end_factor, self._name, "end_factor")
        self.total_iters = _options.whole(total_iters, self._name, "total_iters")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates, times the ratio of this epoch's factor to the last epoch's."""
        if self.last_epoch == 0:
            return self._scaled(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        return self._scaled(1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))

    def _get_closed_form_lr(self) -> list[float]:
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + (self.end_factor - self.start_factor) * done) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Times `gamma` every epoch.

    Args:
        optimizer: whose groups to change.
        gamma: the factor.
        last_epoch: the epoch to go on from. Default -1.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = _options.number(gamma, self._name, "gamma")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates times gamma."""
        return self._rates() if self._is_initial else self._scaled(self.gamma)

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first learning rate down to `eta_min`, and up again if it goes on.

    ``lr = eta_min + (initial_lr − eta_min)·(1 + cos(π·epoch/T_max))/2``, computed from step to step.

    Args:
        optimizer: whose groups to change.
        T_max: epochs from the top to the bottom, at least 1.
        eta_min: the lowest learning rate. Default 0.
        last_epoch: the epoch to go on from. Default -1.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = _options.whole(T_max, self._name, "T_max")
        self.eta_min = _options.number(eta_min, self._name, "eta_min")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the present rates moved along the cosine by one epoch."""
        if self._is_initial:
            return self._rates()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom, where the ratio is 0 / 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [r + (base - self.eta_min) * rise for r, base in zip(self._rates(), self.base_lrs, strict=True)]
        ratio = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / (
            1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        )
        return [ratio * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        part = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]
