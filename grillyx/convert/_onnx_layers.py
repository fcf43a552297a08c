"""Nodes of ONNX that are layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import nn
from grillyx.convert._onnx_call import Call


def _padding(call: Call, kernel: tuple[int, ...], stride: list[int], dilation: list[int]) -> list[int]:
    """Return what is added on both sides of each axis."""
    n, way = len(kernel), call.attribute("auto_pad", "NOTSET")
    pads = list(call.attribute("pads") or [0] * 2 * n)
    if way == "VALID":
        pads = [0] * 2 * n
    elif way in ("SAME_UPPER", "SAME_LOWER"):
        sizes = (call.shape() or ())[2:]
        if len(sizes) != n or (None in sizes and set(stride) != {1}):
            call.refuse(f"auto_pad={way} needs a size that is known, or a stride of 1.")
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        whole = [
            span if s == 1 else max((-(-size // s) - 1) * s + span + 1 - size, 0)  # type: ignore[operator]
            for size, s, span in zip(sizes, stride, spans, strict=True)
        ]
        less, more = [p // 2 for p in whole], [-(-p // 2) for p in whole]
        pads = less + more if way == "SAME_UPPER" else more + less
    elif way != "NOTSET":
        call.refuse(f"auto_pad={way!r} is not supported.")
    if pads[:n] != pads[n:] or min(pads) < 0:
        call.refuse(
            f"pads={pads} differ from side to side, or cut; expected the same on both sides. Export it with such."
        )
    return pads[:n]


def _windows(call: Call, kernel: tuple[int, ...]) -> dict[str, Any]:
    n = len(kernel)
    stride, dilation = list(call.attribute("strides") or [1] * n), list(call.attribute("dilations") or [1] * n)
    padding = _padding(call, kernel, stride, dilation)
    return {"stride": tuple(stride), "padding": tuple(padding), "dilation": tuple(dilation)}


def _biased(call: Call, layer: Any, weight: nn.Parameter, bias: nn.Parameter | None) -> nn.Module:
    layer.weight = weight
    if bias is not None:
        if bias.shape != layer.bias.shape:
            call.refuse(f"its bias has the wrong shape, got {bias.shape}; expected {layer.bias.shape}.")
        layer.bias = bias
    return layer


def _convolution(call: Call) -> str:
    weight, bias = call.parameter(1), call.parameter(2) if call.has(2) else None
    transposed, kernel = call.node.op_type == "ConvTranspose", tuple(weight.shape[2:])
    if len(kernel) not in ((2,) if transposed else (1, 2)):
        call.refuse(f"a weight of shape {weight.shape} is not supported; expected one for images.")
    options, groups = _windows(call, kernel), int(call.attribute("group", 1))
    if transposed:
        if call.attribute("output_shape") is not None or call.attribute("auto_pad", "NOTSET") not in (
            "NOTSET",
            "VALID",
        ):
            call.refuse("output_shape and auto_pad are not supported; expected pads and output_padding.")
        more = tuple(call.attribute("output_padding") or (0, 0))
        layer: nn.Module = nn.ConvTranspose2d(
            weight.shape[0], weight.shape[1] * groups, kernel, **options, output_padding=more, groups=groups,
            bias=bias is not None,
        )  # fmt: skip
    else:
        make = nn.Conv2d if len(kernel) == 2 else nn.Conv1d
        layer = make(weight.shape[1] * groups, weight.shape[0], kernel, **options, groups=groups, bias=bias is not None)
    return call.layer(_biased(call, layer, weight, bias), 1)


def _linear(call: Call, weight: nn.Parameter, bias: nn.Parameter | None) -> str:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    return call.layer(_biased(call, layer, weight, bias), 1)


def _gemm(call: Call) -> str:
    call.only(transA=0)
    call.tensor(0)
    alpha, beta = float(call.attribute("alpha", 1.0)), float(call.attribute("beta", 1.0))
    turned = not call.attribute("transB", 0)
    weight = call.parameter(
        1, f"{alpha} {turned}", lambda w: np.ascontiguousarray(w.T if turned else w) * np.float32(alpha)
    )
    size = weight.shape[0]
    if not call.has(2):
        return _linear(call, weight, None)
    if call.constant(2).size not in (1, size) or call.constant(2).ndim > 2:
        call.refuse(f"its input C of shape {call.constant(2).shape} is no bias; expected ({size},).")
    bias = call.parameter(2, f"{beta} {size}", lambda b: np.broadcast_to(b.reshape(-1), (size,)) * np.float32(beta))
    return _linear(call, weight, bias)


def _matmul(call: Call) -> str:
    call.tensor(0)
    if call.constant(1).ndim != 2:
        call.refuse(f"its second input has the shape {call.constant(1).shape}; expected (in_features, out_features).")
    weight = call.parameter(1, "turned", lambda w: np.ascontiguousarray(w.T))
    follower = _bias_behind(call, weight.shape[0])
    if follower is None:
        return _linear(call, weight, None)
    at, add, k = follower
    bias = Call(call.reader, add, call.name, at).parameter(k, "flat", lambda b: b.reshape(-1))
    call.reader.done.add(at)
    out = _linear(call, weight, bias)
    call.reader.values[add.output[0]] = out
    return out


def _bias_behind(call: Call, size: int) -> tuple[int, Any, int] | None:
    """Return the `Add` of a bias that alone reads the product: its place, the node, and which input the bias is."""
    name = call.node.output[0]
    if call.reader.readers.get(name) != 1:
        return None
    for at, node in enumerate(call.reader.nodes):
        if name in node.input and node.op_type == "Add":
            k = 1 - list(node.input).index(name)
            weights = call.reader.weights.get(node.input[k])
            if weights is not None and weights.dims[-1:] == [size] and np.prod(weights.dims) == size:
                return at, node, k
    return None


def _batch_norm(call: Call) -> str:
    call.only(training_mode=0, is_test=1, spatial=1)
    weight = call.parameter(1)
    make = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}.get(call.rank())
    if make is None:
        call.refuse(f"an input of {call.rank()} axes is not supported; expected 2 to 4.")
    momentum = 1.0 - float(call.attribute("momentum", 0.9))
    layer = make(weight.shape[0], float(call.attribute("epsilon", 1e-5)), momentum)
    layer.running_mean, layer.running_var = nn.Buffer(call.constant(3)), nn.Buffer(call.constant(4))
    return call.layer(_biased(call, layer, weight, call.parameter(2)), 1)


def _layer_norm(call: Call) -> str:
    weight = call.parameter(1)
    if int(call.attribute("axis", -1)) % call.rank() != call.rank() - weight.ndim or call.rank() == weight.ndim:
        call.refuse(f"axis={call.attribute('axis', -1)} and a scale of shape {weight.shape} do not fit.")
    layer = nn.LayerNorm(weight.shape, float(call.attribute("epsilon", 1e-5)), bias=call.has(2))
    return call.layer(_biased(call, layer, weight, call.parameter(2) if call.has(2) else None), 1)


def _pool(call: Call) -> str:
    kernel = tuple(call.attribute("kernel_shape") or ())
    if len(kernel) != 2:
        call.refuse(f"a kernel_shape of {kernel} is not supported; expected height and width.")
    options = _windows(call, kernel) | {"ceil_mode": bool(call.attribute("ceil_mode", 0))}
    if call.node.op_type == "MaxPool":
        call.only(storage_order=0)
        return call.layer(nn.MaxPool2d(kernel, **options))
    if set(options.pop("dilation")) != {1}:
        call.refuse("dilations are not supported; expected 1.")
    return call.layer(nn.AvgPool2d(kernel, **options, count_include_pad=bool(call.attribute("count_include_pad", 0))))


def _global_pool(call: Call) -> str:
    if call.rank() != 4:
        call.refuse(f"an input of {call.rank()} axes is not supported; expected images, (N, C, H, W).")
    return call.layer(nn.AdaptiveAvgPool2d(1))


def _clip(call: Call) -> str:
    low, high = call.either("min", 1), call.either("max", 2)
    low, high = (None if v is None or abs(v) > 3e38 else float(v) for v in (low, high))
    if low == 0.0 and high is None:
        return call.layer(nn.ReLU())
    if low is None or high is None or low >= high:
        call.refuse(f"min={low} and max={high} are not supported; expected both, or min=0.")
    return call.layer(nn.ReLU6() if (low, high) == (0.0, 6.0) else nn.Hardtanh(low, high))


def _softmax(call: Call) -> str:
    make = nn.Softmax if call.node.op_type == "Softmax" else nn.LogSoftmax
    axis = int(call.attribute("axis", -1 if call.reader.opset >= 13 else 1))
    rank = len(call.shape() or ()) or None
    if rank is not None:
        axis %= rank
    if axis == 0 or (call.reader.opset < 13 and axis not in (-1, (rank or 0) - 1)):
        call.refuse(f"axis={axis} of {rank} axes is not supported; expected the last, or from opset 13 on any but 0.")
    return call.layer(make(axis))


def _dropout(call: Call) -> str:
    if call.has(2) and bool(call.constant(2)):
        call.refuse("training_mode is on; export the model in evaluation mode.")
    return call.layer(nn.Dropout(float(call.either("ratio", 1, 0.5))))


def _gelu(call: Call) -> str:
    return call.layer(nn.GELU(call.attribute("approximate", "none")))


def _activation(make: Callable[[Call], nn.Module]) -> Callable[[Call], str]:
    return lambda call: call.layer(make(call))


LAYERS: dict[str, Callable[[Call], Any]] = {
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Dropout": _dropout,
    "Elu": _activation(lambda call: nn.ELU(call.attribute("alpha", 1.0))),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _activation(lambda call: nn.LeakyReLU(call.attribute("alpha", 0.01))),
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Relu": _activation(lambda call: nn.ReLU()),
    "Sigmoid": _activation(lambda call: nn.Sigmoid()),
    "Softmax": _softmax,
    "Softplus": _activation(lambda call: nn.Softplus()),
    "Tanh": _activation(lambda call: nn.Tanh()),
}
