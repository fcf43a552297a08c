"""EnergyMonitor: every count against loops over the operations, and that the model stays as it was."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import grillyx.functional as F
from grillyx import nn
from grillyx.autograd import Tensor, differentiable
from grillyx.nn._energy_report import joules
from grillyx.ops import elementwise, sparse
from tests.helpers import same

MAC, AC = 4.6e-12, 0.9e-12
DATA = Path(__file__).parent.parent / "data"


def spikes(*shape: int, rate: float = 0.3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.float32)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def counted(net: nn.Module, *inputs: Any, **options: Any) -> nn.EnergyMonitor:
    with nn.EnergyMonitor(net, **options) as energy:
        net(*inputs)
    return energy


def of(layer: Any) -> tuple[int, int, int]:
    return layer.macs, layer.synaptic_operations, layer.dense_macs


# --- the loops
def linear_loops(x: np.ndarray, outputs: int) -> tuple[int, int]:
    fired = sum(1 for value in x.ravel() for _ in range(outputs) if value != 0)
    return x.size * outputs, fired


def conv_loops(x: np.ndarray, layer: Any) -> tuple[int, int]:
    """All products with elements of x, and those with spikes; x (N, C, H, W)."""
    n, channels, height, width = x.shape
    kh, kw = layer.weight.shape[2:]
    (sh, sw), (ph, pw), (dh, dw) = layer.stride, layer.padding, layer.dilation
    group = channels // layer.groups
    out_h = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    out_w = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    every = fired = 0
    for sample, o, c, i, j, a, b in itertools.product(
        range(n), range(layer.out_channels), range(group), range(out_h), range(out_w), range(kh), range(kw)
    ):
        y, z = i * sh + a * dh - ph, j * sw + b * dw - pw
        if 0 <= y < height and 0 <= z < width:
            channel = o // (layer.out_channels // layer.groups) * group + c
            every += 1
            fired += x[sample, channel, y, z] != 0
    return every, int(fired)


def transposed_loops(x: np.ndarray, layer: Any, size: tuple[int, int]) -> tuple[int, int]:
    n, channels, height, width = x.shape
    kh, kw = layer.weight.shape[2:]
    (sh, sw), (ph, pw), (dh, dw) = layer.stride, layer.padding, layer.dilation
    every = fired = 0
    for sample, c, i, j, _, a, b in itertools.product(
        range(n), range(channels), range(height), range(width), range(layer.weight.shape[1]), range(kh), range(kw)
    ):
        if 0 <= i * sh + a * dh - ph < size[0] and 0 <= j * sw + b * dw - pw < size[1]:
            every += 1
            fired += x[sample, c, i, j] != 0
    return every, int(fired)


def matmul_loops(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int, int]:
    """All products, those with a spike of a, those with one of b, and those with both."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*lead, *a.shape[-2:])), np.broadcast_to(b, (*lead, *b.shape[-2:]))
    out = [0, 0, 0, 0]
    for at in np.ndindex(*lead, a.shape[-2], a.shape[-1], b.shape[-1]):
        *batch, i, k, j = at
        left, right = a[(*batch, i, k)] != 0, b[(*batch, k, j)] != 0
        for which, hit in enumerate((True, left, right, left and right)):
            out[which] += int(hit)
    return out[0], out[1], out[2], out[3]


# --- products
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (4, 3, 5)])
def test_linear(shape: tuple[int, ...], packed: bool) -> None:
    net = nn.Linear(5, 7, packed=packed)
    x = spikes(*shape)
    every, fired = linear_loops(x, 7)
    assert 0 < fired < every
    assert of(counted(net, x).layers[""]) == (0, fired, every)
    assert of(counted(net, x * 0.75).layers[""]) == (0, fired, every)  # one value times binary
    assert of(counted(net, -x).layers[""]) == (0, fired, every)
    if not packed:
        assert of(counted(net, numbers(*shape)).layers[""]) == (every, 0, every)
        mixed = x.copy()
        mixed[x == 0] = np.where(np.arange((x == 0).sum()) == 0, 2.0, 0.0)  # one other value among them
        assert of(counted(net, mixed).layers[""]) == (every, 0, every)


