"""What a forward may do with the axis of samples, and with weights."""

from __future__ import annotations

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn
from grillyx.convert import Converter

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _seeded():
    grillyx.manual_seed(7)


def converted(ann, data, **options):
    return Converter(ann, data=data, progress=False, **options).convert()


def floats(*shape):
    return RNG.uniform(-1.0, 1.0, shape).astype(np.float32)


class Tokens(nn.Module):
    """(N, L, 5) → (N, L, 3), by way of another layout of the samples."""

    def __init__(self, layout):
        self.layout, self.first, self.relu, self.last = layout, nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        n, length, c = x.shape
        if self.layout == "merged":
            return self.last(self.relu(self.first(x.reshape(n * length, c)))).reshape(n, length, 3)
        if self.layout == "back before neurons":
            return self.last(self.relu(F.swapaxes(self.first(F.swapaxes(x, 0, 1)), 0, 1)))
        x = F.swapaxes(x, 0, 1)
        if self.layout == "merged, tokens first":
            return F.swapaxes(self.last(self.relu(self.first(x.reshape(n * length, c)))).reshape(length, n, 3), 0, 1)
        return F.swapaxes(self.last(self.relu(self.first(x))), 0, 1)


@pytest.mark.parametrize("layout", ["merged", "back before neurons"])
def test_a_forward_that_asks_for_the_number_of_samples_first(layout):
    ann, x = Tokens(layout), floats(20, 8, 5)
    snn = converted(ann, x, half_threshold=True)
    for n in (1, 4):
        np.testing.assert_allclose(snn.simulate(x[:n], 100).numpy(), ann(x[:n]).numpy(), atol=0.03)


@pytest.mark.parametrize("layout", ["tokens first", "merged, tokens first"])
def test_samples_must_be_first(layout):
    with pytest.raises(ValueError, match="at 'relu' than alone. Axis 0 must hold the samples"):
        converted(Tokens(layout), floats(20, 8, 5))


class Centred(nn.Module):
    def __init__(self):
        self.relu, self.last = nn.ReLU(), nn.Linear(5, 3)

    def forward(self, x):
        x = self.last(self.relu(x))
        return x - F.mean(x, axis=0)


@pytest.mark.parametrize("samples", [1, 6])
def test_samples_must_not_change_each_other(samples):
    with pytest.raises(ValueError, match="at the output than alone"):
        converted(Centred(), np.abs(floats(samples, 5)))


class Offset(nn.Module):
    def __init__(self):
        self.offset, self.relu, self.other = nn.Parameter(np.ones((1, 5))), nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return self.relu(x) + self.other(self.offset)


def test_neurons_need_an_input():
    with pytest.raises(ValueError, match="'other' is called with values that do not depend on the network's input"):
        converted(Offset(), floats(4, 5))


class Tied(nn.Module):
    """The decoder is the encoder's weight, transposed."""

    def __init__(self):
        self.encode, self.norm, self.relu = nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU()
        self.norm.running_var.copy_(np.full(4, 0.1))

    def forward(self, x):
        return F.linear(self.relu(self.norm(self.encode(x))), F.transpose(self.encode.weight))


def test_a_weight_that_is_read_elsewhere_is_not_fused():
    ann, x = Tied().eval(), floats(20, 6)
    with pytest.raises(ValueError, match="reads the weight or the bias .* Use fuse_flag=False"):
        converted(ann, x)
    snn = converted(ann, x, fuse_flag=False, half_threshold=True)
    np.testing.assert_allclose(snn.simulate(x, 100).numpy(), ann(x).numpy(), atol=0.05)


def test_a_channel_that_hardly_fires_takes_the_scale_of_its_layer():
    x = np.array([[1.0, 1e-39, 0.5]], np.float32)
    snn = converted(nn.Sequential(nn.Identity(), nn.ReLU()), x, channel_wise=True)
    np.testing.assert_allclose(snn.report.layers[0].scale, [1.0, 1.0, 0.5])
    with pytest.raises(ValueError, match="'1' has no scale"):
        converted(nn.Sequential(nn.Identity(), nn.ReLU()), x[:, 1:2])


def test_operations_are_counted_at_every_step():
    ann, x = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)), floats(4, 6)
    snn = converted(ann, x)
    with nn.EnergyMonitor(snn) as energy:
        snn.simulate(x, T=8)
    with nn.EnergyMonitor(snn) as stepwise:
        for _ in range(8):
            snn(x)
    F.reset_net(snn)
    assert energy.macs == 8 * 4 * 6 * 16
    assert (energy.macs, energy.synaptic_operations) == (stepwise.macs, stepwise.synaptic_operations)
    with nn.EnergyMonitor(ann) as dense:
        ann(x)
    assert energy.dense(steps=8) == pytest.approx(dense.total)


