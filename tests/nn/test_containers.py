"""Sequential, ModuleList, SeqToANNContainer and MultiStepContainer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor
from tests.nn.reference import Neuron


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


# --- Sequential and ModuleList
def test_sequential_runs_in_order() -> None:
    a, b = nn.Linear(3, 4), nn.Linear(4, 2)
    model, x = nn.Sequential(a, nn.ReLU(), b), normal(5, 3)
    want = np.maximum(x @ a.weight.numpy().T + a.bias.numpy(), 0) @ b.weight.numpy().T + b.bias.numpy()
    np.testing.assert_allclose(model(x).numpy(), want, 1e-5, 1e-6)
    assert len(model) == 3
    assert model[0] is a
    assert model[-1] is b
    assert list(model) == [a, model[1], b]
    assert isinstance(model[1:], nn.Sequential)
    assert list(model[1:]) == [model[1], b]
    np.testing.assert_array_equal(nn.Sequential()(x), x)


def test_names_of_a_sequential() -> None:
    """Positions, or the keys of a dict, which stay with their modules."""
    model = nn.Sequential({"first": nn.Linear(2, 3), "fire": nn.IFNode(), "last": nn.Linear(3, 1)})
    names = lambda m: [k for k, _ in m.named_children()]
    assert list(model.state_dict()) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert names(model[1:]) == ["fire", "last"]
    assert names(model[::-1]) == ["last", "fire", "first"]
    last = model[2]
    del model[0]
    assert names(model) == ["fire", "last"]
    assert dict(model.named_children())["last"] is last
    model.append(nn.ReLU())
    model.insert(0, nn.Tanh())
    assert len(set(names(model))) == 4
    assert dict(model.named_children())["last"] is last
    assert {type(m).__name__ for m in model} == {"Tanh", "IFNode", "Linear", "ReLU"}
    del model[:]
    assert names(model) == []


def test_a_subclass_of_sequential_may_have_parts_of_its_own() -> None:
    class Scaled(nn.Sequential):
        def __init__(self, *modules: Any) -> None:
            super().__init__(*modules)
            self.scale = nn.Parameter(2.0)

        def forward(self, x: Any) -> Tensor:
            return super().forward(x) * self.scale

    assert list(Scaled(nn.Linear(1, 1)).state_dict()) == ["scale", "0.weight", "0.bias"]
    assert list(Scaled({"a": nn.Linear(1, 1)}).state_dict()) == ["scale", "a.weight", "a.bias"]
    model = Scaled({"a": nn.Linear(1, 1), "b": nn.ReLU()})
    del model[1]
    assert list(model.state_dict()) == ["scale", "a.weight", "a.bias"]


def test_module_list() -> None:
    items = nn.ModuleList([nn.Linear(2, 2), nn.ReLU()])
    items.append(nn.Linear(2, 1)).extend([nn.Tanh()])
    items.insert(1, nn.IFNode())
    assert [type(m).__name__ for m in items] == ["Linear", "IFNode", "ReLU", "Linear", "Tanh"]
    assert list(items.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert isinstance(items[1:3], nn.ModuleList)
    assert [type(m).__name__ for m in items[1:3]] == ["IFNode", "ReLU"]
    items[0] = nn.Flatten()
    del items[-1]
    assert [type(m).__name__ for m in items] == ["Flatten", "IFNode", "ReLU", "Linear"]
    for wrong in (lambda: items.append(abs), lambda: nn.Sequential(nn.ReLU(), nn.ReLU), lambda: items.insert(0, 3)):
        with pytest.raises(TypeError, match="holds modules only, got"):
            wrong()
    with pytest.raises(TypeError, match="ModuleList: holds modules only, got str"):
        items[0] = "x"
    assert len(items) == 4


# --- SeqToANNContainer
def test_seq_to_ann() -> None:
    inner, x = nn.Sequential(nn.Linear(5, 4), nn.Tanh()), normal(3, 2, 5)
    g = normal(3, 2, 4, seed=1)
    model = nn.SeqToANNContainer(inner)
    t = Tensor(x, requires_grad=True)
    out = model(t)
    np.testing.assert_array_equal(out.numpy(), inner(x.reshape(6, 5)).numpy().reshape(3, 2, 4))
    out.backward(g)
    flat = Tensor(x.reshape(6, 5), requires_grad=True)
    inner.zero_grad()
    inner(flat).backward(g.reshape(6, 4))
    np.testing.assert_array_equal(t.grad.numpy(), flat.grad.numpy().reshape(3, 2, 5))
    assert list(nn.SeqToANNContainer(nn.Linear(2, 1), nn.ReLU()).state_dict()) == ["0.weight", "0.bias"]
    assert nn.SeqToANNContainer(nn.Flatten())(normal(3, 2, 4, 5)).shape == (3, 2, 20)
    assert nn.SeqToANNContainer(nn.MaxPool2d(2))(normal(3, 2, 1, 4, 4)).shape == (3, 2, 1, 2, 2)
    for shape in ((0, 2, 5), (3, 0, 5), (1, 1, 5)):
        assert model(np.ones(shape)).shape == (*shape[:2], 4)


def test_seq_to_ann_is_one_call() -> None:
    x = Tensor(normal(16, 4, 5))
    model = nn.SeqToANNContainer(nn.Linear(5, 3))
    before = grillyx.counters()["dispatches"]
    model(x).array.storage.compute()
    assert grillyx.counters()["dispatches"] == before + 1


def test_seq_to_ann_refuses_neurons_and_odd_inputs() -> None:
    for inner in (nn.LIFNode(), nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.IFNode()))):
        with pytest.raises(TypeError, match="SeqToANNContainer: .*Node has a memory.*beside the container"):
            nn.SeqToANNContainer(nn.ReLU(), inner)
    for shape in ((), (3,)):
        with pytest.raises(ValueError, match=r"SeqToANNContainer: expected an input \(T, N, \.\.\.\), got shape"):
            nn.SeqToANNContainer(nn.ReLU())(np.ones(shape))
    with pytest.raises(ValueError, match=r"changed the first axis, got an output \(30,\); expected \(6, \.\.\.\)"):
        nn.SeqToANNContainer(nn.Flatten(0))(np.ones((3, 2, 5)))


# --- MultiStepContainer
@pytest.mark.parametrize("mode", ["s", "m"])
def test_multi_step_runs_neurons_step_by_step(mode: str) -> None:
    """Whatever mode they are set to, and puts it back; spikes, state and gradients are those of the sequence."""
    x, g = normal(5, 2, 3), normal(5, 2, 3, seed=1)
    node = nn.LIFNode(3.0, v_reset=None, step_mode=mode)
    model = nn.MultiStepContainer(nn.Sequential(nn.Identity(), node))
    rules = Neuron(1 / 3, v_reset=None)
    s, v, _ = rules.forward(x.astype(np.float64))
    gx, _, _ = rules.backward(x.astype(np.float64), g, np.zeros_like(g))
    t = Tensor(x, requires_grad=True)
    out = model(t)
    np.testing.assert_array_equal(out.numpy(), s)
    np.testing.assert_allclose(node.v.numpy(), v[-1], 1e-5, 1e-6)
    out.backward(g)
    np.testing.assert_allclose(t.grad.numpy(), gx, 1e-5, 1e-5)
    assert node.step_mode == mode
    F.reset_net(model)
    model(x[:2])
    np.testing.assert_array_equal(model(x[2:]).numpy(), s[2:])


def test_multi_step_restores_after_an_error() -> None:
    node, drop = nn.LIFNode(step_mode="m"), nn.Dropout(0.5)
    model = nn.MultiStepContainer(drop, nn.Linear(3, 2), node)
    with pytest.raises(ValueError, match="linear: the last axis"):
        model(np.ones((4, 2, 5)))
    assert node.step_mode == "m"
    assert drop._steps == 0


def test_multi_step_with_weights_has_gradients_at_every_step() -> None:
    """A layer that is not per sample is called T times; its gradient is the sum over the steps."""

    class Plus(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter([1.0, 2.0, 3.0])

        def forward(self, x: Any) -> Tensor:
            return x * self.w + x.mean()

    x, g = normal(4, 2, 3), normal(4, 2, 3, seed=1)
    inner = Plus()
    t = Tensor(x, requires_grad=True)
    out = nn.MultiStepContainer(inner)(t)
    np.testing.assert_allclose(out.numpy(), x * [1, 2, 3] + x.mean((1, 2), keepdims=True), 1e-5, 1e-6)
    out.backward(g)
    np.testing.assert_allclose(inner.w.grad.numpy(), (g * x).sum((0, 1)), 1e-5, 1e-5)
    np.testing.assert_allclose(t.grad.numpy(), g * [1, 2, 3] + g.sum((1, 2), keepdims=True) / 6, 1e-5, 1e-5)


PER_SAMPLE = [
    (nn.MaxPool2d(2, 2), (3, 2, 2, 4, 6)), (nn.AvgPool2d(2), (3, 2, 1, 4, 4)), (nn.MaxPool2d(2), (3, 2, 4, 4)),
    (nn.Linear(5, 4), (3, 2, 5)), (nn.Linear(5, 4), (3, 5)), (nn.Softmax(), (3, 2, 5)), (nn.Softmax(), (3, 5)),
    (nn.Softmax(0), (3, 2, 5)), (nn.Flatten(), (3, 2, 4, 5)), (nn.Flatten(0), (3, 2, 4)), (nn.ReLU(), (3, 5)),
    (nn.Tanh(), (3, 0, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape"), PER_SAMPLE)
def test_multi_step_equals_a_loop(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    loop = [Tensor(row, requires_grad=True) for row in x]
    want = F.stack([layer(row) for row in loop])
    t = Tensor(x, requires_grad=True)
    out = nn.MultiStepContainer(layer)(t)
    np.testing.assert_allclose(out.numpy(), want.numpy(), 1e-6, 1e-7)
    g = normal(*want.shape, seed=1)
    out.backward(g)
    want.backward(g)
    np.testing.assert_allclose(t.grad.numpy(), np.stack([row.grad.numpy() for row in loop]), 1e-5, 1e-6)


def test_pooling_over_time_is_one_call() -> None:
    model, x = nn.MultiStepContainer(nn.MaxPool2d(2, 2)), Tensor(normal(16, 2, 1, 4, 4))
    before = grillyx.counters()["dispatches"]
    assert model(x).shape == (16, 2, 1, 2, 2)
    assert grillyx.counters()["dispatches"] == before + 1


def test_multi_step_refuses_odd_inputs() -> None:
    for shape in ((), (3,), (0, 2)):
        with pytest.raises(ValueError, match=r"MultiStepContainer: expected an input \(T, N, \.\.\.\) with T >= 1"):
            nn.MultiStepContainer(nn.IFNode())(np.ones(shape))


def test_containers_in_a_model() -> None:
    """Names, step modes and the explicit backward work through them."""
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(4, 6), nn.ReLU()), nn.MultiStepContainer(nn.ParametricLIFNode()),
        nn.SeqToANNContainer(nn.Linear(6, 2)), nn.LIFNode(step_mode="m"),
    )  # fmt: skip
    F.set_step_mode(model, "m")
    assert list(model.state_dict()) == ["0.0.weight", "0.0.bias", "1.0.w", "2.0.weight", "2.0.bias"]
    x = normal(3, 2, 4)
    out = model(x)
    assert out.shape == (3, 2, 2)
    grad = model.backward(np.ones((2, 2)))
    assert grad.shape == x.shape
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())