def test_energy_is_the_sum_of_both_kinds() -> None:
    net = nn.Sequential(nn.Linear(5, 7), nn.IFNode(), nn.Linear(7, 2))
    x = numbers(3, 5) * 4.0
    fired = int(nn.IFNode()(net[0](x)).numpy().sum())
    energy = counted(net, x)
    assert (energy.macs, energy.synaptic_operations, energy.dense_macs) == (105, 2 * fired, 147)
    assert energy.total == pytest.approx(105 * MAC + 2 * fired * AC)
    assert energy.dense() == pytest.approx(147 * MAC)
    assert energy.dense(7) == pytest.approx(21 * MAC)
    assert energy.per_sample(3) == pytest.approx(energy.total / 3)
    own = counted(net, x, mac=2.0, ac=0.5)  # the membrane has its charge still, so that more fires
    assert own.total == 2.0 * own.macs + 0.5 * own.synaptic_operations
    assert own.layers["0"].energy == 210.0


CONVS = [
    {"kernel_size": 3},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)},
    {"kernel_size": 3, "padding": 4, "dilation": 2, "groups": 2},
    {"kernel_size": 2, "stride": 3, "padding": 1, "dilation": (1, 3), "groups": 4},
]


@pytest.mark.parametrize("options", CONVS)
def test_conv2d(options: dict[str, Any]) -> None:
    net = nn.Conv2d(4, 8, **options)
    x = spikes(2, 4, 6, 7)
    every, fired = conv_loops(x, net)
    assert of(counted(net, x).layers[""]) == (0, fired, every)
    assert of(counted(net, x[0]).layers[""])[1] == conv_loops(x[:1], net)[1]
    assert of(counted(net, numbers(2, 4, 6, 7)).layers[""]) == (every, 0, every)


def test_a_spike_in_a_corner_reaches_less() -> None:
    x, net = np.zeros((1, 1, 5, 5), np.float32), nn.Conv2d(1, 2, 3, padding=1)
    counts = []
    for at in ((0, 0), (0, 2), (2, 2)):
        x[:] = 0.0
        x[0, 0][at] = 1.0
        counts.append(counted(net, x).synaptic_operations)
    assert counts == [8, 12, 18]


def test_conv1d() -> None:
    net = nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2)
    x = spikes(2, 4, 9)
    flat = nn.Conv2d(4, 6, (1, 3), stride=(1, 2), padding=(0, 2), dilation=(1, 2), groups=2)
    every, fired = conv_loops(x[:, :, None], flat)
    assert of(counted(net, x).layers[""]) == (0, fired, every)


def test_padding_same() -> None:
    net, x = nn.Conv2d(1, 1, 3, padding="same"), np.ones((1, 1, 3, 3), np.float32)
    assert of(counted(net, x).layers[""]) == (0, 49, 49)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "stride": (2, 3), "padding": 1, "output_padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2, "groups": 2},
    ],
)
def test_conv_transpose2d(options: dict[str, Any]) -> None:
    net = nn.ConvTranspose2d(4, 6, **options)
    x = spikes(2, 4, 4, 5)
    every, fired = transposed_loops(x, net, net(x).shape[2:])  # type: ignore[arg-type]
    assert of(counted(net, x).layers[""]) == (0, fired, every)
    assert of(counted(net, numbers(2, 4, 4, 5)).layers[""]) == (every, 0, every)


