"""Every optimizer against NumPy in float64: parameters and state, step by step."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grillyx.functional as F
from grillyx import nn, no_grad, optim
from grillyx.autograd import Tensor, is_grad_enabled
from grillyx.ops import optim as optim_ops
from tests.helpers import shapes
from tests.optim.reference import DEFAULTS, SHAPES, arrays, close, give, parameters, step, trained

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.3, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.3, "maximize": True, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.2, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.5, "betas": (0.7, 0.95), "eps": 1e-2}),
    ("Adam", {"lr": 0.5, "betas": (0.0, 0.0)}),
    ("Adam", {"lr": 0.5, "weight_decay": 0.3}),
    ("Adam", {"lr": 0.5, "weight_decay": 0.3, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.5, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.5, "weight_decay": 0.0, "betas": (0.2, 0.9)}),
    ("AdamW", {"lr": 0.5, "weight_decay": 0.3, "maximize": True, "eps": 1e-2}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.2, "alpha": 0.8, "eps": 1e-2, "weight_decay": 0.2}),
    ("RMSprop", {"lr": 0.2, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.2, "centered": True}),
    ("RMSprop", {"lr": 0.2, "alpha": 0.6, "centered": True, "momentum": 0.7, "weight_decay": 0.2, "maximize": True}),
]  # fmt: skip
IDS = [f"{name}-{','.join(f'{k}={v}' for k, v in options.items())}" for name, options in CASES]
KINDS = [
    ("SGD", {"momentum": 0.9, "dampening": 0.3}),
    ("Adam", {}),
    ("AdamW", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
]


class Pair:
    """An optimizer and its reference, on the same parameters."""

    def __init__(self, name: str, sizes: Any = SHAPES, **options: Any) -> None:
        self.name, self.options = name, {**DEFAULTS[name], **options}
        self.values = arrays(sizes, 1)
        self.params = parameters(self.values)
        self.states: list[dict[str, Any]] = [{} for _ in self.values]
        self.scales: defaultdict[tuple[int, str], float] = defaultdict(float)
        self.optimizer = getattr(optim, name)(self.params, **options)

    def step(self, grads: list[Any], options: list[dict[str, Any]] | None = None) -> None:
        give(self.params, grads)
        self.optimizer.step()
        for k, g in enumerate(grads):
            if g is not None:
                o = options[k] if options else self.options
                self.values[k] = step(self.name, self.values[k], g, self.states[k], o)

    def check(self) -> None:
        for k, (p, value, state) in enumerate(zip(self.params, self.values, self.states, strict=True)):
            self.scales[k, "p"] = close(p, value, self.scales[k, "p"])
            ours = self.optimizer.state.get(p, {})
            assert set(ours) == set(state)
            for key, wanted in state.items():
                if key == "step":
                    assert ours[key] == wanted
                else:
                    self.scales[k, key] = close(ours[key], wanted, self.scales[k, key])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_steps(name: str, options: dict[str, Any]) -> None:
    pair = Pair(name, **options)
    for t in range(7):
        pair.step(arrays(SHAPES, 10 + t))
        pair.check()


@pytest.mark.parametrize(("name", "options"), KINDS)
@given(sizes=st.lists(shapes(budget=40), min_size=1, max_size=10), seed=st.integers(0, 99))
def test_any_number_of_any_shapes(name: str, options: dict[str, Any], sizes: list[tuple[int, ...]], seed: int) -> None:
    pair = Pair(name, sizes, lr=0.1, **options)
    for t in range(2):
        pair.step(arrays(sizes, seed + t))
    pair.check()


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_parameters_without_gradients_wait(name: str, options: dict[str, Any]) -> None:
    """They neither change nor age: each parameter counts its own steps."""
    sizes = (*SHAPES, (5,), (), (2, 3))
    pair = Pair(name, sizes, lr=0.2, **options)
    for t in range(8):
        before = [p.numpy() for p in pair.params]
        grads = [None if (t + k) % 3 == 0 or k == 5 else g for k, g in enumerate(arrays(sizes, 20 + t))]
        pair.step(grads)
        pair.check()
        for p, old, g in zip(pair.params, before, grads, strict=True):
            assert np.array_equal(p.numpy(), old) == (g is None)
    assert pair.params[5] not in pair.optimizer.state


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_groups_have_their_own_options(name: str, options: dict[str, Any]) -> None:
    pair = Pair(name, lr=0.2, **options)
    first, *rest = pair.params
    pair.optimizer = getattr(optim, name)(
        [{"params": first, "lr": 0.01}, {"params": (p for p in rest[:2]), "weight_decay": 0.5}],
        lr=0.2,
        **options,
    )
    pair.optimizer.add_param_group({"params": rest[2:], "lr": 0.05, "maximize": True})
    o = pair.options
    each = [{**o, "lr": 0.01}, *[{**o, "weight_decay": 0.5}] * 2, {**o, "lr": 0.05, "maximize": True}]
    assert [g["lr"] for g in pair.optimizer.param_groups] == [0.01, 0.2, 0.05]
    for t in range(5):
        pair.step(arrays(SHAPES, 30 + t), each)
        pair.check()


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_options_may_change_between_steps(name: str, options: dict[str, Any]) -> None:
    pair = Pair(name, **options)
    for t in range(6):
        changed = {"lr": 0.3 / (t + 1), "weight_decay": 0.1 * t, "maximize": t % 2 == 1}
        pair.optimizer.param_groups[0].update(changed)
        pair.options.update(changed)
        pair.step(arrays(SHAPES, 40 + t))
        pair.check()


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
def test_momentum_may_be_switched_on(name: str) -> None:
    pair = Pair(name, lr=0.1)
    for t in range(5):
        pair.optimizer.param_groups[0]["momentum"] = pair.options["momentum"] = 0.9 if t >= 2 else 0.0
        pair.step(arrays(SHAPES, 50 + t))
        pair.check()


def test_a_variance_of_zero_stays_zero() -> None:
    """A constant gradient has none; float32 takes v - a² below 0 here, whose root torch has as NaN."""
    p = Tensor(np.zeros(130), requires_grad=True)
    optimizer = optim.RMSprop([p], lr=1e-9, alpha=0.5, eps=1.0, centered=True)
    gradient = arrays(((130,),), 3)[0]
    below = 0
    for _ in range(40):
        give([p], [gradient])
        optimizer.step()
        state = optimizer.state[p]
        below += int((state["square_avg"].numpy() < state["grad_avg"].numpy() ** 2).sum())
    assert below > 0
    assert np.isfinite(p.numpy()).all()


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_a_nan_stays_where_it_is(name: str, options: dict[str, Any]) -> None:
    p = Tensor(np.zeros(11), requires_grad=True)
    optimizer = getattr(optim, name)([p], **options)
    for _ in range(2):
        give([p], [np.where(np.arange(11) == 6, np.nan, 1.0)])
        optimizer.step()
    assert np.flatnonzero(np.isnan(p.numpy())).tolist() == [6]


@pytest.mark.parametrize("threads", [64, 1 << 30])
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_few_threads_or_many_give_the_same(
    name: str, options: dict[str, Any], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ((70001,), (3,), (513,))
    wanted = trained(getattr(optim, name)(parameters(arrays(sizes, 1)), **options), range(2))
    monkeypatch.setattr(optim_ops, "_CPU_THREADS", threads)
    got = trained(getattr(optim, name)(parameters(arrays(sizes, 1)), **options), range(2))
    for a, b, start in zip(got, wanted, arrays(sizes, 1), strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != start).all()


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_torch(name: str) -> None:
    group = getattr(optim, name)([Tensor([1.0], requires_grad=True)]).param_groups[0]
    known = {key: value for key, value in group.items() if key not in ("params", "decoupled_weight_decay")}
    assert known == DEFAULTS[name]


def test_a_gradient_may_be_the_parameter_itself() -> None:
    start = arrays(SHAPES, 1)
    params = parameters(start)
    for p in params:
        p.grad = p.detach()
    optim.SGD(params, lr=0.25).step()
    for p, value in zip(params, start, strict=True):
        np.testing.assert_array_equal(p.numpy(), np.float32(0.75 * value))


def test_a_gradient_may_be_any_array() -> None:
    p = Tensor([1.0, 2.0], requires_grad=True)
    p.grad = np.array([4, 8])
    optim.SGD([p], lr=0.25).step()
    assert p.numpy().tolist() == [0.0, 0.0]


def test_closure() -> None:
    p = Tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)

    def closure() -> Tensor:
        assert is_grad_enabled()
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with no_grad():
        assert float(optimizer.step(closure)) == 9.0
        assert not is_grad_enabled()
    assert p.numpy().tolist() == [0.0]
    assert optimizer.step() is None


def test_zero_grad() -> None:
    a, b, c = parameters(arrays(((3,), (3,), (2,)), 1))
    optimizer = optim.SGD([a, b, c])
    (a + b).backward(np.ones(3))
    kept = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert c.grad is None
    assert a.grad.numpy().tolist() == b.grad.numpy().tolist() == [0, 0, 0]
    assert kept.numpy().tolist() == [1, 1, 1]
    optimizer.zero_grad()
    assert a.grad is b.grad is c.grad is None


def test_a_step_between_forward_and_backward_is_found() -> None:
    w = Tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    loss = (w * w).sum()
    w.grad = Tensor([1.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place after the forward pass"):
        loss.backward()


def test_a_gradient_that_was_put_off_is_of_the_old_values() -> None:
    model = nn.Linear(3, 2)
    before, g = model.weight.numpy(), arrays(((4, 2),), 2)[0]
    model(Tensor(arrays(((4, 3),), 1)[0]))
    gx = model.backward(g)
    optim.SGD(model.parameters(), lr=1.0).step()
    assert (model.weight.numpy() != before).any()
    close(gx, g @ before.astype(np.float64))


@pytest.mark.parametrize(("name", "options"), [*KINDS, ("SGD", {})])
def test_training_finds_the_solution(name: str, options: dict[str, Any]) -> None:
    """A linear regression has one answer."""
    rng = np.random.default_rng(0)
    x, wanted = rng.standard_normal((64, 3)), np.array([[1.0], [-2.0], [0.5]])
    w = Tensor(np.zeros((3, 1)), requires_grad=True)
    b = Tensor(np.zeros(1), requires_grad=True)
    optimizer = getattr(optim, name)([w, b], lr=0.2, **options)
    schedule = optim.ExponentialLR(optimizer, 0.97)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.mse_loss(Tensor(x) @ w + b, x @ wanted + 0.25)
        loss.backward()
        optimizer.step()
        schedule.step()
        last = float(loss)
    assert last < 1e-3
    np.testing.assert_allclose(w.numpy(), wanted, atol=0.02)  # AdamW's decay pulls a little towards 0
    np.testing.assert_allclose(b.numpy(), [0.25], atol=0.02)
