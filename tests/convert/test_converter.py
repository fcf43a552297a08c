from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import grillyx
import grillyx.functional as F
from grillyx import nn
from grillyx.convert import Converter, SpikingActivation, SpikingMaxPool2d, SpikingModel

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _seeded():
    grillyx.manual_seed(7)


def floats(*shape, low=0.0, high=1.0):
    return RNG.uniform(low, high, shape).astype(np.float32)


def settled(norm):
    """Give a batch norm statistics and factors that matter."""
    n = norm.num_features
    for part, low, high in ((norm.weight, 0.5, 1.5), (norm.bias, -0.3, 0.3), (norm.running_mean, -0.2, 0.2)):
        part.copy_(floats(n, low=low, high=high))
    norm.running_var.copy_(floats(n, low=0.3, high=2.0))
    return norm


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), settled(nn.BatchNorm2d(4)), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.ReLU6(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, 3),
    )  # fmt: skip


class Block(nn.Module):
    """A residual block as people write it: one relu for both places."""

    def __init__(self, channels):
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1), settled(nn.BatchNorm2d(channels))
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1), settled(nn.BatchNorm2d(channels))
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + x)


class ResNet(nn.Module):
    def __init__(self):
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.blocks = nn.ModuleList([Block(4), Block(4)])
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(F.mean(x, axis=(2, 3)))


def evaluated(ann, x):
    twin = copy.deepcopy(ann).eval()
    return twin(x).numpy()


def converted(ann, data, **options):
    return Converter(ann, data=data, progress=False, **options).convert()


CASES = {
    "mlp": (mlp, (6,)),
    "cnn": (cnn, (2, 8, 8)),
    "residual": (ResNet, (1, 6, 6)),
    "one dimension": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 5, 3), settled(nn.BatchNorm1d(5)), nn.ReLU(), nn.Flatten(), nn.Linear(30, 4)
        ),
        (3, 8),
    ),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), settled(nn.BatchNorm2d(6)), nn.ReLU(), nn.Conv2d(6, 2, 3),
            nn.Upsample(scale_factor=2), nn.Flatten(),
        ),
        (4, 3, 3),
    ),
    "norms that cannot be fused": (
        lambda: nn.Sequential(
            settled(nn.BatchNorm1d(6)), nn.Linear(6, 8), settled(nn.BatchNorm1d(8)), nn.ReLU(), settled(nn.BatchNorm1d(8))
        ),
        (6,),
    ),
    "rows": (lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 2)), (5, 4)),
    "a bare relu": (nn.ReLU, (5,)),
    "hardtanh": (lambda: nn.Sequential(nn.Linear(6, 8), nn.Hardtanh(0.0, 0.4), nn.Linear(8, 2)), (6,)),
}  # fmt: skip


