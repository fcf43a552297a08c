"""Whole training steps, with the upload of the batch and the loss that is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import grillyx.functional as F
from grillyx import nn, optim
from tests.bench import peers
from tests.bench.work.row import Array, Row, Work, rng
from tests.bench.work.spiking import numpy_lif, numpy_lif_backward

IN, OUT = 784, 10


def _products(rows: int, width: int) -> float:
    """Forward and the weights' gradients of both layers, and the second layer's gradient of its input."""
    return 2 * rows * (IN * width * 2 + width * OUT * 3)


def spiking(steps: int = 16, batch: int = 32, width: int = 256) -> Work:
    """784-width-10 leaky neurons, cross-entropy of the firing rates, AdamW."""
    x = (rng.random((steps, batch, IN)) < rng.random((batch, IN))).astype(np.float32)
    labels = rng.integers(0, OUT, batch)
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(IN, width)), nn.LIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(width, OUT)), nn.LIFNode(step_mode="m"),
    )  # fmt: skip
    optimizer, loss_fn = optim.AdamW(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()

    def ours() -> float:
        F.reset_net(model)
        loss = loss_fn(model(x).mean(axis=0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    rows, weights = steps * batch, [p.numpy() for p in model.parameters()]
    # per neuron and step 8 words: a current written and read, s and H written and read, a gradient written and read
    words = 2 * x.size + 8 * rows * (width + OUT) + 9 * sum(w.size for w in weights)
    work = Work(4 * words, _products(rows, width) + 25 * rows * (width + OUT), {peers.OURS: ours})
    work.calls["NumPy"] = lambda: numpy_spiking(x, labels, weights)
    if peers.HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly(x, labels, width)
    return work


def _loss_and_gradient(logits: Array, labels: Array) -> tuple[float, Array]:
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    picked = np.arange(len(labels)), labels
    loss = -np.log(p[picked]).mean()
    p[picked] -= 1
    return float(loss), p / np.float32(len(labels))


def numpy_spiking(x: Array, labels: Array, weights: list[Array]) -> float:
    """The same step, with Adam's arithmetic on parameters that stay as they are."""
    w1, b1, w2, b2 = weights
    steps, batch = x.shape[:2]
    s1, h1 = numpy_lif((x.reshape(-1, IN) @ w1.T + b1).reshape(steps, batch, -1), keep=True)
    s2, h2 = numpy_lif((s1.reshape(-1, len(w1)) @ w2.T + b2).reshape(steps, batch, -1), keep=True)
    loss, g = _loss_and_gradient(s2.mean(0), labels)
    assert h1 is not None
    assert h2 is not None
    g2 = numpy_lif_backward(np.broadcast_to(g / np.float32(steps), s2.shape), h2).reshape(-1, OUT)
    g1 = numpy_lif_backward((g2 @ w2).reshape(s1.shape), h1).reshape(-1, len(w1))
    for w, g in (
        (w1, g1.T @ x.reshape(-1, IN)),
        (b1, g1.sum(0)),
        (w2, g2.T @ s1.reshape(-1, len(w1))),
        (b2, g2.sum(0)),
    ):
        m, v = 0.1 * g, 0.001 * g * g
        _ = w * (1 - 1e-5) - 1e-3 * m / (np.sqrt(v) + 1e-8)
    return loss


def _spikingjelly(x: Array, labels: Array, width: int) -> Callable[[], float]:
    import torch
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def leaky() -> Any:
        return neuron.LIFNode(decay_input=False, surrogate_function=surrogate.ATan())

    model = torch.nn.Sequential(layer.Linear(IN, width), leaky(), layer.Linear(width, OUT), leaky())
    functional.set_step_mode(model, "m")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    t, y = torch.from_numpy(x), torch.from_numpy(labels)

    def call() -> float:
        functional.reset_net(model)
        loss = torch.nn.functional.cross_entropy(model(t).mean(0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def perceptron(batch: int = 512, width: int = 256) -> Work:
    """784-width-10 with ReLU, no time, plain SGD."""
    x, labels = rng.random((batch, IN), np.float32), rng.integers(0, OUT, batch)
    model = nn.Sequential(nn.Linear(IN, width), nn.ReLU(), nn.Linear(width, OUT))
    optimizer, loss_fn = optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()

    def ours() -> float:
        loss = loss_fn(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    weights = [p.numpy() for p in model.parameters()]
    # a hidden value is written and read, twice backward; a weight is read for forward and step, its gradient written and read
    words = 2 * x.size + 4 * batch * (width + OUT) + 5 * sum(w.size for w in weights)
    work = Work(4 * words, _products(batch, width), {peers.OURS: ours})
    work.calls["NumPy"] = lambda: _numpy_perceptron(x, labels, weights)
    if peers.HAS_TORCH:
        work.calls["torch"] = _torch_perceptron(x, labels, width)
    if peers.HAS_COMPUTEML:
        work.calls["computeml"] = _computeml_perceptron(x, labels, width)
    return work


def _numpy_perceptron(x: Array, labels: Array, weights: list[Array]) -> float:
    w1, b1, w2, b2 = weights
    h = np.maximum(x @ w1.T + b1, 0)
    loss, g2 = _loss_and_gradient(h @ w2.T + b2, labels)
    g1 = (g2 @ w2) * (h > 0)
    for w, g in ((w1, g1.T @ x), (b1, g1.sum(0)), (w2, g2.T @ h), (b2, g2.sum(0))):
        w -= np.float32(0.01) * g
    return loss


def _torch_perceptron(x: Array, labels: Array, width: int) -> Callable[[], float]:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(IN, width), torch.nn.ReLU(), torch.nn.Linear(width, OUT))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.01), torch.nn.CrossEntropyLoss()
    t, y = torch.from_numpy(x), torch.from_numpy(labels)

    def call() -> float:
        loss = loss_fn(model(t), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _computeml_perceptron(x: Array, labels: Array, width: int) -> Callable[[], float]:
    cml, context = peers.computeml()
    model = cml.nn.Sequential(
        cml.nn.Linear(context, IN, width, activation="relu"), cml.nn.Linear(context, width, OUT)
    ).requires_grad_()
    optimizer = cml.optim.SGD(model.parameters(), lr=0.01)

    def call() -> float:
        optimizer.zero_grad()
        loss = cml.ops.cross_entropy(model(context.asarray(x)), context.asarray(labels))
        loss.backward()
        optimizer.step()
        return float(loss)

    return call


ROWS = [
    Row("MLP training step, 784-256-10, batch 512", perceptron),
    Row("SNN training step, 784-256-10, T 16, N 32", spiking),
    Row("SNN training step, 784-1024-10, T 32, N 64", partial(spiking, 32, 64, 1024)),
]
