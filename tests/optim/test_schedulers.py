"""Learning rates against the numbers of torch 2.13, and that they reach the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grillyx import optim
from grillyx.autograd import Tensor
from grillyx.optim import lr_scheduler as S

NAN = math.nan
Make = Callable[[optim.Optimizer], S.LRScheduler]
MAKE: dict[str, Make] = {
    "step": lambda o: S.StepLR(o, 3, 0.5),
    "multistep": lambda o: S.MultiStepLR(o, [2, 5, 5, 9], 0.3),
    "exponential": lambda o: S.ExponentialLR(o, 0.9),
    "cosine": lambda o: S.CosineAnnealingLR(o, 5, 0.01),
    "cosine of 1": lambda o: S.CosineAnnealingLR(o, 1),
    "lambda": lambda o: S.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda o: S.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "linear": lambda o: S.LinearLR(o),
    "linear down": lambda o: S.LinearLR(o, 0.1, 0.7, 4),
    "constant": lambda o: S.ConstantLR(o),
    "constant of 3": lambda o: S.ConstantLR(o, 0.5, 3),
    "warm-up": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, total_iters=3), S.ExponentialLR(o, 0.8)], [3]),
    "three": lambda o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 2), S.StepLR(o, 2, 0.5), S.CosineAnnealingLR(o, 4)], [2, 6]
    ),
    "1cycle": lambda o: S.OneCycleLR(o, 0.5, total_steps=12, cycle_momentum=False),
}
# for learning rates of 0.1 and 0.2, of epochs 0 to 11
WANTED = {
    "step": (
        [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125, 0.0125],
        [0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025],
    ),
    "multistep": (
        [0.1, 0.1, 0.03, 0.03, 0.03, 0.0027, 0.0027, 0.0027, 0.0027, 0.00081, 0.00081, 0.00081],
        [0.2, 0.2, 0.06, 0.06, 0.06, 0.0054, 0.0054, 0.0054, 0.0054, 0.00162, 0.00162, 0.00162],
    ),
    "exponential": (
        [0.1, 0.09, 0.081, 0.0729, 0.06561, 0.059049, 0.0531441, 0.04782969, 0.043046721, 0.0387420489, 0.03486784401,
         0.031381059609],
        [0.2, 0.18, 0.162, 0.1458, 0.13122, 0.118098, 0.1062882, 0.09565938, 0.086093442, 0.0774840978, 0.06973568802,
         0.062762119218],
    ),
    "cosine": (
        [0.1, 0.0914057647469, 0.0689057647469, 0.0410942352531, 0.0185942352531, 0.01, 0.0185942352531,
         0.0410942352531, 0.0689057647469, 0.0914057647469, 0.1, 0.0914057647469],
        [0.2, 0.181856614466, 0.134356614466, 0.0756433855344, 0.0281433855344, 0.01, 0.0281433855344, 0.0756433855344,
         0.134356614466, 0.181856614466, 0.2, 0.181856614466],
    ),
    "cosine of 1": ([0.1, 0.0] * 6, [0.2, 0.0] * 6),
    "lambda": (
        [0.1, 0.095, 0.09025, 0.0857375, 0.081450625, 0.07737809375, 0.0735091890625, 0.0698337296094, 0.0663420431289,
         0.0630249409725, 0.0598736939238, 0.0568800092276],
        [0.2, 0.19, 0.1805, 0.171475, 0.16290125, 0.1547561875, 0.147018378125, 0.139667459219, 0.132684086258,
         0.126049881945, 0.119747387848, 0.113760018455],
    ),
    "lambdas": (
        [0.1, 0.095, 0.09025, 0.0857375, 0.081450625, 0.07737809375, 0.0735091890625, 0.0698337296094, 0.0663420431289,
         0.0630249409725, 0.0598736939238, 0.0568800092276],
        [0.2, 0.1, 0.0666666666667, 0.05, 0.04, 0.0333333333333, 0.0285714285714, 0.025, 0.0222222222222, 0.02,
         0.0181818181818, 0.0166666666667],
    ),
    "linear": (
        [0.0333333333333, 0.0466666666667, 0.06, 0.0733333333333, 0.0866666666667, *[0.1] * 7],
        [0.0666666666667, 0.0933333333333, 0.12, 0.146666666667, 0.173333333333, *[0.2] * 7],
    ),
    "linear down": ([0.01, 0.025, 0.04, 0.055, *[0.07] * 8], [0.02, 0.05, 0.08, 0.11, *[0.14] * 8]),
    "constant": ([*[0.0333333333333] * 5, *[0.1] * 7], [*[0.0666666666667] * 5, *[0.2] * 7]),
    "constant of 3": ([*[0.05] * 3, *[0.1] * 9], [*[0.1] * 3, *[0.2] * 9]),
    "warm-up": (
        [0.01, 0.04, 0.07, 0.1, 0.08, 0.064, 0.0512, 0.04096, 0.032768, 0.0262144, 0.02097152, 0.016777216],
        [0.02, 0.08, 0.14, 0.2, 0.16, 0.128, 0.1024, 0.08192, 0.065536, 0.0524288, 0.04194304, 0.033554432],
    ),
    "three": (
        [0.01, 0.01, 0.1, 0.1, 0.05, 0.05, 0.1, 0.0853553390593, 0.05, 0.0146446609407, 0.0, 0.0146446609407],
        [0.02, 0.02, 0.2, 0.2, 0.1, 0.1, 0.2, 0.170710678119, 0.1, 0.0292893218813, 0.0, 0.0292893218813],
    ),
    "1cycle": (
        [0.02, 0.17489482711, 0.439642579561, 0.497207717725, 0.466506484921, 0.405872826975, 0.323689498848,
         0.231318551333, 0.141530499104, 0.0667387650944, 0.0172834937127, 2e-06],
    ) * 2,
}  # fmt: skip
CYCLES = {
    "cos": (
        {"max_lr": 0.5, "total_steps": 12},
        WANTED["1cycle"][0],
        [0.95, 0.917730244352, 0.862574462591, 0.850558458689, 0.856698729811, 0.868825509907, 0.885262241279,
         0.903736504679, 0.921694186956, 0.936652593591, 0.946543687432, 0.95],
    ),
    "linear, three phases": (
        {"max_lr": [0.5], "epochs": 3, "steps_per_epoch": 4, "three_phase": True, "anneal_strategy": "linear",
         "pct_start": 0.4, "base_momentum": 0.8, "max_momentum": 0.9, "div_factor": 10.0, "final_div_factor": 100.0},
        [0.05, 0.168421052632, 0.286842105263, 0.405263157895, 0.476315789474, 0.357894736842, 0.239473684211,
         0.121052631579, 0.0441764705882, 0.0296176470588, 0.0150588235294, 0.0005],
        [0.9, 0.873684210526, 0.847368421053, 0.821052631579, 0.805263157895, 0.831578947368, 0.857894736842,
         0.884210526316, 0.9, 0.9, 0.9, 0.9],
    ),
}  # fmt: skip
RISING = [2.0, 2.15, 2.16, 2.3, 2.35, 2.45, NAN, 2.9, 2.9, 3.3]
FALLING = [2.0, 1.85, 1.84, 1.7, 1.65, 1.55, NAN, 1.1, 1.05, 0.9]
PLATEAUS: list[tuple[dict[str, Any], list[float]]] = [
    ({"patience": 0}, [0.1, 0.05, 0.025, 0.025, 0.0125, 0.00625, 0.003125, 0.003125, 0.0015625, 0.0015625]),
    (
        {"patience": 0, "threshold_mode": "abs"},
        [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125, 0.00625, 0.00625],
    ),
    ({"patience": 1, "cooldown": 1}, [0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025, 0.025]),
    ({"patience": 0, "min_lr": 0.02, "eps": 0.006}, [0.1, 0.05, *[0.025] * 8]),
    ({"patience": 0, "min_lr": [0.03]}, [0.1, 0.05, *[0.03] * 8]),
]


def optimizer(name: str = "SGD", *rates: float, **options: Any) -> optim.Optimizer:
    rates = rates or (0.1, 0.2)
    return getattr(optim, name)([{"params": Tensor([1.0], requires_grad=True), "lr": lr} for lr in rates], **options)


def rates(o: optim.Optimizer) -> list[float]:
    return [group["lr"] for group in o.param_groups]


def follow(o: optim.Optimizer, scheduler: Any, epochs: int = 12) -> np.ndarray:
    """Return the learning rates of some epochs, (groups, epochs), the present one first."""
    out = []
    for _ in range(epochs):
        out.append(rates(o))
        assert scheduler.get_last_lr() == out[-1]
        scheduler.step()
    return np.array(out).T


@pytest.mark.parametrize("name", MAKE)
def test_rates_are_those_of_torch(name: str) -> None:
    o = optimizer()
    scheduler = MAKE[name](o)
    assert scheduler.last_epoch == 0
    np.testing.assert_allclose(follow(o, scheduler), WANTED[name], rtol=2e-11, atol=1e-16)
    assert scheduler.last_epoch == 12


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_one_cycle_moves_the_momentum(name: str, kind: str) -> None:
    options, wanted, momentum = CYCLES[name]
    o = optimizer(kind, 0.1)
    scheduler = S.OneCycleLR(o, **options)
    group, got = o.param_groups[0], []
    for _ in wanted:
        got.append((group["lr"], group["betas"][0] if "betas" in group else group["momentum"]))
        if "betas" in group:
            assert group["betas"][1] == 0.999
        scheduler.step()
    np.testing.assert_allclose(got, np.transpose([wanted, momentum]), rtol=2e-11)
    with pytest.raises(ValueError, match="OneCycleLR: the cycle is over, got step 13; expected at most 12"):
        scheduler.step()


def test_one_cycle_with_a_phase_of_no_length() -> None:
    """torch divides 0 by 0 here."""
    o = optimizer("SGD", 0.1)
    scheduler = S.OneCycleLR(o, 1.0, total_steps=10, pct_start=0.1, anneal_strategy="linear", cycle_momentum=False)
    assert follow(o, scheduler, 2)[0].tolist() == pytest.approx([1.0, 1 - (1 - 4e-6) / 9])


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(("options", "wanted"), PLATEAUS)
def test_plateau(options: dict[str, Any], wanted: list[float], mode: str) -> None:
    o = optimizer("SGD", 0.1)
    scheduler = S.ReduceLROnPlateau(o, mode=mode, factor=0.5, threshold=0.1, **options)
    got = []
    for metric in FALLING if mode == "min" else RISING:
        scheduler.step(Tensor(metric))
        got.append(o.param_groups[0]["lr"])
        assert scheduler.get_last_lr() == rates(o)
    assert got == pytest.approx(wanted, rel=1e-12)


def test_plateau_counts_nothing_while_it_cools_down() -> None:
    o = optimizer("SGD", 0.8)
    scheduler = S.ReduceLROnPlateau(o, patience=1, cooldown=3, factor=0.5)
    got, cooling = [], []
    for _ in range(14):
        scheduler.step(1.0)
        got.append(o.param_groups[0]["lr"])
        cooling.append(int(scheduler.in_cooldown))
    assert got == [0.8] * 2 + [0.4] * 5 + [0.2] * 5 + [0.1] * 2
    assert cooling == [0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1]


def test_plateau_by_default_waits_ten_epochs_and_divides_by_ten() -> None:
    o = optimizer()
    scheduler = S.ReduceLROnPlateau(o)
    for k in range(24):
        scheduler.step(1.0 - 1e-6 * k)
        assert rates(o) == pytest.approx([0.1, 0.2] if k < 11 else [0.01, 0.02] if k < 22 else [0.001, 0.002])


def test_plateau_takes_in_a_group_that_comes_later() -> None:
    o = optimizer()
    scheduler = S.ReduceLROnPlateau(o, patience=0, min_lr=0.05)
    o.add_param_group({"params": Tensor([1.0], requires_grad=True), "lr": 1.0})
    for _ in range(2):
        scheduler.step(1.0)
    assert rates(o) == [0.05, 0.05, 0.1]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", MAKE)
def test_going_on_from_a_saved_state(name: str, kind: str) -> None:
    whole = optimizer(kind)
    wanted = follow(whole, MAKE[name](whole))
    first = optimizer(kind)
    scheduler = MAKE[name](first)
    follow(first, scheduler, 5)
    saved = scheduler.state_dict(), first.state_dict()
    follow(first, scheduler, 2)
    second = optimizer(kind)
    other = MAKE[name](second)
    other.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    np.testing.assert_array_equal(follow(second, other, 7), wanted[:, 5:])


def test_going_on_with_momentum_and_metrics() -> None:
    first = optimizer("Adam", 0.1)
    scheduler = S.OneCycleLR(first, 0.5, total_steps=12)
    for _ in range(4):
        scheduler.step()
    second = optimizer("Adam", 0.1)
    other = S.OneCycleLR(second, 0.5, total_steps=12)
    other.load_state_dict(scheduler.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        scheduler.step()
        other.step()
        assert rates(first) == rates(second)
        assert first.param_groups[0]["betas"] == second.param_groups[0]["betas"]
    a, b = (S.ReduceLROnPlateau(o, patience=1) for o in (first, second))
    a.step(1.0)
    a.step(2.0)
    b.load_state_dict(a.state_dict())
    b.step(2.0)
    assert second.param_groups[0]["lr"] == pytest.approx(0.1 * first.param_groups[0]["lr"])


@pytest.mark.parametrize("name", [n for n in MAKE if n not in ("warm-up", "three", "1cycle", "lambdas", "cosine of 1")])
def test_going_on_by_last_epoch(name: str) -> None:
    """The optimizer's state carries the rates; the schedule is made anew with its last epoch."""
    o = optimizer()
    scheduler = MAKE[name](o)
    follow(o, scheduler, 4)  # now at epoch 4
    again: dict[str, Callable[[], S.LRScheduler]] = {
        "step": lambda: S.StepLR(o, 3, 0.5, last_epoch=3),
        "multistep": lambda: S.MultiStepLR(o, [2, 5, 5, 9], 0.3, last_epoch=3),
        "exponential": lambda: S.ExponentialLR(o, 0.9, last_epoch=3),
        "cosine": lambda: S.CosineAnnealingLR(o, 5, 0.01, last_epoch=3),
        "lambda": lambda: S.LambdaLR(o, lambda e: 0.95**e, last_epoch=3),
        "linear": lambda: S.LinearLR(o, last_epoch=3),
        "linear down": lambda: S.LinearLR(o, 0.1, 0.7, 4, last_epoch=3),
        "constant": lambda: S.ConstantLR(o, last_epoch=3),
        "constant of 3": lambda: S.ConstantLR(o, 0.5, 3, last_epoch=3),
    }
    # torch's LinearLR leaves the rate alone on the way in; it goes on from epoch 4 like all others
    np.testing.assert_allclose(follow(o, again[name](), 8), np.array(WANTED[name])[:, 4:], rtol=2e-11)