@pytest.mark.parametrize("channel_wise", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_mean_output_tends_to_the_network(name, channel_wise):
    make, shape = CASES[name]
    ann = make()
    x = floats(12, *shape, low=-0.2)
    snn = converted(ann, x, channel_wise=channel_wise, half_threshold=True)
    truth = evaluated(ann, x)
    errors = [np.abs(snn.simulate(x, T).numpy() - truth).max() / np.abs(truth).max() for T in (16, 512)]
    assert errors[1] < 0.02
    assert errors[1] < errors[0]  # not a constant


@pytest.mark.parametrize("name", CASES)
def test_fused_norms_change_nothing(name):
    make, shape = CASES[name]
    ann = make()
    x = floats(5, *shape, low=-0.2)
    apart, fused = (converted(ann, x, fuse_flag=flag).simulate(x, 5).numpy() for flag in (False, True))
    # a membrane that just reaches the threshold in one may just miss it in the other
    assert np.isclose(apart, fused, atol=1e-4 * np.abs(apart).max()).mean() > 0.9


def test_what_the_report_says():
    ann = cnn()
    x = floats(30, 2, 8, 8)
    snn = converted(ann, x)
    report = snn.report
    assert report.fused == [("0", "1")]
    assert report.pools == ["3"]
    assert report.dropped == ["8"]
    assert [(layer.path, layer.shape) for layer in report.layers] == [("2", (4, 8, 8)), ("5", (6, 2, 2))]
    assert [layer.saturation for layer in report.layers] == [0.0, 0.0]
    text = str(report)
    for part in ("4x8x8", "1 into 0", "dropouts taken out: 8", "30 samples"):
        assert part in text
    # the rates that the network tends to
    with nn.Monitor(snn.model) as monitor:
        snn.simulate(x, 400)
    measured = list(monitor.firing_rates().values())
    np.testing.assert_allclose(measured, [layer.rate for layer in report.layers], atol=0.01)


def outputs_of_first_relu(ann, x):
    return np.maximum(evaluated(ann[0], x), 0.0)


@pytest.mark.parametrize("channel_wise", [False, True])
@pytest.mark.parametrize("mode", ["max", "Max", "99.9%", "90%", "50%", "100%", 0.7, 1.0])
def test_scales(mode, channel_wise):
    ann = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten())
    ann[0].bias.copy_([0.4, 0.6, -9.0])  # the last channel never fires
    x = floats(50, 1, 6, 6)
    data = [x[:7], x[7:30], x[30:]]
    out = outputs_of_first_relu(ann, x).astype(np.float64)
    rows = np.moveaxis(out, 1, 0).reshape(3, -1) if channel_wise else out.reshape(1, -1)
    if isinstance(mode, str) and mode.endswith("%"):
        expected = np.quantile(rows, float(mode[:-1]) / 100, axis=1)
    else:
        expected = rows.max(axis=1) * (mode if isinstance(mode, float) else 1.0)
    expected = np.where(expected > 0, expected, expected.max())
    got = np.atleast_1d(converted(ann, data, mode=mode, channel_wise=channel_wise).report.layers[0].scale)
    np.testing.assert_allclose(got, expected, rtol=2e-6)
    assert got.shape == ((3,) if channel_wise else (1,))


def test_saturation_is_the_share_above_the_scale():
    ann = nn.Sequential(nn.Linear(6, 40), nn.ReLU())
    x = floats(100, 6, low=-1.0)
    out = outputs_of_first_relu(ann, x)
    layer = converted(ann, x, mode=0.5).report.layers[0]
    assert layer.saturation == pytest.approx((out > 0.5 * out.max()).mean(), abs=1e-6)
    assert layer.rate == pytest.approx(np.minimum(out / (0.5 * out.max()), 1.0).mean(), rel=1e-5)


def test_relu6_and_hardtanh_never_scale_above_their_limit():
    for layer, top in ((nn.ReLU6(), 6.0), (nn.Hardtanh(0.0, 0.3), 0.3)):
        x = floats(20, 4) * 10.0
        assert converted(nn.Sequential(layer), x).report.layers[0].scale == pytest.approx(top)


def test_the_two_modes_and_simulate_agree():
    ann = cnn()
    x = floats(3, 2, 8, 8)
    snn = converted(ann, x, half_threshold=True)
    F.reset_net(snn)
    steps = np.stack([snn(x).numpy() for _ in range(11)])
    F.reset_net(snn)
    F.set_step_mode(snn, "m")
    sequence = np.repeat(x[None], 11, axis=0)
    np.testing.assert_allclose(snn(sequence).numpy(), steps, atol=1e-5)
    F.reset_net(snn)
    parts = np.concatenate([snn(sequence[:4]).numpy(), snn(sequence[4:]).numpy()])  # the state goes on
    np.testing.assert_allclose(parts, steps, atol=1e-5)
    np.testing.assert_allclose(snn.simulate(x, 11).numpy(), steps.mean(axis=0), atol=1e-5)


def test_inputs_may_change_with_time():
    ann = mlp()
    snn = converted(ann, floats(20, 6))
    F.set_step_mode(snn, "m")
    x = floats(9, 4, 6)
    whole = snn(x).numpy()
    F.reset_net(snn)
    F.set_step_mode(snn, "s")
    np.testing.assert_allclose(whole, np.stack([snn(step).numpy() for step in x]), atol=1e-5)


