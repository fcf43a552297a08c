"""`GraphModule`, built by hand."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from grillyx import nn, no_grad, optim
from grillyx.autograd import Tensor
from grillyx.convert import GraphModule


def block() -> GraphModule:
    """Conv, norm, relu, and what came in added, twice; then a mean and a linear layer."""
    net = GraphModule("x")
    last = "x"
    for k in range(2):
        conv = net.add_layer(f"layers.{k}.conv", nn.Conv2d(3, 3, 3, padding=1, bias=False), last)
        norm = net.add_layer(f"layers.{k}.norm", nn.BatchNorm2d(3), conv)
        total = net.add_function("add", norm, last)
        last = net.add_layer(f"layers.{k}.relu", nn.ReLU(), total)
    net.set_outputs(net.add_layer("fc", nn.Linear(3, 2), net.add_function("mean", last, axis=(2, 3), keepdims=False)))
    return net


def images(samples=4) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((samples, 3, 5, 5)).astype(np.float32)


def by_hand(net, x):
    x = Tensor(x)
    for k in range(2):
        part = {name: net.get_submodule(f"layers.{k}.{name}") for name in ("conv", "norm", "relu")}
        x = part["relu"](part["norm"](part["conv"](x)) + x)
    return net.get_submodule("fc")(x.mean(axis=(2, 3)))


@pytest.mark.parametrize("samples", [0, 1, 4])
def test_a_graph_computes_what_its_layers_do(samples):
    net, x = block().eval(), images(samples)
    np.testing.assert_allclose(net(x), by_hand(net, x), 1e-6)
    assert net(x).shape == (samples, 2)


def test_samples_do_not_meet():
    net, x = block().eval(), images()
    one_by_one = np.concatenate([net(x[k : k + 1]) for k in range(4)])
    np.testing.assert_allclose(net(x), one_by_one, 1e-5, 1e-6)


def test_names_and_state():
    net = block()
    assert [name for name in net.state_dict() if "num_batches" not in name] == [
        *(f"layers.{k}.{n}" for k in range(2) for n in
          ("conv.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")),
        "fc.weight", "fc.bias",
    ]  # fmt: skip
    other = block().eval()
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other(images()), net.eval()(images()))
    assert isinstance(net.get_submodule("layers.1.relu"), nn.ReLU)
    with pytest.raises(AttributeError, match=r"no module 'layers\.2'"):
        net.get_submodule("layers.2")


@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_their_own(again):
    net, x = block().eval(), images()
    before = net(x).numpy()
    other = again(net)
    np.testing.assert_array_equal(other(x), before)
    other.get_submodule("fc").bias.copy_(np.ones(2))
    assert other.pairs() == net.pairs()
    np.testing.assert_array_equal(net(x), before)
    assert np.abs(other(x).numpy() - before).max() > 0.1


def test_a_layer_is_replaced_wherever_it_is_called():
    net, x = block().eval(), images()
    net.set_submodule("layers.0.relu", nn.Sequential(nn.Identity(), nn.Tanh()))
    part = net.get_submodule
    first = nn.Tanh()(part("layers.0.norm")(part("layers.0.conv")(Tensor(x))) + Tensor(x))
    second = nn.ReLU()(part("layers.1.norm")(part("layers.1.conv")(first)) + first)
    np.testing.assert_allclose(net(x), part("fc")(second.mean(axis=(2, 3))), 1e-6)
    net.set_submodule("layers.0.relu", nn.Sequential({"first": nn.Identity(), "act": nn.Tanh()}))
    net.set_submodule("layers.0.relu.act", nn.ReLU())
    assert "(act): ReLU()" in repr(net)
    np.testing.assert_allclose(net(x), by_hand(net, x), 1e-6)


def test_it_learns():
    net, x = block(), images(8)
    target = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
    optimizer, loss = optim.Adam(net.parameters(), lr=0.05), nn.CrossEntropyLoss()
    losses = []
    for _ in range(20):
        value = loss(net(x), target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value))
    assert losses[-1] < 0.5 * losses[0]
    assert all(p.grad is not None for p in net.parameters())


def test_pairs():
    net = block()
    assert net.pairs() == [("layers.0.conv", "layers.0.norm"), ("layers.1.conv", "layers.1.norm")]


def small(*calls, outputs) -> GraphModule:
    net = GraphModule("x")
    layers = {"conv": nn.Conv2d(3, 3, 1), "norm": nn.BatchNorm2d(3), "relu": nn.ReLU()}
    for name, path, source in calls:
        if path in layers:
            net.add_layer(path, layers.pop(path), source, name=name)
        else:
            net.call_layer(path, source, name=name)
    net.set_outputs(*outputs, alone=len(outputs) == 1)
    return net


@pytest.mark.parametrize(
    ("calls", "outputs"),
    [
        ([("a", "conv", "x"), ("b", "norm", "a")], ["b", "a"]),  # read from outside
        ([("a", "conv", "x"), ("b", "norm", "a"), ("c", "relu", "a")], ["b", "c"]),  # read by a second layer
        ([("a", "conv", "x"), ("b", "norm", "a"), ("c", "conv", "b")], ["c"]),  # the convolution is called twice
        ([("a", "conv", "x"), ("b", "norm", "a"), ("c", "norm", "b")], ["c"]),  # the norm is called twice
        ([("a", "relu", "x"), ("b", "norm", "a")], ["b"]),
        ([("a", "norm", "x"), ("b", "conv", "a")], ["b"]),
    ],
)
def test_what_is_no_pair(calls, outputs):
    assert small(*calls, outputs=outputs).pairs() == []
    assert small(("a", "conv", "x"), ("b", "norm", "a"), outputs=["b"]).pairs() == [("conv", "norm")]


def test_tensors_go_after_their_last_use():
    seen, alive = [], []

    class Probe(nn.Module):
        def forward(self, x):
            gc.collect()
            alive.append([ref() is not None for ref in seen])
            seen.append(weakref.ref(x))
            return x + 1.0

    net = GraphModule("x")
    last = net.add_function("mul", "x", 2.0)
    for _ in range(4):
        last = net.add_layer("probe", Probe(), last)
    net.set_outputs(last)
    with no_grad():
        net(np.zeros((2, 3), np.float32))
    # at each call, its input alone is alive
    assert alive == [[], [False], [False, False], [False, False, False]]


def test_repr():
    text = repr(block())
    assert "(layers): Scope(" in text
    assert "layers_0_relu = layers.0.relu(add)" in text
    assert "mean = mean(layers_1_relu, axis=(2, 3), keepdims=False)" in text
    assert text.endswith("return fc\n)")


def test_paths_that_are_taken():
    net = GraphModule("x")
    for name in ("pairs", "backward.conv", "relu", "relu"):
        net.add_layer(name, nn.ReLU(), "x")
    net.set_outputs("relu")
    assert [name for name, _ in net.named_modules()] == [
        "", "pairs_1", "backward_1", "backward_1.conv", "relu", "relu_1"
    ]  # fmt: skip
    assert [node.name for node in net.graph] == ["pairs_1", "backward_1_conv", "relu", "relu_1"]


@pytest.mark.parametrize(
    ("function", "inputs", "options", "message"),
    [
        ("mean", ["x"], {"axis": (0, 1), "keepdims": False}, r"mean = mean.*axis 0 holds the samples"),
        ("sum", ["x"], {"axis": -3, "keepdims": False}, r"axis 0 holds the samples"),
        ("cat", ["x", "x"], {"axis": -3}, r"axis 0 holds the samples"),
        ("flatten", ["x"], {"start": -3, "end": -1}, r"axis 0 holds the samples"),
        ("permute", ["x"], {"axes": (1, 0, 2)}, r"must stay first"),
        ("swapaxes", ["x"], {"a": 1, "b": -3}, r"axis 0 holds the samples"),
        ("squeeze", ["x"], {"axis": -3}, r"axis 0 holds the samples"),
        ("unsqueeze", ["x"], {"axis": -4}, r"axis 0 holds the samples"),
        ("reshape", ["x"], {"shape": (4,)}, r"samples must stay apart"),
        ("reshape", ["x"], {"shape": (5, -1)}, r"samples must stay apart"),
        ("reshape", ["x"], {"shape": (6, 1, 0)}, r"no axis to keep"),
        ("add", ["x", "c"], {}, r"must be the same in all operands, got shapes \(2, 3, 2\) and \(2, 1, 1\)"),
    ],
)
def test_functions_that_would_mix_samples(function, inputs, options, message):
    net = GraphModule("x")
    net.add_constant("c", nn.Buffer(np.ones((2, 1, 1))))
    net.set_outputs(net.add_function(function, *inputs, **options))
    with pytest.raises(ValueError, match=message):
        net(np.zeros((2, 3, 2), np.float32))


@pytest.mark.parametrize(
    ("function", "options", "reference"),
    [
        ("mean", {"axis": (1, -1), "keepdims": True}, lambda x: x.mean((1, 3), keepdims=True)),
        ("sum", {"axis": 2, "keepdims": False}, lambda x: x.sum(2)),
        ("flatten", {"start": 1, "end": 2}, lambda x: x.reshape(2, 3, 5)),
        ("reshape", {"shape": (0, -1)}, lambda x: x.reshape(2, 3, 5)),
        ("permute", {"axes": (0, 3, 1, 2)}, lambda x: x.transpose(0, 3, 1, 2)),
        ("swapaxes", {"a": 1, "b": -1}, lambda x: x.swapaxes(1, 3)),
        ("squeeze", {"axis": 2}, lambda x: x[:, :, 0]),
        ("unsqueeze", {"axis": -1}, lambda x: x[..., None]),
    ],
)
def test_functions(function, options, reference):
    net = GraphModule("x")
    net.set_outputs(net.add_function(function, "x", **options))
    x = np.random.default_rng(0).standard_normal((2, 3, 1, 5)).astype(np.float32)
    np.testing.assert_allclose(net(x), reference(x), 1e-5, 1e-6)


def test_errors():
    net = block()
    with pytest.raises(TypeError, match="got 2 inputs; expected x"):
        net(images(), images())
    with pytest.raises(ValueError, match="no function 'max'"):
        net.add_function("max", "x")
    with pytest.raises(ValueError, match="reads 'nothing'"):
        net.add_layer("relu", nn.ReLU(), "nothing")
    with pytest.raises(ValueError, match="conv2d: the channels do not fit") as caught:
        net(np.zeros((1, 4, 5, 5), np.float32))
    assert caught.value.__notes__ == ["in the layer layers.0.conv of the imported model"]