class Product(nn.Module):
    """A product in a forward of its own, by `@`."""

    def forward(self, a: Any, b: Any) -> Tensor:
        return a @ b


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((4, 3), (2, 3, 5)), ((4,), (4, 5)), ((3, 4), (4,))],
)  # fmt: skip
def test_matmul_in_a_forward_of_ones_own(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b, net = spikes(*left, rate=0.5), spikes(*right, rate=0.4, seed=1), Product()
    whole = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    every, by_a, by_b, by_both = matmul_loops(*whole)
    assert of(counted(net, a, b).layers[""]) == (0, by_both, every)
    assert of(counted(net, a, numbers(*right)).layers[""]) == (0, by_a, every)
    assert of(counted(net, numbers(*left), b).layers[""]) == (0, by_b, every)
    assert of(counted(net, numbers(*left), numbers(*right)).layers[""]) == (every, 0, every)


def test_a_parameter_is_no_input() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(np.ones((5, 2), np.float32))  # looks like spikes

        def forward(self, x: Any) -> Tensor:
            return F.matmul(x, self.weight)

    assert of(counted(Own(), numbers(3, 5)).layers[""]) == (30, 0, 30)
    assert of(counted(Own(), spikes(3, 5)).layers[""]) == (0, int(spikes(3, 5).sum()) * 2, 30)


def test_products_by_functions_count_for_the_module_that_calls_them() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Any) -> Tensor:
            return self.layer(x) + F.linear(x, np.ones((3, 4)))

    class Outer(nn.Module):
        def __init__(self) -> None:
            self.inner = Inner()

        def forward(self, x: Any) -> Tensor:
            image = F.conv2d(x.reshape(1, 1, *x.shape), np.ones((1, 1, 1, 1)))
            return self.inner(x) + image.mean()

    energy = counted(Outer(), numbers(2, 4))
    assert {name: of(layer) for name, layer in energy.layers.items()} == {
        "": (8, 0, 8), "inner": (24, 0, 24), "inner.layer": (24, 0, 24),
    }  # fmt: skip


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("given", [1, 2, 3])
def test_multihead_attention(given: int, batch_first: bool) -> None:
    width, rows, columns, batch = 6, 3, 3 if given == 1 else 5, 2
    net = nn.MultiheadAttention(width, 2, batch_first=batch_first, bias=False)
    # spikes stay spikes: projections are the identity
    net.in_proj_weight.copy_(np.tile(np.eye(width), (3, 1)))
    shape = (lambda n: (batch, n, width)) if batch_first else (lambda n: (n, batch, width))
    q = Tensor(spikes(*shape(rows), rate=0.5))
    k = q if given == 1 else Tensor(spikes(*shape(columns), rate=0.4, seed=1))
    v = k if given < 3 else Tensor(spikes(*shape(columns), rate=0.6, seed=2))
    energy = counted(net, q, k, v)

    def heads(x: Tensor) -> np.ndarray:
        y = x.numpy() if batch_first else x.numpy().swapaxes(0, 1)
        return y.reshape(batch, -1, 2, width // 2).swapaxes(1, 2)

    projected = sum(int(x.numpy().sum()) * width for x in (q, k, v))
    scores = matmul_loops(heads(q), heads(k).swapaxes(-1, -2))
    values = matmul_loops(np.ones((batch, 2, rows, columns)), heads(v))
    every = (rows + 2 * columns) * batch * width * width + scores[0] + values[0]
    assert of(energy.layers[""]) == (0, projected + scores[3] + values[2], every)
    assert of(energy.layers["out_proj"]) == (rows * batch * width**2, 0, rows * batch * width**2)


def test_scaled_dot_product_attention() -> None:
    class Attend(nn.Module):
        def forward(self, q: Any, k: Any, v: Any) -> Tensor:
            return F.scaled_dot_product_attention(q, k, v)

    q, k, v = numbers(2, 3, 4), spikes(2, 5, 4), spikes(1, 5, 6)
    scores = matmul_loops(q, k.swapaxes(-1, -2))
    values = matmul_loops(np.ones((2, 3, 5)), v)
    assert of(counted(Attend(), q, k, v).layers[""]) == (0, scores[2] + values[2], scores[0] + values[0])


@pytest.mark.parametrize("tokens", [2, 3, 5])
def test_spiking_self_attention(tokens: int) -> None:
    """The order of its products is the one that is computed."""
    steps, batch, width, heads = 2, 2, 6, 2
    net, size = nn.SpikingSelfAttention(width, heads), width // heads
    net.qkv_lif = nn.IFNode(v_threshold=1.0, step_mode="m")  # spikes stay spikes, with projections that copy
    net.qkv_conv_bn = nn.SeqToANNContainer(nn.Conv1d(width, 3 * width, 1, bias=False))
    shifts = np.concatenate([np.roll(np.eye(width), k, axis=1) for k in range(3)])  # Q, K and V differ
    net.qkv_conv_bn[0].weight.copy_(shifts[:, :, None])
    x = spikes(steps, batch, width, tokens, rate=0.5) * (np.arange(width) != 2)[:, None]
    q, k, v = (np.roll(x, -n, axis=2).reshape(steps, batch, heads, size, tokens) for n in range(3))
    k, ones = k.swapaxes(-1, -2), np.ones_like
    if size <= tokens:
        first, second = matmul_loops(v, k), matmul_loops(ones(v @ k), q)
        fired = second[2]
    else:
        first, second = matmul_loops(k, q), matmul_loops(v, ones(k @ q))
        fired = second[1]
    energy = counted(net, x)
    assert of(energy.layers[""]) == (0, first[3] + fired, first[0] + second[0])
    assert "spiking_attention" not in energy.elements


@pytest.mark.parametrize(("cls", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_recurrent_layers(cls: type, gates: int) -> None:
    steps, batch, size, hidden = 5, 2, 3, 4
    net = cls(size, hidden, num_layers=2, bidirectional=True)
    x = spikes(steps, batch, size)
    first = 2 * int(x.sum()) * gates * hidden
    inner = 4 * steps * batch * gates * hidden * hidden
    second = 2 * steps * batch * 2 * hidden * gates * hidden
    every = 2 * x.size * gates * hidden + inner + second
    assert of(counted(net, x).layers[""]) == (inner + second, first, every)


def test_what_costs_nothing_is_named() -> None:
    net = nn.Sequential(
        nn.Embedding(5, 4), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.IFNode(),
    )  # fmt: skip
    energy = counted(net, np.array([1, 2, 3]))
    assert energy.total == 0.0
    assert {"norm": 12, "batch_norm": 12, "relu": 12, "neuron": 12}.items() <= energy.elements.items()
    assert not energy.unknown
    assert not energy.outside
    assert "batch_norm 12" in str(energy)


def test_an_unknown_op_is_reported() -> None:
    def twice(x: Any) -> Any:
        return elementwise.unary(x, name="affine", a=2.0, b=0.0)

    own = differentiable(twice)

    class Own(nn.Module):
        def forward(self, x: Any) -> Tensor:
            return own(x)

    energy = counted(Own(), numbers(2, 3))
    assert energy.unknown == {"twice": 1}
    assert "NOT COUNTED, ops that grillyx does not know (calls): twice 1." in str(energy)


def test_products_outside_the_model_are_reported() -> None:
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    with nn.EnergyMonitor(net) as energy:
        out = net(numbers(4, 3))
        other(numbers(4, 3))
        _ = out @ numbers(2, 2)
        out.mean().backward()
    assert of(energy.layers[""]) == (24, 0, 24)
    assert energy.outside == {"linear": 1, "matmul": 1}  # and none for the backward pass
    assert "products outside the model (calls): linear 1, matmul 1." in str(energy)


# --- what is a spike
def test_one_number_is_no_spike() -> None:
    net = nn.Linear(3, 2)
    one = np.array([[0.0, 0.3, 0.0]], np.float32)
    assert of(counted(net, one).layers[""]) == (6, 0, 6)
    with nn.EnergyMonitor(net) as energy:  # the same value again: a spike of that size
        net(one)
        net(np.roll(one, 1))
    assert of(energy.layers[""]) == (0, 4, 12)
    with nn.EnergyMonitor(net) as energy:
        net(one)
        net(one * 2.0)
    assert of(energy.layers[""]) == (12, 0, 12)
    assert energy.layers[""].input_rate is None


def test_ones_are_spikes_even_if_there_is_one() -> None:
    assert of(counted(nn.Linear(3, 2), np.array([[0.0, 1.0, 0.0]])).layers[""]) == (0, 2, 6)


def test_a_silent_input_costs_nothing() -> None:
    energy = counted(nn.Linear(3, 2), np.zeros((2, 3)))
    assert of(energy.layers[""]) == (0, 0, 12)
    assert energy.layers[""].input_rate == 0.0


def test_not_a_number_is_no_spike() -> None:
    assert of(counted(nn.Linear(3, 2), np.array([[np.nan, 1.0, 0.0]])).layers[""]) == (6, 0, 6)


class Scaled(nn.Module):
    """Spikes times a value for each channel, and on through layers that keep the values."""

    def __init__(self, after: nn.Module, scale: np.ndarray) -> None:
        self.after, self.scale = after, nn.Parameter(scale)

    def forward(self, x: Any) -> Tensor:
        return self.after(x * self.scale)


@pytest.mark.parametrize("channels", [1, 3])
def test_spikes_with_a_value_for_each_channel(channels: int) -> None:
    scale = np.arange(1.0, channels + 1.0).reshape(-1, 1, 1) * 0.3
    conv = nn.Conv2d(3, 2, 3)
    x = spikes(2, 3, 5, 5)
    assert of(counted(Scaled(conv, scale), x).layers["after"]) == (0, conv_loops(x, conv)[1], conv_loops(x, conv)[0])
    linear = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4))
    pooled = x[:, :, :4, :4].reshape(2, 3, 2, 2, 2, 2).max((3, 5))
    assert of(counted(Scaled(linear, scale), x).layers["after.2"]) == (0, int(pooled.sum()) * 4, 96)


def test_real_numbers_that_are_scaled_are_no_spikes() -> None:
    scale = np.array([0.5, 1.0, 1.5])
    x = np.array([[0.2, 0.7, 0.4]], np.float32)  # each channel has one value, as that of a spike
    for same_again in (x, np.repeat(x, 2, 0)):
        n = 6 * len(same_again)
        assert of(counted(Scaled(nn.Linear(3, 2), scale), same_again).layers["after"]) == (n, 0, n)
    one = np.array([[1.0, 0.0, 1.0]])
    assert of(counted(Scaled(nn.Linear(3, 2), scale), one).layers["after"]) == (0, 4, 6)
    # a factor for each pixel is none for each channel
    image = np.random.default_rng(0).random((1, 3, 4, 4))
    assert counted(Scaled(nn.Conv2d(3, 2, 2), image), spikes(2, 3, 4, 4)).synaptic_operations == 0


def test_means_of_spikes_are_real() -> None:
    net = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 1, 1))
    assert of(counted(net, spikes(2, 1, 4, 4)).layers["1"]) == (8, 0, 8)