def test_a_sum_of_what_changes_and_what_does_not():
    class Skip(nn.Module):
        def __init__(self):
            self.a, self.relu, self.b = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)

        def forward(self, x):
            return self.b(self.relu(self.a(x)) + x)

    ann = Skip()
    x = floats(6, 4)
    snn = converted(ann, x, half_threshold=True)
    assert not snn._holds
    assert converted(mlp(), floats(6, 6))._holds
    np.testing.assert_allclose(snn.simulate(x, 300).numpy(), evaluated(ann, x), atol=0.02)


def test_one_relu_in_two_places_is_two_layers_with_two_memories():
    ann = ResNet()
    x = floats(4, 1, 6, 6)
    snn = converted(ann, x)
    assert [layer.path for layer in snn.report.layers] == [
        "stem.1", "blocks.0.relu", "blocks.0.relu[1]", "blocks.1.relu", "blocks.1.relu[1]",
    ]  # fmt: skip
    assert snn.report.fused == [(f"blocks.{k}.conv{j}", f"blocks.{k}.bn{j}") for k in (0, 1) for j in (1, 2)]
    assert len(snn.model.blocks[0].relu) == 2
    assert isinstance(ann.blocks[0].relu, nn.ReLU)


@pytest.mark.parametrize("half", [False, True])
def test_counts_are_the_closed_form(half):
    layer = SpikingActivation(2.0, half_threshold=half)
    x = np.array([[-1.0, 0.0, 0.31, 1.13, 1.87, 2.0, 5.0]], np.float32)
    for T in range(1, 12):
        # floats near a whole number of thresholds are left out by the choice of x
        count = np.clip(np.floor(T * x / 2.0 + 0.5 * half + 1e-6), 0, T)
        F.reset_net(layer)
        total = sum(layer(x).numpy() for _ in range(T))
        np.testing.assert_allclose(total, 2.0 * count, rtol=1e-6)


def test_the_network_stays_as_it_is():
    ann = cnn()
    before = ann.state_dict()
    seen = []
    ann.register_forward_hook(lambda *_: seen.append(1))
    ann[9].weight.requires_grad = False
    modes = {name: m.training for name, m in ann.named_modules()}
    classes = [type(m) for m in ann.modules()]
    snn = converted(ann, floats(10, 2, 8, 8), half_threshold=True)
    snn.simulate(floats(2, 2, 8, 8), 4)
    assert seen == []
    assert {name: m.training for name, m in ann.named_modules()} == modes
    assert [type(m) for m in ann.modules()] == classes
    assert all("forward" not in vars(m) for m in [*ann.modules(), *snn.modules()])
    after = ann.state_dict()
    assert list(before) == list(after)
    for key, value in before.items():
        np.testing.assert_array_equal(value, after[key])
    assert not any(p is q for p in ann.parameters() for q in snn.parameters())


def test_call_forms():
    ann, x = mlp(), floats(40, 6)
    loader = [(x[:20], np.zeros(20, np.int64)), (x[20:], np.zeros(20, np.int64))]
    forms = [
        Converter(ann, mode="max", data=x, progress=False).convert(),
        Converter(mode="max", data=x, progress=False).convert(ann),
        Converter(loader, mode="max", progress=False)(ann),
        Converter(iter(loader), progress=False)(ann),  # a generator can be gone through once
        Converter(ann, data=(x, np.zeros(40, np.int64)), progress=False).convert(),
        Converter(x.tolist(), progress=False)(ann),
        Converter(grillyx.Tensor(x), progress=False)(ann),
        nn.Converter(ann, data=[[x[:30]], [x[30:]]], progress=False).convert(),
    ]
    for snn in forms:
        assert isinstance(snn, SpikingModel)
        assert [layer.scale for layer in snn.report.layers] == pytest.approx(
            [layer.scale for layer in forms[0].report.layers], rel=1e-5
        )