def test_schedules_act_together() -> None:
    o = optimizer("SGD", 0.1)
    all_three = [S.ExponentialLR(o, 0.9), S.StepLR(o, 2, 0.5), S.CosineAnnealingLR(o, 6)]
    got = []
    for _ in range(10):
        got.append(o.param_groups[0]["lr"])
        for scheduler in all_three:
            scheduler.step()
    wanted = [
        0.1, 0.08397114317029976, 0.030375, 0.018225, 0.004100625, 0.000988883241491585, 0.0, 0.006698729810778065,
        0.01125, 0.02025,
    ]  # fmt: skip
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-17)


def test_sequences_in_a_sequence() -> None:
    def parts(o: optim.Optimizer) -> list[S.LRScheduler]:
        return [
            S.LinearLR(o, 0.1, total_iters=2),
            S.ExponentialLR(o, 0.5),
            S.ExponentialLR(o, 0.8),
            S.StepLR(o, 2, 0.1),
        ]

    flat, nested = optimizer(), optimizer()
    wanted = follow(flat, S.SequentialLR(flat, parts(flat), [2, 4, 7]))
    a, b, c, d = parts(nested)
    inner = S.SequentialLR(nested, [a, b], [2]), S.SequentialLR(nested, [c, d], [3])
    np.testing.assert_array_equal(follow(nested, S.SequentialLR(nested, inner, [4])), wanted)


