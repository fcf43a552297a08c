"""ONNX files: those that torch wrote, and small ones made here."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grillyx import nn
from grillyx.convert import from_onnx

DATA = Path(__file__).parent.parent / "data"
RNG = np.random.default_rng(0)


def values(*shape) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def model(nodes, weights=(), shape=("n", 3, 6, 6), opset=17, outputs=("y",), **options):
    """A model from x to y; weights are pairs of name and array."""
    graph = helper.make_graph(
        nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in dict(weights).items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **options)


def node(kind, *inputs, output="y", name="", **attributes):
    return helper.make_node(kind, list(inputs), [output], name=name, **attributes)


@pytest.mark.parametrize("name", ["mlp", "view", "residual"])
def test_files_of_torch(name):
    net = from_onnx(DATA / f"{name}.onnx")
    with np.load(DATA / "onnx.npz") as arrays:
        x, y = arrays[f"{name}.x"], arrays[f"{name}.y"]
    np.testing.assert_allclose(net(x), y, 1e-5, 1e-5)
    np.testing.assert_allclose(net(x[:1]), y[:1], 1e-5, 1e-5)


def test_names():
    net = from_onnx(str(DATA / "mlp.onnx"))
    assert list(net.state_dict()) == ["1.weight", "1.bias", "4.weight", "4.bias"]
    net = from_onnx((DATA / "residual.onnx").read_bytes())
    assert {"conv1.weight", "layer1.1.downsample.0.weight", "fc.bias"} < set(net.state_dict())
    nodes = [node("Relu", "x", output="a", name="/block/act-1/Relu"), node("Relu", "a", name="2.relu")]
    net = from_onnx(model(nodes))
    assert [name for name, _ in net.named_children()] == ["block_act_1_Relu", "_2_relu"]


def test_what_was_imported_learns():
    net = from_onnx(DATA / "residual.onnx")
    with np.load(DATA / "onnx.npz") as arrays:
        (net(arrays["residual.x"]) ** 2).sum().backward()
    assert all(np.abs(p.grad).max() > 0 for p in net.parameters())


def softplus(x):
    return np.log1p(np.exp(x))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def windows(x, k, s, p, fill):
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (p, p), (p, p)), constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::s, ::s]


ONE = np.ones((), np.float32)
C = values(3, 1, 1)
NODES = [
    ([node("Relu", "x")], {}, lambda x: np.maximum(x, 0), "ReLU"),
    ([node("LeakyRelu", "x")], {}, lambda x: np.where(x > 0, x, 0.01 * x), "LeakyReLU"),
    ([node("Elu", "x", alpha=0.5)], {}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)), "ELU"),
    ([node("Softplus", "x")], {}, softplus, "Softplus"),
    ([node("Sigmoid", "x")], {}, lambda x: 1 / (1 + np.exp(-x)), "Sigmoid"),
    ([node("Tanh", "x")], {}, np.tanh, "Tanh"),
    ([node("Softmax", "x", axis=1)], {}, lambda x: softmax(x, 1), "Softmax"),
    ([node("Softmax", "x")], {}, lambda x: softmax(x, -1), "Softmax"),
    ([node("LogSoftmax", "x", axis=-3)], {}, lambda x: np.log(softmax(x, 1)), "LogSoftmax"),
    ([node("Clip", "x", "a", "b")], {"a": 0 * ONE, "b": 6 * ONE}, lambda x: np.clip(x, 0, 6), "ReLU6"),
    ([node("Clip", "x", "a", "b")], {"a": -ONE, "b": ONE}, lambda x: np.clip(x, -1, 1), "Hardtanh"),
    ([node("Clip", "x", "a")], {"a": 0 * ONE}, lambda x: np.maximum(x, 0), "ReLU"),
    ([node("MaxPool", "x", kernel_shape=[2, 2])], {}, lambda x: windows(x, 2, 1, 0, 0).max((-2, -1)), "MaxPool2d"),
    ([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], {},
     lambda x: windows(x, 3, 2, 1, -np.inf).max((-2, -1)), "MaxPool2d"),
    ([node("MaxPool", "x", kernel_shape=[3, 3], auto_pad="SAME_LOWER")], {},
     lambda x: windows(x, 3, 1, 1, -np.inf).max((-2, -1)), "MaxPool2d"),
    ([node("AveragePool", "x", kernel_shape=[3, 3], strides=[3, 3], pads=[1, 1, 1, 1])], {},
     lambda x: windows(x, 3, 3, 1, 0).sum((-2, -1)) / windows(np.ones_like(x), 3, 3, 1, 0).sum((-2, -1)), "AvgPool2d"),
    ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)], {},
     lambda x: windows(x, 3, 1, 1, 0).mean((-2, -1)), "AvgPool2d"),
    ([node("GlobalAveragePool", "x")], {}, lambda x: x.mean((2, 3), keepdims=True), "AdaptiveAvgPool2d"),
    ([node("ReduceMean", "x", axes=[2, -1], keepdims=0)], {}, lambda x: x.mean((2, 3)), None),
    ([node("ReduceMean", "x", axes=[2, 3])], {}, lambda x: x.mean((2, 3), keepdims=True), None),
    ([node("ReduceSum", "x", "axes", keepdims=0)], {"axes": np.array([1])}, lambda x: x.sum(1), None),
    ([node("Add", "c", "x")], {"c": C}, lambda x: x + C, None),
    ([node("Sub", "c", "x")], {"c": C}, lambda x: C - x, None),
    ([node("Mul", "x", "c")], {"c": 2 * ONE}, lambda x: x * 2, None),
    ([node("Div", "x", "c")], {"c": np.exp(C)}, lambda x: x / np.exp(C), None),
    ([node("Mul", "x", "x")], {}, lambda x: x * x, None),
    ([node("Concat", "x", "x", axis=-3)], {}, lambda x: np.concatenate([x, x], 1), None),
    ([node("Flatten", "x")], {}, lambda x: x.reshape(len(x), -1), None),
    ([node("Flatten", "x", axis=-3)], {}, lambda x: x.reshape(len(x), -1), None),
    ([node("Reshape", "x", "s")], {"s": np.array([-1, 9, 12])}, lambda x: x.reshape(-1, 9, 12), None),
    ([node("Reshape", "x", "s")], {"s": np.array([0, 0, -1])}, lambda x: x.reshape(len(x), 3, -1), None),
    ([node("Transpose", "x", perm=[0, 2, 3, 1])], {}, lambda x: x.transpose(0, 2, 3, 1), None),
    ([node("Unsqueeze", "x", "a")], {"a": np.array([-1, 1])}, lambda x: x[:, None, ..., None], None),
    ([node("Identity", "x", output="i"), node("Dropout", "i")], {}, lambda x: x, "Dropout"),
    ([node("Constant", output="c", value_float=3.0), node("Add", "x", "c")], {}, lambda x: x + 3, None),
    ([node("Cast", "x", to=1, output="f"), node("Relu", "f")], {}, lambda x: np.maximum(x, 0), "ReLU"),
    ([node("Shape", "x", output="s"), node("Gather", "s", "zero", output="n"), node("Unsqueeze", "n", "axis", output="u"),
      node("Concat", "u", "rest", output="shape", axis=0), node("Reshape", "x", "shape")],
     {"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])}, lambda x: x.reshape(len(x), -1), None),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "weights", "reference", "layer"), NODES)
def test_nodes(nodes, weights, reference, layer):
    net = from_onnx(model(nodes, weights))
    for samples in (1, 4):
        x = values(samples, 3, 6, 6)
        np.testing.assert_allclose(net(x), reference(x), 1e-5, 1e-5)
    assert layer is None or [type(m).__name__ for m in net.children()] == [layer]
    assert not list(net.parameters())


def convolved(x, w, b, groups):
    x, out = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1))), []
    view = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::2, ::2]
    per, each = w.shape[1], w.shape[0] // groups
    for k in range(w.shape[0]):
        g = k // each
        out.append(np.einsum("nchwij,cij->nhw", view[:, g * per : (g + 1) * per], w[k]) + b[k])
    return np.stack(out, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_convolution_and_its_norm(dtype):
    w, b = values(4, 2, 3, 3).astype(dtype), values(4).astype(dtype)
    s, t, m, v = values(4), values(4), values(4), np.exp(values(4))
    nodes = [
        node("Conv", "x", "first.0.weight", "b", output="c", strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        node("BatchNormalization", "c", "first.1.weight", "t", "m", "v", epsilon=0.1, momentum=0.8),
    ]
    weights = {"first.0.weight": w, "b": b, "first.1.weight": s, "t": t, "m": m, "v": v}
    net = from_onnx(model(nodes, weights, ("n", 4, 6, 6)))
    assert net.pairs() == [("first.0", "first.1")]
    assert not any(part.training for part in net.modules())
    x = values(2, 4, 6, 6)
    c = convolved(x, w.astype(np.float32), b.astype(np.float32), 2)
    r = (lambda a: a.reshape(-1, 1, 1))  # fmt: skip
    np.testing.assert_allclose(net(x), (c - r(m)) / np.sqrt(r(v) + 0.1) * r(s) + r(t), 1e-4, 1e-5)
    assert net.get_submodule("first.1").momentum == pytest.approx(0.2)


W, B = values(5, 3), values(5)
LINEAR = [
    ([node("Gemm", "x", "w", "b", transB=1, alpha=2.0, beta=0.5)], {"w": W, "b": B}, lambda x: 2 * x @ W.T + 0.5 * B),
    ([node("Gemm", "x", "w")], {"w": W.T.copy()}, lambda x: x @ W.T),
    ([node("Gemm", "x", "w", "b")], {"w": W.T.copy(), "b": ONE}, lambda x: x @ W.T + 1),
    ([node("MatMul", "x", "w")], {"w": W.T.copy()}, lambda x: x @ W.T),
    ([node("MatMul", "x", "w", output="p"), node("Add", "b", "p")], {"w": W.T.copy(), "b": B}, lambda x: x @ W.T + B),
]


@pytest.mark.parametrize(("nodes", "weights", "reference"), LINEAR)
def test_linear_layers(nodes, weights, reference):
    net, x = from_onnx(model(nodes, weights, ("n", 3))), values(4, 3)
    np.testing.assert_allclose(net(x), reference(x), 1e-5, 1e-5)
    assert [type(m) for m in net.children()] == [nn.Linear]


def test_a_product_that_others_read_keeps_its_sum():
    nodes = [node("MatMul", "x", "w", output="p"), node("Add", "p", "b", output="s"), node("Mul", "p", "s")]
    x = values(4, 3)
    net = from_onnx(model(nodes, {"w": W.T.copy(), "b": B}, ("n", 3)))
    np.testing.assert_allclose(net(x), (x @ W.T) * (x @ W.T + B), 1e-5, 1e-5)


def test_weights_that_two_nodes_read_are_one():
    w = values(3, 3)
    nodes = [node("Gemm", "x", "w", output="a"), node("Gemm", "a", "w")]
    net, x = from_onnx(model(nodes, {"w": w}, ("n", 3))), values(2, 3)
    np.testing.assert_allclose(net(x), x @ w @ w, 1e-5, 1e-5)
    assert len(list(net.parameters())) == 1


def test_a_transposed_convolution():
    w = values(3, 2, 2, 2)
    net = from_onnx(model([node("ConvTranspose", "x", "w", strides=[2, 2])], {"w": w}))
    x = values(1, 3, 4, 4)
    want = np.einsum("nchw,cdij->ndhiwj", x, w).reshape(1, 2, 8, 8)
    np.testing.assert_allclose(net(x), want, 1e-5, 1e-5)


def test_several_outputs():
    net, x = (
        from_onnx(model([node("Relu", "x"), node("Tanh", "y", output="z")], outputs=("z", "y"))),
        values(2, 3, 6, 6),
    )
    first, second = net(x)
    np.testing.assert_allclose(first, np.tanh(np.maximum(x, 0)), 1e-5, 1e-6)
    np.testing.assert_allclose(second, np.maximum(x, 0))


def test_weights_in_a_file_beside(tmp_path):
    w = values(40, 3)
    onnx.save_model(
        model([node("Gemm", "x", "w", transB=1)], {"w": w}, ("n", 3)), tmp_path / "net.onnx", save_as_external_data=True,
        location="net.weights", size_threshold=0,
    )  # fmt: skip
    x = values(2, 3)
    np.testing.assert_allclose(from_onnx(tmp_path / "net.onnx")(x), x @ w.T, 1e-5, 1e-5)
    (tmp_path / "net.weights").unlink()
    with pytest.raises(ValueError, match=r"the weights beside .*net\.onnx' cannot be read"):
        from_onnx(tmp_path / "net.onnx")


def test_a_batch_size_that_the_file_fixes_is_open_here():
    net = from_onnx(model([node("Reshape", "x", "s")], {"s": np.array([1, 108])}, (1, 3, 6, 6)))
    assert net(values(5, 3, 6, 6)).shape == (5, 108)


K = values(4, 3, 3, 3)
REFUSED = [
    ({"nodes": [node("Erf", "x", name="odd")]}, r"node 'odd' \(Erf\): this operation is not supported; expected one of"),
    ({"nodes": [node("Relu", "x", domain="com.me")]}, r"\(Relu\): this operation of the domain 'com.me' is not supported"),
    ({"nodes": [node("Conv", "x", "k", pads=[0, 0, 1, 1])], "weights": {"k": K}}, r"pads=\[0, 0, 1, 1\] differ from side"),
    ({"nodes": [node("Conv", "x", "k", auto_pad="SAME_UPPER", strides=[2, 2])], "weights": {"k": K}}, "pads=.* differ"),
    ({"nodes": [node("Conv", "x", "x")]}, r"'Conv_0' \(Conv\): its input 'x' is computed; expected a constant"),
    ({"nodes": [node("Conv", "x", "k")], "weights": {"k": values(4, 3, 1, 1, 1)}}, "is not supported; expected one for images"),
    ({"nodes": [node("MatMul", "x", "x")]}, "its input 'x' is computed; expected a constant"),
    ({"nodes": [node("Gemm", "x", "k", transA=1)], "weights": {"k": W}}, "transA=1 is not supported; expected 0"),
    ({"nodes": [node("MaxPool", "x", kernel_shape=[3])]}, "a kernel_shape of .* expected height and width"),
    ({"nodes": [node("Clip", "x", "a")], "weights": {"a": ONE}}, "min=1.0 and max=None are not supported"),
    ({"nodes": [node("Div", "x", "x")]}, "a quotient of two tensors is nonlinear"),
    ({"nodes": [node("ReduceMean", "x")]}, "axes=None are not supported"),
    ({"nodes": [node("ReduceMean", "x", axes=[0])]}, r"axes=\[0\] are not supported; expected some other than 0"),
    ({"nodes": [node("Concat", "x", "x", axis=0)]}, r"axes=\[0\] are not supported"),
    ({"nodes": [node("Flatten", "x", axis=2)]}, "axis=2 is not supported; expected 1"),
    ({"nodes": [node("Reshape", "x", "s")], "weights": {"s": np.array([4, -1])}}, "whose first axis stays"),
    ({"nodes": [node("Reshape", "x", "s")], "weights": {"s": np.array([-1])}, "opset": 5}, "opset 5 is too old"),
    ({"nodes": [node("Transpose", "x")]}, "expected axis 0, which holds the samples, to stay first"),
    ({"nodes": [node("Softmax", "x", axis=0)]}, "axis=0 of 4 axes is not supported"),
    ({"nodes": [node("Softmax", "x")], "opset": 11}, "axis=1 of 4 axes is not supported; expected the last"),
    ({"nodes": [node("Cast", "x", to=7)]}, "a cast to INT64 is not supported"),
    ({"nodes": [node("Relu", "nothing", name="lost")]}, "node 'lost' .* it reads 'nothing', which no earlier node computes"),
    ({"nodes": [helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])], "outputs": ("y", "i")}, "second output, 'i'"),
    ({"nodes": [node("Gather", "x", "k", axis=1)], "weights": {"k": np.array(0)}}, "it picks elements of a tensor"),
    ({"nodes": [node("Constant", value_float=1.0)]}, "the output 'y' is computed from no input"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "message"), REFUSED)
def test_what_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        from_onnx(model(**made))


def test_files_that_are_none(tmp_path):
    content = (DATA / "mlp.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    for part in (content[: len(content) // 2], b"", b"not a model at all", content[:3]):
        path.write_bytes(part)
        with pytest.raises(ValueError, match=r"cut\.onnx' is truncated, or no ONNX file"):
            from_onnx(path)
    with pytest.raises(FileNotFoundError, match=r"no file '.*nowhere\.onnx'"):
        from_onnx(tmp_path / "nowhere.onnx")
    with pytest.raises(TypeError, match=r"expected a path, bytes or an onnx\.ModelProto, got int"):
        from_onnx(3)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'grillyx\[onnx\]'"):
        from_onnx(DATA / "mlp.onnx")
