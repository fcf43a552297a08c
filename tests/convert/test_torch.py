"""Models of the real torch, where it is installed: outputs, names and refusals."""

import contextlib

import numpy as np
import pytest

from grillyx import nn, optim
from grillyx.convert import Converter, GraphModule, from_torch

torch = pytest.importorskip("torch")
tnn, tf = torch.nn, torch.nn.functional
FP = torch.float32


@pytest.fixture(autouse=True)
def torch_seeded():
    torch.manual_seed(0)


def lively(module):
    """Give norms statistics and weights that are not the first ones."""
    for part in module.modules():
        if getattr(part, "running_mean", None) is not None:
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 1.5)
        if "Norm" in type(part).__name__ and getattr(part, "weight", None) is not None:
            tnn.init.uniform_(part.weight, 0.5, 1.5)
    return module


def same_outputs(module, *shapes, inputs=None, rtol=1e-5):
    """Convert a module in evaluation mode, compare outputs for two batch sizes, and return the converted one."""
    lively(module).eval()
    modes = [m.training for m in module.modules()]
    attributes = sorted(vars(module))
    out = from_torch(module)
    assert [m.training for m in module.modules()] == modes
    assert sorted(vars(module)) == attributes
    given = inputs or [torch.randn(*shape) for shape in shapes]
    for xs in (given, [x[:1] for x in given]):
        with torch.no_grad():
            want = module(*(x.clone() for x in xs))
        got = out(*(x.numpy() for x in xs))
        for g, w in zip(*((v if isinstance(v, tuple) else (v,)) for v in (got, want)), strict=True):
            assert g.shape == tuple(w.shape)
            assert len(w) == 1 or float(w.std(0).max()) > 1e-3  # else nothing that samples go through would matter
            np.testing.assert_allclose(g, w.numpy(), rtol, 1e-5)
    return out


def conv(a, b, stride=1, size=3):
    return tnn.Conv2d(a, b, size, stride, size // 2, bias=False)


class BasicBlock(tnn.Module):
    """As in torchvision: one relu for two places, and a shortcut that may have weights."""

    def __init__(self, a, b, stride=1):
        super().__init__()
        self.conv1, self.bn1, self.relu = conv(a, b, stride), tnn.BatchNorm2d(b), tnn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv(b, b), tnn.BatchNorm2d(b)
        self.downsample = None
        if stride != 1 or a != b:
            self.downsample = tnn.Sequential(conv(a, b, stride, 1), tnn.BatchNorm2d(b))

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(tnn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu = conv(3, 8, 2), tnn.BatchNorm2d(8), tnn.ReLU(inplace=True)
        self.maxpool = tnn.MaxPool2d(3, 2, 1)
        self.layer1 = tnn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))
        self.layer2 = tnn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.avgpool, self.fc = tnn.AdaptiveAvgPool2d((1, 1)), tnn.Linear(16, 5)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1)
        return self.fc(x)


