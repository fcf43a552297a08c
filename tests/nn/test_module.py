"""Modules as attributes: what walking finds, names, saved values, modes and hooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
import grillyx.nn as nn
from grillyx import Tensor


def small() -> nn.Sequential:
    return nn.Sequential(nn.SeqToANNContainer(nn.Linear(3, 4)), nn.ParametricLIFNode(step_mode="m"), nn.Linear(4, 2))


class Custom(nn.Module):
    """Parts in every kind of attribute."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(np.ones((2, 1)))
        self.running = nn.Buffer([1, 2, 3])
        self.layers = [nn.Linear(2, 3), (nn.IFNode(), nn.Linear(3, 1, bias=False))]
        self.heads = {"a": nn.Linear(1, 2), "b": [nn.Parameter(0.5)]}
        self.constant = Tensor([1.0])  # neither saved nor trained
        self.note, self.nothing = "text", None

    def forward(self, x: Any) -> Tensor:
        for layer in (self.layers[0], *self.layers[1], self.heads["a"]):
            x = layer(x)
        return x * self.heads["b"][0] + self.scale.sum()


# --- walking
def test_names() -> None:
    """Those of torch and SpikingJelly."""
    assert list(small().state_dict()) == ["0.0.weight", "0.0.bias", "1.w", "2.weight", "2.bias"]
    names = dict(Custom().named_parameters())
    assert {k: p.shape for k, p in names.items()} == {
        "scale": (2, 1), "heads.b.0": (), "layers.0.weight": (3, 2), "layers.0.bias": (3,), "layers.1.1.weight": (1, 3),
        "heads.a.weight": (2, 1), "heads.a.bias": (2,),
    }  # fmt: skip
    assert [k for k, _ in Custom().named_buffers()] == ["running"]
    assert list(names)[:2] == ["scale", "heads.b.0"]  # a module's own come before those inside
    assert [k for k, _ in Custom().named_modules()] == ["", "layers.0", "layers.1.0", "layers.1.1", "heads.a"]
    assert [k for k, _ in small().named_children()] == ["0", "1", "2"]
    assert [type(m).__name__ for m in small().modules()][:3] == ["Sequential", "SeqToANNContainer", "Linear"]
    assert len(list(Custom().children())) == 4
    assert len(list(Custom().buffers())) == 1


def test_attributes_can_change_at_any_time() -> None:
    model = Custom()
    model.late = nn.Linear(1, 1)
    del model.layers
    model.heads["c"] = nn.Parameter(1.0)
    assert {k.split(".")[0] for k, _ in model.named_parameters()} == {"scale", "heads", "late"}
    assert "heads.c" in model.state_dict()


def test_shared_parts_are_listed_once_and_saved_under_every_name() -> None:
    """As in torch: one update for one parameter, and both names in the file."""
    shared = nn.Linear(2, 2)
    tied = nn.Linear(2, 2)
    tied.weight = shared.weight
    model = nn.Sequential(shared, shared, tied)
    assert [k for k, _ in model.named_parameters()] == ["0.weight", "0.bias", "2.bias"]
    assert len(list(model.modules())) == 3
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    state = model.state_dict()
    assert list(state) == names
    np.testing.assert_array_equal(state["0.weight"], state["2.weight"])
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model.load_state_dict(other.state_dict())  # the last name wins, as in torch
    np.testing.assert_array_equal(shared.weight.numpy(), other[2].weight.numpy())
    model(np.ones((1, 2))).sum().backward()
    assert shared.weight.grad is not None


# --- values
def test_state_dict_holds_copies() -> None:
    model = small()
    model(np.ones((2, 1, 3)))
    state = model.state_dict()
    assert all(type(v) is np.ndarray and v.dtype == np.float32 for v in state.values())
    assert state["1.w"].shape == ()
    before = model[2].weight.numpy()
    state["2.weight"][:] = 7.0
    np.testing.assert_array_equal(model[2].weight.numpy(), before)
    assert Custom().state_dict()["running"].dtype == np.int32