def test_grillys_form_without_data_says_what_to_do():
    ann = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    with pytest.raises(ValueError, match=r"no calibration data.*data=x_train"):
        nn.Converter(ann, mode="max").convert()


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.LeakyReLU(), "both signs"),
        (nn.ELU(), "both signs"),
        (nn.Softmax(), "take it off"),
        (nn.Sigmoid(), "take it off"),
        (nn.Hardtanh(), "both signs"),
        (nn.LayerNorm(16), "BatchNorm"),
        (nn.LSTM(16, 16), "Only Linear"),
        (nn.LIFNode(), "spikes already"),
        (nn.SeqToANNContainer(nn.Linear(16, 16)), "time axis"),
    ],
)
def test_layers_that_cannot_be_converted_are_named_with_their_path(layer, why):
    ann = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 16), layer))
    with pytest.raises(NotImplementedError, match=rf"'2\.1' \({type(layer).__name__}.*{why}"):
        converted(ann, floats(4, 6))


def test_a_converted_network_is_not_converted_again():
    snn = converted(mlp(), floats(4, 6))
    with pytest.raises(
        NotImplementedError, match=r"cannot convert 'the network' \(SpikingModel\). The model spikes already"
    ):
        converted(snn, floats(4, 6))


def functional(compute):
    class Net(nn.Module):
        def __init__(self):
            self.first, self.act, self.last = nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)

        def forward(self, x):
            return self.last(compute(self.act(self.first(x))))

    return Net()


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("relu", F.relu),
        ("tanh", lambda x: x.tanh() + x),
        ("multiply of two activations", lambda x: x * x),
        ("matmul of two activations", lambda x: (x @ x.T) @ x),
        ("divide", lambda x: x / (x.sum(axis=1, keepdims=True) + 1.0)),
        ("max", lambda x: x - x.max(axis=1, keepdims=True)),
        ("maximum", lambda x: F.maximum(x, 0.1)),
    ],
)
def test_functions_outside_of_layers_are_found(name, compute):
    with pytest.raises(ValueError, match=rf"between 'act' and 'last'.*{name}"):
        converted(functional(compute), floats(4, 6))


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * 0.5 + 0.25,
        lambda x: x.reshape(-1, 2, 3).transpose(0, 2, 1).reshape(-1, 6),
        lambda x: F.concatenate([x[:, 3:], x[:, :3] / 2.0], axis=1),
        lambda x: x - x.mean(axis=1, keepdims=True),
        lambda x: F.linear(x, np.eye(6, dtype=np.float32) * 2.0),
        lambda x: x * np.arange(6, dtype=np.float32),
    ],
)
def test_linear_functions_may_stand_between_layers(compute):
    ann, x = functional(compute), floats(8, 6)
    snn = converted(ann, x, half_threshold=True)
    np.testing.assert_allclose(snn.simulate(x, 400).numpy(), evaluated(ann, x), atol=0.03)


def test_numpy_in_a_forward_is_found():
    class Away(nn.Module):
        def __init__(self):
            self.a, self.relu = nn.Linear(6, 6), nn.ReLU()

        def forward(self, x):
            return grillyx.Tensor(np.tanh(self.relu(self.a(x)).numpy()))

    with pytest.raises(ValueError, match="NumPy"):
        converted(Away(), floats(4, 6))


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (np.zeros((0, 6), np.float32), ValueError, "empty"),
        ([], ValueError, "empty"),
        ([np.zeros((0, 6), np.float32)], ValueError, "batch 0 is empty"),
        (np.full((3, 6), np.nan, np.float32), ValueError, "NaN"),
        ([floats(2, 6), floats(2, 5)], ValueError, r"differ in shape, got \(5,\)"),
        (floats(3, 5), ValueError, r"cannot take a batch of shape \(3, 5\)"),
        (floats(6), ValueError, "no batch axis"),
        (np.float32(1.0), TypeError, "array"),
        ("train.npy", TypeError, "array"),
        (np.array([["a"]]), TypeError, "no numbers"),
        ((floats(5, 6), np.zeros(4, np.int64)), ValueError, "differ in number"),
    ],
)
def test_bad_data(data, error, text):
    with pytest.raises(error, match=text):
        converted(mlp(), data)


