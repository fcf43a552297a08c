"""What schedules refuse, and what they say then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from grillyx import optim
from grillyx.autograd import Tensor
from grillyx.optim import lr_scheduler as S

NAN = math.nan


def optimizer(name: str, *rates: float) -> optim.Optimizer:
    return getattr(optim, name)([{"params": Tensor([1.0], requires_grad=True), "lr": lr} for lr in rates])


def one() -> optim.Optimizer:
    return optimizer("SGD", 0.1)


class Plain(optim.Optimizer):
    """An optimizer without momentum."""


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: S.StepLR([], 3), TypeError,
     "StepLR: a schedule needs an optimizer, got list; expected an instance of SGD, Adam or another Optimizer."),
    (lambda: S.ReduceLROnPlateau(None), TypeError, "ReduceLROnPlateau: a schedule needs an optimizer, got NoneType;"),
    (lambda: S.StepLR(one(), 0), ValueError, "StepLR: step_size out of range, got 0; expected 1 or more."),
    (lambda: S.StepLR(one(), 2.0), TypeError, "StepLR: step_size must be an integer, got 2.0; expected 1 or more."),
    (lambda: S.StepLR(one(), True), TypeError, "StepLR: step_size must be an integer, got True;"),
    (lambda: S.StepLR(one(), 3, NAN), ValueError, "StepLR: gamma must be finite, got nan"),
    (lambda: S.StepLR(one(), 3, last_epoch=2), ValueError,
     "StepLR: cannot go on from epoch 2, got no 'initial_lr' in param_groups[0]; expected the groups of an "
     "earlier run."),
    (lambda: S.StepLR(one(), 3, last_epoch=-2), ValueError,
     "StepLR: last_epoch out of range, got -2; expected -1 or more."),
    (lambda: S.MultiStepLR(one(), [2, "3"]), TypeError, "MultiStepLR: a milestone must be an integer, got '3';"),
    (lambda: S.MultiStepLR(one(), [-1]), ValueError,
     "MultiStepLR: a milestone out of range, got -1; expected 0 or more."),
    (lambda: S.ExponentialLR(one(), "fast"), TypeError, "ExponentialLR: gamma must be a number, got 'fast'"),
    (lambda: S.CosineAnnealingLR(one(), 0), ValueError,
     "CosineAnnealingLR: T_max out of range, got 0; expected 1 or more."),
    (lambda: S.CosineAnnealingLR(one(), 5, math.inf), ValueError,
     "CosineAnnealingLR: eta_min must be finite, got inf"),
    (lambda: S.ConstantLR(one(), 0.0), ValueError,
     "ConstantLR: factor out of range, got 0.0; expected above 0 and at most 1."),
    (lambda: S.ConstantLR(one(), 1.5), ValueError, "ConstantLR: factor out of range, got 1.5; expected 0 to 1."),
    (lambda: S.ConstantLR(one(), 0.5, 0), ValueError,
     "ConstantLR: total_iters out of range, got 0; expected 1 or more."),
    (lambda: S.LinearLR(one(), -0.1), ValueError, "LinearLR: start_factor out of range, got -0.1;"),
    (lambda: S.LinearLR(one(), 0.1, 2.0), ValueError, "LinearLR: end_factor out of range, got 2.0; expected 0 to 1."),
    (lambda: S.LinearLR(one(), total_iters=0), ValueError, "LinearLR: total_iters out of range, got 0;"),
    (lambda: S.LambdaLR(one(), [abs, abs]), ValueError,
     "LambdaLR: one lr_lambda for each parameter group, got 2; expected 1, or one function for all."),
    (lambda: S.LambdaLR(one(), 0.5), TypeError,
     "LambdaLR: lr_lambda must be a function, got 0.5; expected epoch -> factor."),
    (lambda: S.OneCycleLR(one(), 0.1), ValueError,
     "OneCycleLR: the length is not given, got epochs None and steps_per_epoch None; expected both, or total_steps."),
    (lambda: S.OneCycleLR(one(), 0.1, epochs=3), ValueError, "got epochs 3 and steps_per_epoch None"),
    (lambda: S.OneCycleLR(one(), 0.1, total_steps=0), ValueError, "OneCycleLR: total_steps out of range, got 0;"),
    (lambda: S.OneCycleLR(one(), 0.1, epochs=0, steps_per_epoch=3), ValueError,
     "OneCycleLR: epochs out of range, got 0;"),
    (lambda: S.OneCycleLR(one(), 0.1, epochs=3, steps_per_epoch=1.5), TypeError,
     "OneCycleLR: steps_per_epoch must be an integer, got 1.5;"),
    (lambda: S.OneCycleLR(one(), 0.1, 9, pct_start=1.5), ValueError,
     "OneCycleLR: pct_start out of range, got 1.5; expected 0 to 1."),
    (lambda: S.OneCycleLR(one(), 0.1, 9, anneal_strategy="sin"), ValueError,
     "OneCycleLR: unknown anneal_strategy, got 'sin'; expected one of 'cos', 'linear'."),
    (lambda: S.OneCycleLR(one(), [0.1, 0.2], 9), ValueError,
     "OneCycleLR: one max_lr for each parameter group, got 2; expected 1, or one number for all."),
    (lambda: S.OneCycleLR(one(), -0.1, 9), ValueError,
     "OneCycleLR: max_lr out of range, got -0.1; expected 0 or more."),
    (lambda: S.OneCycleLR(one(), 0.1, 9, max_momentum=-1), ValueError,
     "OneCycleLR: max_momentum out of range, got -1;"),
    (lambda: S.OneCycleLR(optimizer("Adam", 0.1), 0.1, 9, base_momentum=1.0), ValueError,
     "OneCycleLR: base_momentum out of range, got 1.0; expected 0 to 1, exclusive."),
    (lambda: S.OneCycleLR(one(), 0.1, 9, cycle_momentum=1), TypeError,
     "OneCycleLR: cycle_momentum must be a bool, got 1; expected True or False."),
    (lambda: S.OneCycleLR(one(), 0.1, 9, three_phase="yes"), TypeError,
     "OneCycleLR: three_phase must be a bool, got 'yes';"),
    (lambda: S.OneCycleLR(one(), 0.1, 9, div_factor=0), ValueError,
     "OneCycleLR: div_factor out of range, got 0; expected above 0."),
    (lambda: S.OneCycleLR(one(), 0.1, 9, final_div_factor=-2), ValueError,
     "OneCycleLR: final_div_factor out of range, got -2;"),
    (lambda: S.OneCycleLR(Plain([Tensor([1.0], requires_grad=True)], {}), 0.1, 9), ValueError,
     "OneCycleLR: this optimizer has no momentum to change, got Plain with cycle_momentum=True; expected one with "
     "momentum or betas. Pass cycle_momentum=False."),
    (lambda: S.ReduceLROnPlateau(one(), "lowest"), ValueError,
     "ReduceLROnPlateau: unknown mode, got 'lowest'; expected one of 'min', 'max'."),
    (lambda: S.ReduceLROnPlateau(one(), factor=1.0), ValueError,
     "ReduceLROnPlateau: factor out of range, got 1.0; expected 0 to 1, exclusive."),
    (lambda: S.ReduceLROnPlateau(one(), patience=-1), ValueError,
     "ReduceLROnPlateau: patience out of range, got -1;"),
    (lambda: S.ReduceLROnPlateau(one(), cooldown=0.5), TypeError,
     "ReduceLROnPlateau: cooldown must be an integer, got 0.5;"),
    (lambda: S.ReduceLROnPlateau(one(), threshold=-1), ValueError,
     "ReduceLROnPlateau: threshold out of range, got -1;"),
    (lambda: S.ReduceLROnPlateau(one(), threshold_mode="x"), ValueError,
     "ReduceLROnPlateau: unknown threshold_mode, got 'x';"),
    (lambda: S.ReduceLROnPlateau(one(), min_lr=[0.1, 0.1]), ValueError,
     "ReduceLROnPlateau: one min_lr for each parameter group, got 2; expected 1,"),
    (lambda: S.ReduceLROnPlateau(one(), eps=-1e-3), ValueError, "ReduceLROnPlateau: eps out of range, got -0.001;"),
    (lambda: S.SequentialLR(one(), [], []), ValueError,
     "SequentialLR: no schedules, got an empty list; expected at least one."),
    (lambda: S.SequentialLR(one(), [3], []), TypeError,
     "SequentialLR: schedulers[0] is no schedule, got int; expected an LRScheduler."),
    (lambda: S.SequentialLR(o := one(), [S.ReduceLROnPlateau(o)], []), ValueError,
     "SequentialLR: schedulers[0] needs a metric at each step, got ReduceLROnPlateau; expected another schedule."),
    (lambda: S.SequentialLR(o := one(), [S.ConstantLR(o), S.ConstantLR(one())], [2]), ValueError,
     "SequentialLR: schedulers[1] belongs to another optimizer, got a ConstantLR of SGD; expected one of the "
     "optimizer given."),
    (lambda: S.SequentialLR(o := one(), [S.ConstantLR(o)], [2]), ValueError,
     "SequentialLR: milestones do not fit 1 schedules, got [2]; expected 0 in rising order."),
    (lambda: S.SequentialLR(o := one(), [S.ConstantLR(o)] * 3, [5, 2]), ValueError,
     "SequentialLR: milestones do not fit 3 schedules, got [5, 2]; expected 2 in rising order."),
    (lambda: S.SequentialLR(o := one(), [S.ConstantLR(o)] * 2, [0]), ValueError,
     "SequentialLR: a milestone out of range, got 0; expected 1 or more."),
    (lambda: S.StepLR(one(), 3).load_state_dict({"gamma": 1, "last_epoch": 0}), ValueError,
     "StepLR.load_state_dict: this state does not fit, got the keys ['gamma', 'last_epoch']; expected also "
     "step_size, "
     "base_lrs, _last_lr. Nothing was changed; is it the state of another schedule?"),
    (lambda: S.LambdaLR(one(), abs).load_state_dict({"lr_lambdas": [None, None]}), ValueError,
     "LambdaLR.load_state_dict: this state does not fit, got 2 functions; expected 1. Nothing was changed."),
    (lambda: S.SequentialLR(o := one(), [S.ConstantLR(o)], []).load_state_dict({"_schedulers": []}), ValueError,
     "SequentialLR.load_state_dict: this state does not fit, got 0 schedules; expected 1. Nothing was changed."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[message[:60] for _, _, message in ERRORS])
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert message in str(caught.value)


def test_a_refused_state_changes_nothing() -> None:
    scheduler = S.StepLR(optimizer("SGD", 0.1, 0.2), 3)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match="does not fit"):
        scheduler.load_state_dict({"gamma": 0.7})
    assert scheduler.state_dict() == before
