"""What a step costs: dispatches, pipelines, buffers and transfers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import optim
from grillyx.autograd import Tensor
from grillyx.engine.counters import counters
from grillyx.engine.device import current_device
from grillyx.engine.stream import Stream
from tests.optim.reference import arrays, give, parameters, trained

KINDS = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {}), ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
]  # fmt: skip


class Spent(dict[str, int]):
    """What was counted in a `with` block, once it is over."""


@contextmanager
def spent() -> Iterator[Spent]:
    out, before = Spent(), counters()
    yield out
    out.update({key: value - before[key] for key, value in counters().items()})


def ready(name: str, count: int, **options: Any) -> tuple[list[Tensor], optim.Optimizer]:
    """Parameters with gradients, and an optimizer that has made its state."""
    params = parameters(arrays([(2 + k, 3) for k in range(count)], 1))
    optimizer = getattr(optim, name)(params, **options)
    give(params, arrays([p.shape for p in params], 2))
    optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("count", [1, 3, 6, 7, 8, 9, 17])
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_eight_parameters_to_a_dispatch(name: str, options: dict[str, Any], count: int) -> None:
    _, optimizer = ready(name, count, **options)
    with spent() as cost:
        optimizer.step()
    arrays_each = {"SGD": 3, "RMSprop": 5}.get(name, 4)
    slots = max(s for s in (1, 2, 4, 6, 8) if s * arrays_each <= current_device().info.max_bindings)
    assert cost["dispatches"] == -(-count // slots)
    assert cost["uploads"] == cost["downloads"] == cost["live_buffers"] == 0


def test_groups_are_dispatched_apart() -> None:
    params = parameters(arrays([(2,)] * 4, 1))
    optimizer = optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    give(params, arrays([(2,)] * 4, 2))
    with spent() as cost:
        optimizer.step()
    assert cost["dispatches"] == 2


def test_different_ages_share_a_dispatch() -> None:
    """The bias correction of each parameter is its own push constant."""
    params, optimizer = ready("Adam", 4)
    params[2].grad = None
    optimizer.step()
    give(params, arrays([p.shape for p in params], 2))
    with spent() as cost:
        optimizer.step()
    assert [optimizer.state[p]["step"] for p in params] == [3, 3, 2, 3]
    assert cost["dispatches"] == 1


def test_no_gradients_cost_nothing() -> None:
    params, optimizer = ready("Adam", 4)
    optimizer.zero_grad()
    before = [p.numpy() for p in params]
    with spent() as cost:
        optimizer.step()
    assert not any(cost.values())
    assert all((p.numpy() == b).all() for p, b in zip(params, before, strict=True))


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_changing_options_make_no_new_pipeline(name: str, options: dict[str, Any]) -> None:
    params, optimizer = ready(name, 6, **options)
    before = [p.numpy() for p in params]
    with spent() as cost:
        for k in range(10):
            optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
            optimizer.param_groups[0]["weight_decay"] = 0.01 * k
            optimizer.param_groups[0]["maximize"] = k % 2 == 1
            optimizer.step()
    assert cost["created"] == 0
    assert cost["dispatches"] == 10
    assert all((p.numpy() != b).any() for p, b in zip(params, before, strict=True))


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_a_training_loop_settles(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With clipping and a schedule: after some steps nothing is made any more, and nothing stays behind."""
    monkeypatch.undo()  # poisoning makes pipelines of its own
    w, b = parameters(arrays([(3, 2), (2,)], 1))
    optimizer = getattr(optim, name)([w, b], **options)
    momentum = "momentum" in options or "betas" in optimizer.defaults
    schedule = optim.OneCycleLR(optimizer, 0.1, total_steps=60, cycle_momentum=momentum)
    x, y = map(Tensor, arrays([(5, 3), (5, 2)], 2))

    def step() -> float:
        optimizer.zero_grad()
        loss = F.mse_loss(x @ w + b, y)
        loss.backward()
        optim.clip_grad_norm_([w, b], 1.0)
        optimizer.step()
        schedule.step()
        return float(loss)

    losses = [step() for _ in range(20)]
    with spent() as cost:
        losses += [step() for _ in range(20)]
    assert cost["created"] == cost["live_buffers"] == 0
    assert (cost["uploads"], cost["downloads"]) == (0, 20)
    assert losses[-1] < losses[0]


def with_bindings(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if the device took so many buffers in a shader."""
    device = current_device()
    monkeypatch.setattr(device, "info", dataclasses.replace(device.info, max_bindings=count))


@pytest.mark.parametrize(
    ("name", "options", "bindings", "dispatches"),
    [
        ("SGD", {"momentum": 0.9}, 12, 2), ("SGD", {"momentum": 0.9}, 11, 3), ("SGD", {"momentum": 0.9}, 18, 1),
        ("Adam", {}, 16, 2), ("Adam", {}, 15, 3), ("Adam", {}, 4, 5), ("RMSprop", {"centered": True}, 12, 3),
        ("RMSprop", {"centered": True}, 20, 2), ("RMSprop", {"centered": True}, 5, 5),
    ],
)  # fmt: skip
def test_a_device_with_few_bindings(
    name: str,
    options: dict[str, Any],
    bindings: int,
    dispatches: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make: Callable[[], optim.Optimizer] = lambda: getattr(optim, name)(parameters(start), **options)
    start = arrays([(3, 3), (1,), (70,), (6,), (2,)], 1)
    wanted = trained(make(), range(3))
    with_bindings(bindings, monkeypatch)
    optimizer = make()
    got = trained(optimizer, range(3))
    for a, b, old in zip(got, wanted, start, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != old).all()
    with spent() as cost:
        optimizer.step()
    assert cost["dispatches"] == dispatches


def test_a_device_with_too_few_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    _, optimizer = ready("Adam", 1)
    with_bindings(3, monkeypatch)
    message = "adam: too many arrays for this device, got 3 storage buffers in a shader; expected at least 4"
    with pytest.raises(NotImplementedError, match=message):
        optimizer.step()


def test_clipping_with_few_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    params = parameters(arrays([(3,), (5,), (2, 2)], 1))
    grads = arrays([(3,), (5,), (2, 2)], 2)
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    names: list[str] = []
    record = Stream.record

    def noting(stream: Stream, *arguments: Any) -> None:
        names.append(arguments[-1])
        record(stream, *arguments)

    monkeypatch.setattr(Stream, "record", noting)
    dispatches = []
    for bindings in (9, 8, 5, 3):  # two for each tensor, and one for the factor
        with_bindings(bindings, monkeypatch)
        give(params, grads)
        names.clear()
        optim.clip_grad_norm_(params, 1e-3)
        dispatches.append(sum(name.startswith("scale.") for name in names))
        for p, g in zip(params, grads, strict=True):
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.numpy(), g * 1e-3 / norm, rtol=1e-5)
    assert dispatches == [1, 2, 2, 3]


@pytest.mark.parametrize(("count", "dispatches"), [(1, 3), (8, 3), (9, 5)])
@pytest.mark.parametrize("order", [2.0, float("inf")])
def test_clipping_costs_few_dispatches(
    count: int, dispatches: int, order: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The norm of eight arrays in one, the factor in one, eight arrays scaled in one."""
    monkeypatch.undo()  # poisoning dispatches too
    if current_device().info.max_bindings < 17:
        pytest.skip("this device takes fewer arrays at once")
    params = parameters(arrays([(3, k + 1) for k in range(count)], 1))
    give(params, arrays([p.shape for p in params], 2))
    with spent() as cost:
        optim.clip_grad_norm_(params, 1e-3, order)
    assert cost["dispatches"] == dispatches