@pytest.mark.parametrize("mode", ["mean", "0%", "101%", "x%", 0.0, 1.5, -1, None, True, float("nan")])
def test_bad_modes(mode):
    with pytest.raises(ValueError, match="unknown mode"):
        Converter(mlp(), mode=mode, data=floats(4, 6))


def test_a_layer_that_never_fires():
    ann = mlp()
    ann[2].bias.copy_(np.full(8, -50.0))
    with pytest.raises(ValueError, match="'3' has no scale"):
        converted(ann, floats(10, 6))
    with pytest.raises(ValueError, match="'0' has no scale.*quantile '50%'"):
        converted(nn.Sequential(nn.ReLU()), np.array([[0.0, 0.0, 1.0]], np.float32), mode="50%")


def test_weights_that_are_not_finite():
    ann = mlp()
    ann[2].weight.copy_(np.full((8, 16), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        converted(ann, floats(10, 6))


def test_what_is_no_network():
    with pytest.raises(TypeError, match="no network"):
        Converter(data=floats(3, 6)).convert()
    with pytest.raises(TypeError, match="expected a network"):
        Converter(lambda x: x, data=floats(3, 6))
    with pytest.raises(ValueError, match=r"no nn\.ReLU"):
        converted(nn.Sequential(nn.Linear(6, 3)), floats(3, 6))
    with pytest.raises(ValueError, match="no running statistics"):
        converted(nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False), nn.ReLU()), floats(3, 6))


class Square(nn.Module):
    """An activation of the user's own."""

    def forward(self, x):
        return F.square(F.relu(x))


class Ramp(nn.Module):
    def forward(self, x):
        return F.clip(x, 0.0, 1.0)


def test_rules_for_activations_of_the_users_own():
    x = floats(10, 6)
    ann = nn.Sequential(nn.Linear(6, 8), Ramp(), nn.Linear(8, 2))
    with pytest.raises(ValueError, match="clip|hardtanh|maximum|minimum"):
        converted(ann, x)
    snn = converted(ann, x, rules={Ramp: "relu"}, half_threshold=True)
    np.testing.assert_allclose(snn.simulate(x, 300).numpy(), evaluated(ann, x), atol=0.02)

    made = []

    def spiking(module, scale):
        made.append((type(module), scale))
        return nn.Sequential(nn.VoltageScaler(1.0 / scale), nn.IFNode(v_reset=None), nn.VoltageScaler(scale))

    other = converted(ann, x, rules={Ramp: spiking})
    assert made == [(Ramp, pytest.approx(other.report.layers[0].scale))]
    np.testing.assert_allclose(other.simulate(x, 300).numpy(), evaluated(ann, x), atol=0.02)
    with pytest.raises(TypeError, match="returned int"):
        converted(ann, x, rules={Ramp: lambda *_: 3})
    with pytest.raises(TypeError, match="rules maps classes"):
        converted(ann, x, rules={Ramp: "tanh"})


class Steps(nn.Module):
    """An activation of the user's own whose output is a half or one, and no spikes of one value."""

    def __init__(self):
        self.step_mode = "s"
        self.reset()

    def reset(self):
        self.v = 0.0

    def forward(self, x):
        if self.step_mode == "m":
            return F.stack([self.one(step) for step in x])
        return self.one(x)

    def one(self, x):
        v = self.v + x
        out = 0.5 * F.greater(v, 0.5) + 0.5 * F.greater(v, 1.0)
        self.v = v - out
        return out


def test_max_pools_behind_a_rule_take_any_values():
    x = floats(20, 1, 6, 6)
    ann = nn.Sequential(nn.Conv2d(1, 3, 3), Ramp(), nn.MaxPool2d(2))
    snn = converted(ann, x, rules={Ramp: lambda *_: Steps()})
    np.testing.assert_allclose(snn.simulate(x, 200).numpy(), evaluated(ann, x), atol=0.01)