def test_more_spikes_than_float32_can_count() -> None:
    n = 4097
    energy = counted(nn.Linear(n, 1, bias=False), F.ones_like(np.empty((n, n), np.float32)))
    assert energy.synaptic_operations == n * n > 1 << 24
    assert energy.layers[""].input_rate == 1.0


# --- graphs
SOURCES, TARGETS = np.array([0, 0, 2, 1, 3]), np.array([1, 2, 2, 0, 0])


class Neighbours(nn.Module):
    """A sum over neighbours: 3 nodes from 4."""

    def __init__(self, function: Any, weight: Any = None, **options: Any) -> None:
        self.function, self.weight, self.options = function, weight, options

    def forward(self, x: Any) -> Tensor:
        csr, csc = sparse.build(TARGETS, SOURCES, 3, 4)
        return self.function(csr, csc, x, self.weight, **self.options)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (2, 3, 4, 40)])
@pytest.mark.parametrize(
    "net",
    [
        Neighbours(F.sparse_matmul, numbers(5)), Neighbours(F.sparse_spikes), Neighbours(F.sparse_reduce, reduce="mean"),
    ],
)  # fmt: skip
def test_sums_over_neighbours(net: nn.Module, shape: tuple[int, ...]) -> None:
    x = spikes(*shape)
    fired = sum(int((x[..., j, :] != 0).sum()) for j in SOURCES)
    dense = 5 * x.size // 4
    assert of(counted(net, x).layers[""]) == (0, fired, dense)
    if net.function is not F.sparse_spikes:
        assert of(counted(net, numbers(*shape)).layers[""]) == (dense, 0, dense)