def test_round_trip() -> None:
    a, b = small(), small()
    x = np.random.default_rng(0).normal(1.0, 1.0, (4, 2, 3))
    parameters = list(b.parameters())
    assert b.load_state_dict(a.state_dict()) == ([], [])
    assert all(p is q for p, q in zip(parameters, b.parameters(), strict=True))  # an optimizer still knows them
    np.testing.assert_array_equal(a(x).numpy(), b(x).numpy())
    for values in (
        {k: Tensor(v) for k, v in a.state_dict().items()},
        {k: v.astype(np.float64) for k, v in a.state_dict().items()},
        {k: v.tolist() for k, v in a.state_dict().items()},
    ):
        assert b.load_state_dict(values).missing_keys == []


def test_load_state_dict_lists_everything_and_changes_nothing() -> None:
    model = small()
    before = {k: v.copy() for k, v in model.state_dict().items()}
    state = {k: v + 1.0 for k, v in before.items()}
    del state["0.0.bias"], state["2.bias"]
    state |= {"extra": np.zeros(1), "3.weight": np.zeros(2), "1.w": np.zeros(1), "2.weight": np.zeros((4, 2))}
    with pytest.raises(ValueError, match="Nothing was changed") as error:
        model.load_state_dict(state)
    text = str(error.value)
    assert text.startswith("Sequential.load_state_dict: ")
    for part in (
        "missing names (0.0.bias, 2.bias)", "unexpected names (extra, 3.weight)", "1.w: got (1,), expected ()",
        "2.weight: got (4, 2), expected (2, 4)",
    ):  # fmt: skip
        assert part in text
    with pytest.raises(ValueError, match="wrong shapes") as error:
        model.load_state_dict(state, strict=False)
    assert "missing" not in str(error.value)
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v, before[k])


@pytest.mark.parametrize(
    "wrong", [np.full((2, 4), "x"), np.zeros((2, 4), complex), np.full((2, 4), None), [[1, 2], [3]]]
)
def test_load_state_dict_refuses_what_are_no_numbers_and_changes_nothing(wrong: Any) -> None:
    model = small()
    before = model.state_dict()
    with pytest.raises((TypeError, ValueError), match=r"2\.weight"):
        model.load_state_dict({k: v + 1.0 for k, v in before.items()} | {"2.weight": wrong})
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v, before[k])


def test_load_state_dict_wants_a_dict() -> None:
    for wrong in (None, [1], small().parameters(), small()):
        with pytest.raises(TypeError, match="load_state_dict: expected a dict"):
            small().load_state_dict(wrong)


def test_load_state_dict_not_strict() -> None:
    model = small()
    found = model.load_state_dict({"2.bias": np.array([3.0, 4.0]), "other": np.zeros(1)}, strict=False)
    assert found.missing_keys == ["0.0.weight", "0.0.bias", "1.w", "2.weight"]
    assert found.unexpected_keys == ["other"]
    np.testing.assert_array_equal(model[2].bias.numpy(), [3.0, 4.0])


# --- gradients
def test_zero_grad() -> None:
    model = nn.Linear(3, 2)
    model(np.full((1, 3), np.inf)).sum().backward()
    assert np.isinf(model.weight.grad.numpy()).all()
    model.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(model.weight.grad.numpy(), np.zeros((2, 3)))
    model.zero_grad()
    assert model.weight.grad is None
    model.zero_grad(set_to_none=False)
    assert model.weight.grad is None


def test_freezing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    assert model[0].requires_grad_(False) is model[0]
    model(np.ones((1, 3))).sum().backward()
    assert model[0].weight.grad is None
    assert model[1].weight.grad is not None
    model.zero_grad()
    model.requires_grad_(False)
    assert not model(np.ones((1, 3))).requires_grad
    model.requires_grad_()
    assert model(np.ones((1, 3))).requires_grad
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad


def test_train_and_eval_reach_everything() -> None:
    model = Custom()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.layers[0].train()
    assert [m.training for m in model.modules()] == [False, True, False, False, False]
    assert all(m.training for m in model.train().modules())


def test_apply_goes_from_the_inside_out() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 1), nn.ReLU()), nn.Tanh())
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["Linear", "ReLU", "Sequential", "Tanh", "Sequential"]


# --- hooks and words
def test_hooks() -> None:
    seen: list[Any] = []
    layer, other = nn.Linear(2, 3), nn.Linear(2, 3)
    handle = layer.register_forward_hook(lambda m, inputs, out: seen.append((m, inputs, out)) or "ignored")
    second = layer.register_forward_hook(lambda m, inputs, out: seen.append("second"))
    model = nn.Sequential(layer)
    out = model(np.ones((1, 2)))
    assert seen[0][0] is layer
    assert isinstance(seen[0][1], tuple)
    assert seen[0][2] is out
    assert seen[1:] == ["second"]
    handle.remove()
    handle.remove()
    other(np.ones((1, 2)))
    layer(np.ones((1, 2)))
    assert seen[2:] == ["second"]
    second.remove()
    layer(np.ones((1, 2)))
    assert len(seen) == 3
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_hook_may_remove_itself() -> None:
    layer, seen = nn.Identity(), []
    handle = layer.register_forward_hook(lambda *_: (seen.append("once"), handle.remove()))
    layer.register_forward_hook(lambda *_: seen.append("each time"))
    layer(np.ones(1))
    layer(np.ones(1))
    assert seen == ["once", "each time", "each time"]


def test_get_submodule() -> None:
    net = small()
    assert net.get_submodule("0.0") is net[0][0]
    assert net.get_submodule("") is net
    with pytest.raises(AttributeError, match=r"Sequential: there is no module '0\.1'"):
        net.get_submodule("0.1")


def test_repr() -> None:
    assert repr(small()) == (
        "Sequential(\n"
        "  (0): SeqToANNContainer(\n"
        "    (0): Linear(in_features=3, out_features=4, bias=True)\n"
        "  )\n"
        "  (1): ParametricLIFNode(decay_input=False, v_threshold=1.0, v_reset=0.0, detach_reset=False, step_mode='m', "
        "surrogate_function=ATan(alpha=2.0))\n"
        "  (2): Linear(in_features=4, out_features=2, bias=True)\n"
        ")"
    )
    assert repr(nn.SpikingSelfAttention(4, 2)).startswith(
        "SpikingSelfAttention(\n  dim=4, num_heads=2, step_mode='m'\n  (qkv_conv_bn): SeqToANNContainer(\n"
    )
    assert repr(nn.Dropout(0.25)) == "Dropout(p=0.25)"
    assert repr(nn.IFNode()).startswith("IFNode(v_threshold=1.0")


def test_a_module_without_forward() -> None:
    with pytest.raises(NotImplementedError, match=r"Module: define forward\(self, ...\)"):
        nn.Module()(np.ones(1))
    with pytest.raises(NotImplementedError, match="ModuleList: define forward"):
        nn.ModuleList([nn.ReLU()])(np.ones(1))


def test_options_reach_forward() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Any, *, by: float = 1.0) -> Tensor:
            return F.multiply(x, by)

    np.testing.assert_array_equal(Scaled()(np.ones(2), by=3.0).numpy(), [3.0, 3.0])


def test_a_failing_forward_leaves_the_model_usable() -> None:
    model = small()
    with pytest.raises(ValueError, match="linear: the last axis"):
        model(np.ones((2, 1, 5)))
    x = np.ones((2, 1, 3))
    model(x)
    assert model.backward(np.ones((2, 1, 2))).shape == x.shape  # it still counts as the outermost call