def test_gradients_reach_the_weights_of_a_converted_network():
    snn = converted(cnn(), floats(10, 2, 8, 8), half_threshold=True)
    F.set_step_mode(snn, "m")
    F.cross_entropy(snn(floats(6, 4, 2, 8, 8)).mean(axis=0), np.array([0, 1, 2, 0])).backward()
    for name, p in snn.named_parameters():
        assert np.abs(p.grad.numpy()).max() > 0.0, name


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda snn: pickle.loads(pickle.dumps(snn))])
def test_copies(twin):
    x = floats(3, 1, 6, 6)
    snn = converted(ResNet(), x, channel_wise=True)
    np.testing.assert_allclose(twin(snn).simulate(x, 9).numpy(), snn.simulate(x, 9).numpy(), atol=1e-6)


def test_saved_and_loaded(tmp_path):
    x = floats(8, 2, 8, 8)
    snn, other = converted(cnn(), x), converted(cnn(), floats(8, 2, 8, 8))
    grillyx.save(snn.state_dict(), tmp_path / "snn.safetensors")
    other.load_state_dict(grillyx.load(tmp_path / "snn.safetensors"))
    np.testing.assert_allclose(other.simulate(x, 9).numpy(), snn.simulate(x, 9).numpy(), atol=1e-6)


def test_a_forward_that_calls_other_layers_for_another_batch():
    class Moody(nn.Module):
        def __init__(self):
            self.a, self.relu, self.b = nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6)

        def forward(self, x):
            y = self.relu(self.a(x))
            return self.b(y) if x.shape[0] == 4 else y

    with pytest.raises(ValueError, match="other layers for another batch"):
        converted(Moody(), [floats(4, 6), floats(3, 6)])


def test_spiking_max_pool_is_the_maximum_of_the_means():
    for options in (
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3), "stride": 1},
    ):
        scale = floats(1, 3, 1, 1, low=0.5, high=2.0)
        spikes = (RNG.random((12, 2, 3, 7, 6)) < floats(2, 3, 7, 6)).astype(np.float32) * scale
        pool = SpikingMaxPool2d(**options, spikes=True)
        out = np.stack([pool(step).numpy() for step in spikes])
        expected = nn.MaxPool2d(**options)(spikes.sum(axis=0)).numpy()
        np.testing.assert_allclose(out.sum(axis=0), expected, rtol=1e-5)
        assert np.isin(out / scale, (0.0, 1.0)).all()  # spikes stay spikes
        F.reset_net(pool)
        pool.steps = 12  # the whole sequence at once
        at_once = pool(spikes.reshape(24, 3, 7, 6)).numpy().reshape(out.shape)
        np.testing.assert_allclose(at_once, out, rtol=1e-6)
        numbers = SpikingMaxPool2d(**options)
        x = RNG.normal(size=(9, 2, 3, 7, 6)).astype(np.float32)
        total = sum(numbers(step).numpy() for step in x)
        best = nn.MaxPool2d(**options)(x.sum(axis=0)).numpy()
        np.testing.assert_allclose(total, best, atol=1e-4)


def test_spiking_max_pool_wants_a_reset_between_batches_of_other_shapes():
    pool = SpikingMaxPool2d(2)
    pool(floats(2, 1, 4, 4))
    with pytest.raises(ValueError, match="reset_net"):
        pool(floats(3, 1, 4, 4))
    F.reset_net(pool)
    assert pool(floats(3, 1, 4, 4)).shape == (3, 1, 2, 2)


def test_spiking_max_pool_has_no_products_to_pay_for():
    """Its sums over time may be computed by one, but cost what those of single steps do."""
    pool = SpikingMaxPool2d(2, spikes=True)
    pool.steps = 3
    with nn.EnergyMonitor(pool) as energy:
        pool((floats(6, 2, 4, 4) > 0.5).astype(np.float32))
    assert (energy.macs, energy.synaptic_operations, energy.dense_macs) == (0, 0, 0)
    assert energy.elements["max_pool2d"] > 0