def test_attention_over_neighbours() -> None:
    x = spikes(3, 4, 2, 6)
    fired = sum(int((x[:, j] != 0).sum()) for j in SOURCES)
    for weight in (numbers(5, 2), numbers(3, 5, 2)):
        assert of(counted(Neighbours(F.sparse_matmul, weight), x).layers[""]) == (0, fired, 3 * 5 * 12)


def test_scores_of_pairs_are_products() -> None:
    net = Neighbours(lambda csr, csc, x, _: F.sparse_dot(csr, csc, x, x[:3]))
    assert of(counted(net, spikes(4, 6)).layers[""]) == (30, 0, 30)
    net = Neighbours(lambda csr, csc, x, _: F.sparse_relu_dot(csr, csc, x, x[:3], np.ones(6)))
    assert of(counted(net, spikes(4, 6)).layers[""]) == (30, 0, 30)


# --- models
def network(mode: str) -> nn.Sequential:
    wrap = nn.SeqToANNContainer if mode == "m" else nn.Sequential
    return nn.Sequential(
        wrap(nn.Conv2d(2, 4, 3, padding=1, bias=False)), nn.IFNode(v_threshold=0.3, step_mode=mode),
        wrap(nn.Sequential(nn.Flatten(), nn.Linear(64, 6))), nn.LIFNode(v_threshold=0.2, step_mode=mode),
        wrap(nn.Linear(6, 3)),
    )  # fmt: skip