class Twice(nn.Module):
    def __init__(self):
        self.first, self.last, self.relu = nn.Linear(6, 6), nn.Linear(6, 3), nn.ReLU()

    def forward(self, x):
        return self.relu(self.last(self.relu(self.first(x))))


def test_rates_have_the_names_of_the_report():
    x = floats(10, 6)
    snn = converted(Twice(), x)
    result = snn.evaluate((x, np.zeros(10, int)), T=300, progress=False)
    assert list(result.rates) == ["relu", "relu[1]"]
    for layer in snn.report.layers:
        assert result.rates[layer.path] == pytest.approx(layer.rate, abs=0.01)


@pytest.mark.parametrize("channel_wise", [False, True])
@pytest.mark.parametrize("stepwise", [False, True])
def test_spikes_behind_a_max_pool_are_spikes(channel_wise, stepwise):
    ann = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3)
    )
    x = floats(8, 2, 6, 6)
    snn = converted(ann, x, channel_wise=channel_wise)
    spikes = dict.fromkeys((4, 6), 0)
    for k in spikes:
        snn.model[k].register_forward_hook(
            lambda _, given, __, k=k: spikes.update({k: spikes[k] + np.count_nonzero(given[0].numpy())})
        )
    with nn.EnergyMonitor(snn) as energy:
        if stepwise:
            for _ in range(5):
                snn(x[:1])
        else:
            snn.simulate(x[:3], T=5)
    assert spikes[4] > 0
    assert set(energy.layers) == {"model.0", "model.1.1", "model.4", "model.5.1", "model.6"}
    for k, outputs in ((4, 5), (6, 3)):
        layer = energy.layers[f"model.{k}"]
        assert (layer.macs, layer.synaptic_operations) == (0, spikes[k] * outputs)


class Between(nn.Module):
    def __init__(self, compute):
        self.first, self.relu, self.middle, self.last = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3)
        self.compute = compute

    def forward(self, x):
        return self.last(self.compute(self, self.middle(self.relu(self.first(x)))))


@pytest.mark.parametrize(
    "compute",
    [
        lambda _, y: y * (y > 0),
        lambda _, y: y * F.sign(y),
        lambda _, y: y + F.floor(y),
        lambda _, y: y + y.astype(np.int32),
        lambda _, y: y * F.one_hot(F.argmax(y, axis=1), 8),
        lambda _, y: F.equal(y, 0.0).astype(np.float32),
    ],
)
def test_functions_without_a_gradient_are_found(compute):
    with pytest.raises(ValueError, match="between 'middle' and 'last' the model computes"):
        converted(Between(compute), floats(10, 6))


@pytest.mark.parametrize(
    "compute", [lambda net, y: y * (net.middle.bias > 0), lambda net, y: setattr(net, "on", y > 0) or y]
)
def test_comparisons_that_do_not_matter_may_stand_between_layers(compute):
    ann, x = Between(compute), floats(20, 6)
    np.testing.assert_allclose(converted(ann, x).simulate(x, 200).numpy(), ann(x).numpy(), atol=0.03)


class Words(nn.Module):
    def __init__(self):
        self.table, self.relu, self.last = nn.Embedding(9, 6), nn.ReLU(), nn.Linear(6, 2)

    def forward(self, x):
        n, length = x.shape
        return F.mean(self.last(self.relu(self.table(x.reshape(n * length)))).reshape(n, length, 2), axis=1)


def test_integers_on_their_way_to_an_embedding():
    ann, x = Words(), RNG.integers(0, 9, (20, 5))
    snn = converted(ann, x, half_threshold=True)
    np.testing.assert_allclose(snn.simulate(x[:4], 200).numpy(), ann(x[:4]).numpy(), atol=0.02)


def test_the_scale_itself_fires_at_every_step():
    x = RNG.uniform(0.1, 10.0, (1, 500)).astype(np.float32)
    snn = converted(nn.Sequential(nn.ReLU()), x, channel_wise=True)
    for steps in (1, 2, 50):
        np.testing.assert_allclose(snn.simulate(x, steps).numpy(), x, rtol=1e-6)
    assert not snn.simulate(np.float32(0.999) * x, 1).numpy().any()
