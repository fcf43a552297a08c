"""ParameterList and ModuleDict: names, order, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx.nn as nn


class Model(nn.Module):
    def __init__(self) -> None:
        self.scales = nn.ParameterList([np.ones(2), nn.Parameter([3.0])])
        self.heads = nn.ModuleDict({"b": nn.Linear(2, 3), "a": nn.Linear(2, 1)})

    def forward(self, x, head):
        return self.heads[head](x * self.scales[0]) * self.scales[1]


def test_names_values_and_gradients() -> None:
    model = Model()
    assert list(model.state_dict()) == [
        "scales.0", "scales.1", "heads.b.weight", "heads.b.bias", "heads.a.weight", "heads.a.bias"
    ]  # fmt: skip
    assert [name for name, _ in model.named_parameters()] == list(model.state_dict())
    other = Model()
    other.load_state_dict(model.state_dict())
    x = np.ones((4, 2), np.float32)
    out = other(x, "a")
    np.testing.assert_array_equal(out.numpy(), model(x, "a").numpy())
    out.sum().backward()
    assert other.heads["a"].weight.grad is not None
    assert other.heads["b"].weight.grad is None
    assert other.scales[1].grad is not None
    assert len(list(model.modules())) == 5


def test_parameter_list_is_a_list() -> None:
    values = nn.ParameterList()
    assert len(values) == 0
    assert values.append([1.0]).extend([[2.0], [3.0]]) is values
    assert [float(p.numpy()[0]) for p in values] == [1.0, 2.0, 3.0]
    assert all(isinstance(p, nn.Parameter) for p in values)
    assert values[1:][0] is values[1]
    values[-1] = [5.0]
    assert values[2].numpy()[0] == 5.0
    assert repr(nn.ParameterList([np.ones((2, 3))])) == "ParameterList((0): (2, 3))"


def test_module_dict_is_a_dict() -> None:
    first, second = nn.ReLU(), nn.Tanh()
    held = nn.ModuleDict([("x", first)])
    held.update({"y": second})
    assert list(held) == list(held.keys()) == ["x", "y"]
    assert list(held.items()) == [("x", first), ("y", second)]
    assert list(held.values()) == [first, second]
    assert ("x" in held, "z" in held, len(held)) == (True, False, 2)
    assert held.pop("x") is first
    assert list(held) == ["y"]
    held.clear()
    assert len(held) == 0
    held["y"] = second
    del held["y"]
    assert repr(nn.ModuleDict({"x": first})) == "ModuleDict(\n  (x): ReLU()\n)"


def test_wrong_parts() -> None:
    for name in ("", "a.b", 3):
        with pytest.raises(ValueError, match="ModuleDict: a name is a word without dots"):
            nn.ModuleDict()[name] = nn.ReLU()
    with pytest.raises(TypeError, match="ModuleDict: holds modules only, got int"):
        nn.ModuleDict({"a": 3})
    with pytest.raises(KeyError):
        nn.ModuleDict()["a"]