def test_step_modes_count_alike() -> None:
    x = spikes(5, 3, 2, 4, 4)
    many, single = network("m"), network("s")
    single.load_state_dict(many.state_dict())
    whole = counted(many, x)
    with nn.EnergyMonitor(single) as energy:
        for step in x:
            single(step)
    for ours, other in ((whole, energy), (energy, whole)):
        assert [of(a) for a in ours.layers.values()] == [of(b) for b in other.layers.values()]
        assert ours.firing_rates() == other.firing_rates()
    assert list(whole.layers) == ["0.0", "1", "2.0.1", "3", "4.0"]
    assert whole.layers["0.0"].calls == 1
    assert energy.layers["0.0"].calls == 5
    assert 0.0 < whole.layers["1"].firing_rate < 1.0
    assert of(whole.layers["0.0"])[:2] == (0, conv_loops(x.reshape(15, 2, 4, 4), many[0][0])[1])
    spike = many[0](x)
    F.reset_net(many)
    spike = many[1](spike)
    assert of(whole.layers["2.0.1"]) == (0, int(spike.numpy().sum()) * 6, 15 * 64 * 6)
    assert whole.firing_rates()["1"] == pytest.approx(spike.numpy().mean())
    assert whole.layers["2.0.1"].input_rate == pytest.approx(spike.numpy().mean())


