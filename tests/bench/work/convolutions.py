"""Convolutions, forward and with both gradients, and training steps of small networks made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim
from tests.bench import peers
from tests.bench.work.row import Row, Work, done, floats, rng


def convolution(
    x: tuple[int, ...], channels: int, kernel: int, backward: bool, stride: int = 1, groups: int = 1
) -> Work:
    """x (N, C, *) with so many channels of the output, a square kernel, and the padding that keeps the size.

    Backward gives the gradients of x, weight and bias: twice the operations of forward.
    """
    axes = len(x) - 2
    options = {"stride": stride, "padding": kernel // 2, "groups": groups}
    arrays = floats(*x), floats(channels, x[1] // groups, *[kernel] * axes), floats(channels)
    out = [(n - 1) // stride + 1 for n in x[2:]]
    values = x[0] * channels * int(np.prod(out))
    operations = 2 * values * arrays[1].size // channels
    words = sum(a.size for a in arrays) + values
    work = Work(4 * words * (3 if backward else 1), operations * (3 if backward else 1))
    tensors = [Tensor(a, requires_grad=backward) for a in arrays]
    g = floats(x[0], channels, *out)
    given, ours = Tensor(g), F.conv1d if axes == 1 else F.conv2d

    def call() -> None:
        if not backward:
            with grillyx.no_grad():
                done(ours(*tensors, **options))
            return
        for t in tensors:
            t.grad = None
        ours(*tensors, **options).backward(given)
        done(*[t.grad for t in tensors])

    work.calls[peers.OURS] = call
    if peers.HAS_TORCH:
        work.calls["torch"] = _torch(arrays, g, backward, options)
    return work


def _torch(arrays: tuple, g: np.ndarray, backward: bool, options: dict[str, int]) -> Callable[[], Any]:
    import torch

    tensors = [torch.from_numpy(a.copy()).requires_grad_(backward) for a in arrays]
    given = torch.from_numpy(g)
    theirs: Any = torch.nn.functional.conv1d if g.ndim == 3 else torch.nn.functional.conv2d

    def call() -> None:
        if not backward:
            with torch.no_grad():
                theirs(*tensors, **options)
            return
        torch.autograd.grad(theirs(*tensors, **options), tensors, given)

    return call


def training(steps: int = 0, batch: int = 64) -> Work:
    """Two blocks of convolution, normalisation, ReLU or leaky neurons, and pooling, and a linear layer; AdamW.

    `steps`: of a spiking network, that sees the same images at each; its logits are the mean over time.
    """
    x, labels = rng.random((batch, 1, 28, 28), np.float32), rng.integers(0, 10, batch)
    if steps:
        x = np.broadcast_to(x, (steps, *x.shape)).copy()
        block = [
            [nn.SeqToANNContainer(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b)), nn.LIFNode(step_mode="m"),
             nn.SeqToANNContainer(nn.MaxPool2d(2))]
            for a, b in ((1, 32), (32, 64))
        ]  # fmt: skip
        last = [nn.SeqToANNContainer(nn.Flatten(), nn.Linear(3136, 10))]
    else:
        block = [
            [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
            for a, b in ((1, 32), (32, 64))
        ]
        last = [nn.Flatten(), nn.Linear(3136, 10)]
    model = nn.Sequential(*block[0], *block[1], *last)
    optimizer, loss_fn = optim.AdamW(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()

    def ours() -> float:
        F.reset_net(model)
        y = model(x)
        loss = loss_fn(y.mean(axis=0) if steps else y, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    rows = batch * max(steps, 1)
    # forward and the weight's gradient of all three, and the gradient of the input of the last two
    flops = 2 * rows * (2 * 784 * 32 * 9 + 3 * 196 * 64 * 32 * 9 + 3 * 3136 * 10)
    # of each block: the convolution's, the normalized and the activated output written and read, a quarter of it pooled;
    # the same backward
    words = 2 * rows * (784 * 32 + 196 * 64) * 6
    work = Work(4 * words, flops, {peers.OURS: ours})
    if peers.HAS_SPIKINGJELLY if steps else peers.HAS_TORCH:
        work.calls["SpikingJelly" if steps else "torch"] = _torch_training(x, labels, steps)
    return work


def _torch_training(x: np.ndarray, labels: np.ndarray, steps: int) -> Callable[[], float]:
    import torch
    from torch import nn as theirs

    reset: Callable[[Any], Any] = lambda model: None
    if steps:
        from spikingjelly.activation_based import functional, layer, neuron, surrogate

        def block(a: int, b: int) -> list[Any]:
            node = neuron.LIFNode(decay_input=False, surrogate_function=surrogate.ATan())
            return [layer.Conv2d(a, b, 3, padding=1), layer.BatchNorm2d(b), node, layer.MaxPool2d(2)]

        model = theirs.Sequential(*block(1, 32), *block(32, 64), layer.Flatten(), layer.Linear(3136, 10))
        functional.set_step_mode(model, "m")
        reset = functional.reset_net
    else:

        def block(a: int, b: int) -> list[Any]:
            return [theirs.Conv2d(a, b, 3, padding=1), theirs.BatchNorm2d(b), theirs.ReLU(), theirs.MaxPool2d(2)]

        model = theirs.Sequential(*block(1, 32), *block(32, 64), theirs.Flatten(), theirs.Linear(3136, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    t, y = torch.from_numpy(x), torch.from_numpy(labels)

    def call() -> float:
        reset(model)
        out = model(t)
        loss = torch.nn.functional.cross_entropy(out.mean(0) if steps else out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


_SHAPES: list[tuple[str, tuple[int, ...], int, int, dict[str, int]]] = [
    ("16 → 32, 28², 3 × 3, N 64", (64, 16, 28, 28), 32, 3, {}),
    ("1 → 16, 28², 3 × 3, N 64", (64, 1, 28, 28), 16, 3, {}),
    ("32 → 64, 14², 3 × 3, N 64", (64, 32, 14, 14), 64, 3, {}),
    ("32 → 64, 8², 3 × 3, N 128", (128, 32, 8, 8), 64, 3, {}),
    ("64 → 128, 28², 3 × 3 by 2, N 32", (32, 64, 28, 28), 128, 3, {"stride": 2}),
    ("128 → 128, 14², 1 × 1, N 32", (32, 128, 14, 14), 128, 1, {}),
    ("64 channels each, 28², 3 × 3, N 32", (32, 64, 28, 28), 64, 3, {"groups": 64}),
    ("64 → 64, 256, 5, N 32", (32, 64, 256), 64, 5, {}),
]

ROWS = [
    *[
        Row(f"conv {name}" + (", training" if backward else ""), partial(convolution, x, channels, kernel, backward, **options))
        for name, x, channels, kernel, options in _SHAPES
        for backward in (False, True)
    ],
    Row("CNN training step, 2 conv, 28², N 64", training),
    Row("convolutional SNN training step, T 4, N 64", partial(training, 4)),
]  # fmt: skip