class Functional(tnn.Module):
    """Everything by functions, methods and operators."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = tnn.Conv2d(2, 4, 3, padding="same"), tnn.Linear(32, 6)
        self.scale, self.register = tnn.Parameter(torch.tensor([0.5, 2.0, -1.0, 1.5]).view(1, 4, 1, 1)), None
        self.register_buffer("shift", torch.randn(6))

    def forward(self, x, factor=2.0, extra=None):
        if extra is not None:
            x = x + extra
        x = tf.relu(self.conv(x)) * self.scale
        x = torch.cat([tf.max_pool2d(x, 2), tf.avg_pool2d(x, 2)], dim=1)
        x = torch.add(tf.adaptive_avg_pool2d(x, (2, 2)), 1.0) - 0.25
        y = x.view(x.size(0), -1)
        y = tf.dropout(y, 0.5, self.training)
        y = self.fc(y) / factor + self.shift
        y = torch.sigmoid(y) + y.tanh() + tf.leaky_relu(y, 0.2) + y.clamp(0, 6) + y.clamp(min=0)
        return tf.softmax(-y, dim=1), y.reshape(x.shape[0], 3, 2).permute(0, 2, 1).mean(-1), y.unsqueeze(1).squeeze(1)


def test_an_mlp():
    module = tnn.Sequential(
        tnn.Flatten(), tnn.Linear(12, 8), tnn.BatchNorm1d(8), tnn.ReLU(), tnn.Dropout(), tnn.Linear(8, 3, bias=False)
    )
    out = same_outputs(module, (5, 3, 4))
    assert type(out) is nn.Sequential
    assert list(out.state_dict()) == list(module.state_dict())


def test_a_convolutional_net_with_names():
    module = tnn.Sequential()
    for name, part in {
        "conv": conv(3, 4),
        "norm": tnn.BatchNorm2d(4),
        "act": tnn.GELU(),
        "pool": tnn.AvgPool2d(2),
    }.items():
        module.add_module(name, part)
    out = same_outputs(module, (2, 3, 6, 6))
    assert list(out.state_dict()) == list(module.state_dict())


def test_a_resnet():
    module = ResNet()
    out = same_outputs(module, (3, 3, 32, 32))
    assert isinstance(out, GraphModule)
    assert list(out.state_dict()) == list(module.state_dict())
    names = [name for name, part in out.named_modules() if isinstance(part, nn.ReLU)]
    assert len(names) == 9  # one for each call
    assert {"relu", "layer1.0.relu", "layer1.0.relu_1", "layer2.1.relu_1"} < set(names)
    assert len(out.pairs()) == 10
    assert ("layer2.0.downsample.0", "layer2.0.downsample.1") in out.pairs()
    out.load_state_dict(module.state_dict())


def test_functions_methods_and_operators():
    out = same_outputs(Functional(), (3, 2, 8, 8))
    kinds = sorted(type(m).__name__ for _, m in out.named_modules())
    for kind in ("ReLU", "Sigmoid", "Tanh", "LeakyReLU", "Hardtanh", "Softmax", "MaxPool2d", "AvgPool2d", "Dropout"):
        assert kind in kinds
    assert isinstance(out.scale, nn.Parameter)
    assert isinstance(out.shift, nn.Buffer)


LEAVES = [
    (tnn.Conv1d(4, 6, 3, 2, 1, groups=2), (2, 4, 9)),
    (tnn.Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), bias=False), (2, 2, 8, 7)),
    (tnn.Conv2d(2, 4, 4, padding="same"), (2, 2, 8, 7)),
    (tnn.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2, dilation=2), (2, 4, 5, 6)),
    (tnn.BatchNorm1d(4, eps=0.1), (3, 4)),
    (tnn.BatchNorm2d(4, affine=False), (3, 4, 2, 2)),
    (tnn.BatchNorm1d(4, track_running_stats=False, momentum=None), None),
    (tnn.LayerNorm((3, 4), eps=0.1), (2, 3, 4)),
    (tnn.LayerNorm(4, bias=False), (2, 3, 4)),
    (tnn.LayerNorm(4, elementwise_affine=False), (2, 3, 4)),
    (tnn.GroupNorm(2, 4, affine=False), (2, 4, 5)),
    (tnn.RMSNorm(4, eps=0.1), (2, 3, 4)),
    (tnn.ELU(0.5), (2, 5)), (tnn.GELU("tanh"), (2, 5)), (tnn.Hardtanh(-0.5, 0.25), (2, 5)), (tnn.LeakyReLU(0.3), (2, 5)),
    (tnn.ReLU6(), (2, 5)), (tnn.SiLU(), (2, 5)), (tnn.Sigmoid(), (2, 5)), (tnn.Softplus(2.0, 1.0), (2, 5)),
    (tnn.Tanh(), (2, 5)), (tnn.Softmax(1), (2, 3, 5)), (tnn.LogSoftmax(-1), (2, 5)), (tnn.Identity(), (2, 5)),
    (tnn.Dropout(0.3), (2, 5)), (tnn.Dropout2d(0.3), (2, 3, 4, 4)), (tnn.Flatten(2), (2, 3, 4, 4)),
    (tnn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 7, 8)), (tnn.MaxPool2d(2, dilation=2), (2, 3, 7, 8)),
    (tnn.AvgPool2d((3, 2), 2, (1, 1), True, False), (2, 3, 7, 8)), (tnn.AvgPool2d(2, divisor_override=3), (2, 3, 7, 8)),
    (tnn.AdaptiveAvgPool2d((None, 2)), (2, 3, 7, 8)), (tnn.Upsample(scale_factor=2), (2, 3, 4, 4)),
    (tnn.Upsample((5, 6), mode="bilinear", align_corners=True), (2, 3, 4, 4)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@pytest.mark.parametrize(("module", "shape"), LEAVES, ids=lambda v: str(v)[:40] if isinstance(v, tnn.Module) else "")
def test_layers(module, shape):
    if shape is None:  # the statistics of the batch, whatever it is
        x = torch.randn(5, 4)
        np.testing.assert_allclose(from_torch(module)(x.numpy()), module(x).detach(), 1e-5, 1e-6)
        return
    out = same_outputs(module, shape)
    assert type(out).__name__ == type(module).__name__
    assert list(out.state_dict()) == list(module.state_dict())


def test_an_embedding():
    module = tnn.Sequential(tnn.Embedding(7, 3, padding_idx=2), tnn.Linear(3, 2))
    same_outputs(module, inputs=[torch.tensor([[1, 2, 6], [0, 3, 2]])])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_widths(dtype):
    module = tnn.Linear(4, 3).to(dtype)
    out = from_torch(module)
    np.testing.assert_array_equal(out.weight, module.weight.detach().to(FP).numpy())


def test_training_is_taken_over():
    module = ResNet().train()
    module.layer1.eval()
    module.fc.weight.requires_grad_(False)
    out = from_torch(module)
    want = {name: part.training for name, part in module.named_modules() if not isinstance(part, BasicBlock)}
    got = {name: part.training for name, part in out.named_modules()}
    assert all(
        got[name] == mode for name, mode in want.items() if (name and not name.startswith("layer")) or "bn" in name
    )
    assert not out.fc.weight.requires_grad
    assert out.fc.bias.requires_grad
    optimizer, loss = optim.SGD(out.parameters(), lr=0.1), nn.CrossEntropyLoss()
    x, y = np.random.default_rng(0).standard_normal((8, 3, 32, 32)).astype(np.float32), np.arange(8) % 5
    first = loss(out(x), y)
    first.backward()
    optimizer.step()
    assert float(loss(out(x), y)) < float(first)


def test_gradients_are_torchs():
    module, x = ResNet(), torch.randn(6, 3, 32, 32)
    out = from_torch(module.train())
    torch.manual_seed(1)
    g = torch.randn(6, 5)
    module(x).backward(g)
    (out(x.numpy()) * g.numpy()).sum().backward()
    for (name, ours), theirs in zip(out.named_parameters(), module.parameters(), strict=True):
        scale = float(theirs.grad.abs().max())
        np.testing.assert_allclose(ours.grad, theirs.grad, 1e-3, 1e-4 * max(scale, 1.0), err_msg=name)
    for name, value in module.named_buffers():
        np.testing.assert_allclose(out.state_dict()[name], value, 1e-4, 1e-5, err_msg=name)


class Tied(tnn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.act = tnn.Linear(4, 4), tnn.Linear(4, 4), tnn.ReLU()
        self.two.weight = self.one.weight
        self.more = tnn.ModuleList([tnn.Linear(4, 4), self.one])

    def forward(self, x):
        for layer in self.more:
            x = self.act(layer(x))
        return self.two(self.one(x))


def test_what_is_shared_stays_shared():
    module = Tied()
    out = same_outputs(module, (3, 4))
    assert out.two.weight is out.one.weight
    assert len(list(out.parameters())) == len(list(module.parameters()))
    assert sum(isinstance(m, nn.ReLU) for m in out.modules()) == 2


class Own(tnn.Linear):
    """A layer with a forward of its own that calls the function."""

    def forward(self, x):
        return tf.linear(x, self.weight, self.bias) * 2


class Subclass(tnn.Conv2d):
    """A layer that only makes itself."""

    def __init__(self):
        super().__init__(2, 3, 3, padding=1)


def test_subclasses():
    out = same_outputs(tnn.Sequential(Subclass(), tnn.Flatten(), Own(48, 3)), (2, 2, 4, 4))
    assert set(out.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


class InPlace(tnn.Module):
    def __init__(self, body):
        super().__init__()
        self.act, self.body = tnn.ReLU(inplace=True), body

    def forward(self, x):
        return self.body(self, x + 0.0)


def changed(self, x):
    kept = x
    self.act(x)
    return kept + x


def added(self, x):
    kept = x
    x += 1.0
    x *= kept
    return kept - 0.5


def method(self, x):
    y = x.add_(1.0).relu_()
    return x + 2 * y


def through_a_view(self, x):
    y = x.flatten(1)
    tf.relu_(y)
    return y + x.flatten(1)


@pytest.mark.parametrize("body", [changed, added, method])
def test_changes_in_place(body):
    same_outputs(InPlace(body), (3, 4))


def test_changes_through_a_view_are_refused():
    with pytest.raises(ValueError, match="changes a tensor in place, and add, which shares its memory, is read later"):
        from_torch(InPlace(through_a_view))


def function(body):
    class Model(tnn.Module):
        def __init__(self):
            super().__init__()
            self.fc = tnn.Linear(4, 4)

        def forward(self, x):
            return body(self.fc(x))

    return tnn.Sequential(Model())


WHERE = r"from_torch: 0 \(Model\)"
REFUSED = [
    (lambda x: torch.max(x, dim=1)[0], WHERE + ": max: this operation"),
    (lambda x: x.mean(0), WHERE + ": mean: expected axes other than 0"),
    (lambda x: x.mean(), WHERE + ": mean: expected axes other than 0"),
    (lambda x: torch.flatten(x), WHERE + ": flatten: expected axes other than 0"),
    (lambda x: x.view(4, -1), WHERE + ": view: the first axis must stay"),
    (lambda x: x.view(x.size(1), -1), WHERE + ": view: the first axis must stay"),
    (lambda x: x.view(x.size(0), x.size(1) // 2, 2), WHERE + ": floordiv: this operation"),
    (lambda x: torch.cat([x, x]), WHERE + ": cat: expected axes other than 0"),
    (lambda x: x.t(), WHERE + ": t: this operation"),
    (lambda x: x / x, WHERE + ": truediv: a quotient of two tensors"),
    (lambda x: x @ x, WHERE + ": matmul: this operation"),
    (lambda x: x[:, :2], WHERE + ": getitem: this operation"),
    (lambda x: torch.add(x, x, alpha=2), WHERE + ": add: expected no arguments behind the two operands"),
    (lambda x: x.add(x, alpha=2), WHERE + ": add: expected no arguments"),
    (lambda x: tf.dropout(x, 0.5), WHERE + ": dropout: training=True.*evaluation mode too"),
    (lambda x: tf.softmax(x, dim=0), WHERE + ": softmax: dim=0 is not possible"),
    (lambda x: tf.softmax(x, 1, dtype=torch.float64), WHERE + ": softmax: dtype=torch.float64 is not possible"),
    (lambda x: x.clamp(max=1), WHERE + ": clamp: expected numbers min and max"),
    (lambda x: x.sum(1, dtype=torch.float64), WHERE + ": sum: expected no dtype"),
    (lambda x: x if x.sum() > 0 else -x, r"from_torch: the model \(Sequential\): torch.fx cannot trace its forward \(TraceError"),
    (lambda x: {"out": x}, r"expected a tensor, got \{'out'"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_operations_that_are_refused(body, message):
    with pytest.raises(ValueError, match=message):
        from_torch(function(body))


def hooked():
    layer = tnn.Linear(2, 2)
    layer.register_forward_hook(lambda *_: None)
    return layer


def weight_normed():
    with contextlib.suppress(AttributeError):
        return torch.nn.utils.parametrizations.weight_norm(tnn.Linear(2, 2))
    pytest.skip("this torch has no parametrizations.weight_norm")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: tnn.MultiheadAttention(4, 2),
            r"1 \(MultiheadAttention\): this layer is not supported; expected one of",
        ),
        (lambda: tnn.LSTM(4, 2), r"1 \(LSTM\): this layer is not supported"),
        (lambda: tnn.LazyLinear(3), r"1 \(LazyLinear\): this layer is not supported"),
        (
            lambda: tnn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
            r"1 \(Conv2d\): padding_mode='reflect' is not",
        ),
        (lambda: tnn.MaxPool2d(2, return_indices=True), r"1 \(MaxPool2d\): return_indices=True is not possible here"),
        (lambda: tnn.Embedding(4, 2, max_norm=1.0), r"1 \(Embedding\): max_norm=1.0 is not possible"),
        (
            lambda: tnn.Upsample(scale_factor=2, mode="bicubic"),
            r"1 \(Upsample\): Upsample: unknown mode, got 'bicubic'",
        ),
        (
            lambda: tnn.Upsample(scale_factor=2, recompute_scale_factor=True),
            r"1 \(Upsample\): recompute_scale_factor=True",
        ),
        (lambda: tnn.Softmax(None), r"1 \(Softmax\): dim=None is not possible"),
        (lambda: tnn.Linear(3, 2, device="meta"), r"1\.weight: its values cannot be read"),
        (lambda: tnn.Linear(3, 2, dtype=torch.complex64), r"1\.weight: expected real numbers, got complex64"),
        (hooked, r"1 \(Linear\): it has hooks"),
        (weight_normed, r"1 \(ParametrizedLinear\): it has parametrizations"),
    ],
)
def test_layers_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        from_torch(tnn.Sequential(tnn.ReLU(), make()))


@pytest.mark.parametrize("other", [nn.Linear(2, 2), None, tnn.Linear, torch.zeros(2)])
def test_what_is_no_module(other):
    with pytest.raises(TypeError, match=r"expected a torch nn\.Module, got"):
        from_torch(other)


def test_a_resnet_becomes_spiking():
    module, x = lively(ResNet()).eval(), torch.randn(24, 3, 32, 32)
    with torch.no_grad():
        want = module(x).numpy()
    snn = Converter(from_torch(module), data=x.numpy(), progress=False).convert()
    assert not any("Norm" in type(m).__name__ for m in snn.modules())  # they are fused
    near, nearer = (np.abs(snn.simulate(x.numpy(), T=T).numpy() - want).mean() for T in (16, 256))
    assert nearer < 0.3 * near