@pytest.mark.parametrize("k", [0, 1])
def test_counts_of_spikingjelly(k: int) -> None:
    """SynOpCounter and MACCounter of SpikingJelly 2.0, which also counts products with the zeros of a padding."""
    data = np.load(DATA / "energy.npz")
    theirs = json.loads((DATA / "energy.json").read_text())
    net = nn.Sequential(
        nn.SeqToANNContainer(nn.Conv2d(2, 4, 3, padding=1, bias=False)), nn.IFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Conv2d(4, 6, 3, stride=2, bias=False)), nn.IFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Flatten(), nn.Linear(24, 5, bias=False)), nn.IFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(5, 3, bias=False)),
    )  # fmt: skip
    for p, at in zip(net.parameters(), range(4), strict=True):
        p.copy_(data[f"w{at}"])
    x = data["x"] if k == 0 else np.where(data["x"] == 0.0, 0.25, 0.5)
    energy = counted(net, x)
    layers = [energy.layers[name] for name in ("0.0", "2.0", "4.1", "6.0")]
    assert [layer.synaptic_operations for layer in layers] == theirs["synops"][k]
    inside = 12 * 2 * 4 * 16**2  # 16 of 18 rows of a window lie in an image of 6 rows
    assert [layer.macs for layer in layers] == [inside if n == 12 * 2 * 4 * 18**2 else n for n in theirs["macs"][k]]
    assert theirs["macs"][k][0] == (0, 12 * 2 * 4 * 18**2)[k]


def test_containers_of_steps() -> None:
    x = spikes(4, 2, 5)
    every, fired = linear_loops(x, 3)
    for net in (nn.MultiStepContainer(nn.Linear(5, 3)), nn.MultiStepContainer(nn.Linear(5, 3), nn.IFNode())):
        assert of(counted(net, x).layers["0"]) == (0, fired, every)
    feedback = nn.LinearRecurrentContainer(nn.IFNode(), 5, 5, step_mode="m")
    energy = counted(feedback, x)
    assert energy.layers["rc"].calls == 4
    assert of(energy.layers["rc"])[2] == 4 * 2 * 10 * 5


def test_a_shared_layer_adds_up_under_its_first_name() -> None:
    layer = nn.Linear(4, 4, bias=False)
    layer.weight.copy_(np.eye(4))
    x = spikes(3, 4)
    energy = counted(nn.Sequential(layer, nn.Identity(), layer), x)
    assert list(energy.layers) == ["0"]
    assert of(energy.layers["0"]) == (0, 2 * int(x.sum()) * 4, 96)
    assert energy.layers["0"].calls == 2


def test_batches_add_up_and_clear() -> None:
    net, x = nn.Linear(5, 2), spikes(6, 5)
    energy = nn.EnergyMonitor(net)
    for part in (x[:2], x[2:]):
        with energy:
            net(part)
        assert energy.total > 0.0
    assert of(energy.layers[""]) == (0, int(x.sum()) * 2, 60)
    net(x)  # outside of the block
    assert energy.layers[""].calls == 2
    energy.clear()
    assert energy.total == 0.0
    assert energy.layers == {}


def test_steps_that_are_computed_again_count_once() -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.IFNode(step_mode="m"), nn.Linear(4, 2))
    x = spikes(6, 2, 5)
    want = counted(net, x)
    F.reset_net(net)
    long = nn.CheckpointedSequence(net, 2)
    with nn.EnergyMonitor(long) as energy:
        long(Tensor(x, requires_grad=True)).mean().backward()
    assert [of(layer) for layer in energy.layers.values()] == [of(layer) for layer in want.layers.values()]
    assert energy.layers["module.0"].calls == 3
    F.reset_net(net)
    with nn.EnergyMonitor(long) as energy:  # the gradient of an input is computed when it is read
        out = long(x)
        long.backward(np.ones(out.shape)).numpy()
    assert [of(layer) for layer in energy.layers.values()] == [of(layer) for layer in want.layers.values()]
    assert not energy.outside


