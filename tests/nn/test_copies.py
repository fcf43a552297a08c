"""copy.deepcopy and pickle of tensors and modules."""

import copy
import pickle

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim


def model() -> nn.Sequential:
    return nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(5, 6), nn.Dropout(0.1)), nn.ParametricLIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(6, 3)), nn.LIFNode(step_mode="m", surrogate_function=nn.Sigmoid(alpha=3.0)),
    )  # fmt: skip


def copied(thing, how: str):
    return copy.deepcopy(thing) if how == "deepcopy" else pickle.loads(pickle.dumps(thing))


HOW = pytest.mark.parametrize("how", ["deepcopy", "pickle"])


@HOW
@pytest.mark.parametrize(
    "data", [np.arange(6.0).reshape(2, 3), np.arange(4), np.array([True, False]), np.zeros((0, 3)), 2.5]
)
def test_a_tensor(data, how):
    t = Tensor(data)
    twin = copied(t, how)
    assert twin.dtype == t.dtype
    assert twin.shape == t.shape
    np.testing.assert_array_equal(twin.numpy(), t.numpy())
    t.copy_(np.ones_like(data))
    np.testing.assert_array_equal(twin.numpy(), np.asarray(data))


@HOW
def test_a_result_becomes_a_value(how):
    w = Tensor([1.0, 2.0], requires_grad=True)
    y = w * 3.0
    twin = copied(y, how)
    assert not twin.requires_grad
    np.testing.assert_array_equal(twin.numpy(), [3, 6])
    y.sum().backward()  # the original is as it was
    np.testing.assert_array_equal(w.grad.numpy(), [3, 3])
    leaf = copied(w, how)
    assert leaf.requires_grad
    assert leaf.grad is None


@HOW
def test_a_trained_model_goes_its_own_way(how):
    net = model()
    x = np.random.default_rng(0).normal(1.0, 1.0, (4, 7, 5))
    optimizer = optim.SGD(net.parameters(), lr=0.5)

    def step(m: nn.Module, o: optim.SGD) -> None:
        F.reset_net(m)
        grillyx.manual_seed(3)
        o.zero_grad()
        m.backward(m(x) - 0.5)
        o.step()

    step(net, optimizer)  # it now holds a state, a mask and the last call
    twin = copied(net, how)
    assert list(twin.state_dict()) == list(net.state_dict())
    assert {type(p) for p in twin.parameters()} == {nn.Parameter}
    before = {k: v.copy() for k, v in net.state_dict().items()}
    np.testing.assert_array_equal(np.asarray(twin[3].v), np.asarray(net[3].v))
    step(twin, optim.SGD(twin.parameters(), lr=0.5))
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
        assert not np.array_equal(twin.state_dict()[name], value), name
    step(net, optimizer)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, twin.state_dict()[name])


@HOW
def test_a_parameter_that_stands_twice_stays_one(how):
    layer = nn.Linear(3, 3)
    twin = copied(nn.Sequential(layer, layer), how)
    assert twin[0] is twin[1]
    assert len(list(twin.parameters())) == 2