class Factor:
    """A function with a state of its own."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: int) -> float:
        return self.base**epoch


def test_callable_objects_are_saved() -> None:
    o = optimizer()
    saved = S.LambdaLR(o, [Factor(0.5), lambda e: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]
    scheduler = S.LambdaLR(o, [Factor(0.9), lambda e: 3.0])
    scheduler.load_state_dict(saved)
    scheduler.step()
    assert rates(o) == pytest.approx([0.05, 0.6])


def test_a_saved_state_is_a_copy() -> None:
    scheduler = S.MultiStepLR(optimizer(), [1, 3])
    saved = scheduler.state_dict()
    saved["milestones"][2] = 1
    saved["base_lrs"][0] = 7.0
    scheduler.get_last_lr()[0] = 5.0
    assert scheduler.state_dict() != saved
    assert scheduler.get_last_lr() == [0.1, 0.2]


def test_the_rate_reaches_the_parameters() -> None:
    p = Tensor([0.0], requires_grad=True)
    o = optim.SGD([p], lr=1.0)
    scheduler = S.StepLR(o, 1, 0.5)
    seen = []
    for _ in range(4):
        p.grad = Tensor([-1.0])
        o.step()
        scheduler.step()
        seen.append(p.numpy()[0])
    assert seen == [1.0, 1.5, 1.75, 1.875]


def test_names() -> None:
    assert set(S.__all__) < set(optim.__all__)
    for name in S.__all__:
        assert getattr(optim, name) is getattr(S, name)
    own = type("Own", (S.LRScheduler,), {"get_lr": lambda self: [7.0 for _ in self.base_lrs]})
    o = optimizer()
    assert own(o).get_last_lr() == rates(o) == [7.0, 7.0]