def test_counts_are_read_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grillyx.nn._energy._MOST_WAITING", 2)
    net, x = nn.Linear(5, 2), spikes(9, 4, 5)
    with nn.EnergyMonitor(net) as energy:
        for step in x:
            net(step)
            assert len(energy._products) <= 2
    assert of(energy.layers[""]) == (0, int(x.sum()) * 2, 360)


def test_the_model_and_its_results_stay_as_they_were() -> None:
    x, results = spikes(5, 3, 2, 4, 4), []
    net = network("m")
    for watched in (False, True, False):
        F.reset_net(net)
        net.zero_grad()
        if watched:
            with nn.EnergyMonitor(net):
                out = net(x)
                out.mean().backward()
        else:
            out = net(x)
            out.mean().backward()
        results.append([out.numpy(), *(p.grad.numpy() for p in net.parameters())])  # type: ignore[union-attr]
        assert all(not m._hooks for m in net.modules())
    for got in results[1:]:
        for a, b in zip(got, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_nothing_is_watched_after_an_error() -> None:
    net = nn.Linear(3, 2)
    energy = nn.EnergyMonitor(net)
    with pytest.raises(KeyError), energy:  # noqa: PT012  # the block is what is tested
        net(numbers(2, 3))
        raise KeyError
    with pytest.raises(ValueError, match="in_features"), energy:
        net(numbers(2, 4))
    assert not net._hooks
    net(numbers(2, 3))
    assert of(energy.layers[""]) == (12, 0, 12)
    with energy:
        with pytest.raises(RuntimeError, match="already counting"):
            energy.__enter__()
        net(numbers(1, 3))
    assert of(energy.layers[""]) == (18, 0, 18)


def test_two_monitors_at_once() -> None:
    net, x = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), numbers(4, 3)
    with nn.EnergyMonitor(net) as whole, nn.EnergyMonitor(net[1]) as part:
        net(x)
    assert (whole.macs, part.macs) == (32, 8)
    assert part.outside == {"linear": 1}


def test_no_history_is_kept_of_the_counting() -> None:
    net = nn.Linear(3, 2)
    x = Tensor(spikes(4, 3), requires_grad=True)
    counted(net, x)
    net(x).sum().backward()
    same(x.grad, np.tile(net.weight.numpy().sum(0), (4, 1)))


def test_table() -> None:
    net = nn.Sequential(nn.Linear(5, 7), nn.IFNode(), nn.Linear(7, 2))
    energy = counted(net, numbers(3, 5) * 4.0)
    lines = str(energy).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "MAC", "AC", "input", "fires", "energy"]
    assert lines[1].split() == ["0", "Linear", "(3,", "7)", "105", "0", "real", "483", "pJ"]
    assert lines[4].split()[:2] == ["all", "105"]
    assert "147 MAC" in lines[5]
    assert repr(energy.layers["0"]) == "LayerEnergy('0', Linear, macs=105, synaptic_operations=0, energy=483 pJ)"
    assert "all" in str(nn.EnergyMonitor(net))


@pytest.mark.parametrize(
    ("energy", "text"),
    [(0.0, "0 J"), (2.5, "2.5 J"), (1500.0, "1.5e+03 J"), (0.0025, "2.5 mJ"), (4.6e-12, "4.6 pJ"), (1e-16, "0.1 fJ")],
)
def test_units(energy: float, text: str) -> None:
    assert joules(energy) == text


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="got list"):
        nn.EnergyMonitor([])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not negative, got mac=-1"):
        nn.EnergyMonitor(nn.Identity(), mac=-1.0)
    with pytest.raises(ValueError, match="ac must be finite"):
        nn.EnergyMonitor(nn.Identity(), ac=float("inf"))
    with pytest.raises(ValueError, match="positive integer, got 0"):
        nn.EnergyMonitor(nn.Identity()).per_sample(0)
    with pytest.raises(ValueError, match=r"positive integer, got 2\.5"):
        nn.EnergyMonitor(nn.Identity()).dense(2.5)  # type: ignore[arg-type]
