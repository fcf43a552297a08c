"""The work that is measured: the same mathematics in grillyx, in NumPy, and in torch with SpikingJelly if installed.

Each function returns a `Work`: bytes and operations that it cannot do without, and a call for each contestant.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import grillyx
import grillyx.functional as F
from grillyx import Tensor, nn, optim

rng = np.random.default_rng(0)
HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_SPIKINGJELLY = HAS_TORCH and importlib.util.find_spec("spikingjelly") is not None


@dataclass
class Work:
    """One row of the table."""

    name: str
    bytes: float
    flops: float
    calls: dict[str, Callable[[], Any]] = field(default_factory=dict)


def _floats(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def copy() -> Work:
    """16M floats to another place: what the memory allows."""
    x = _floats(1 << 24)
    t, y = Tensor(x), np.empty_like(x)
    work = Work("copy, 16M floats", 2 * x.nbytes, 0)
    work.calls["grillyx"] = lambda: (F.expand_dims(t, 0) * 1.0, grillyx.synchronize())
    work.calls["NumPy"] = lambda: np.copyto(y, x)
    return work


def tiny() -> Work:
    """An addition of four numbers, read back: what one op costs by itself."""
    x = _floats(4)
    t = Tensor(x)
    work = Work("one op on 4 numbers, read back", 32, 4)
    work.calls["grillyx"] = lambda: (t + 1.0).numpy()
    work.calls["NumPy"] = lambda: x + 1.0
    return work


def batched_tiny() -> Work:
    """A thousand additions of four numbers in a row, read back once."""
    x = _floats(4)
    t = Tensor(x)

    def ours() -> None:
        with grillyx.no_grad():
            y = t
            for _ in range(1000):
                y = y + 1.0
            y.numpy()

    def numpy() -> None:
        y = x
        for _ in range(1000):
            y = y + 1.0

    return Work("1000 ops on 4 numbers", 32e3, 4e3, {"grillyx": ours, "NumPy": numpy})


def elementwise() -> Work:
    """relu(a * b + c)."""
    a, b, c = (_floats(1 << 24) for _ in range(3))
    ta, tb, tc = Tensor(a), Tensor(b), Tensor(c)
    work = Work("relu(a b + c), 16M", 4 * a.nbytes, 3 * a.size)
    work.calls["grillyx"] = lambda: (F.relu(ta * tb + tc), grillyx.synchronize())
    work.calls["NumPy"] = lambda: np.maximum(a * b + c, 0)
    return work


def product(n: int) -> Work:
    """A square matrix product."""
    a, b = _floats(n, n), _floats(n, n)
    ta, tb = Tensor(a), Tensor(b)
    work = Work(f"matrix product {n}", 3 * a.nbytes, 2 * n**3)
    work.calls["grillyx"] = lambda: (ta @ tb, grillyx.synchronize())
    work.calls["NumPy"] = lambda: a @ b
    if HAS_TORCH:
        import torch

        pa, pb = torch.from_numpy(a), torch.from_numpy(b)
        work.calls["torch"] = lambda: pa @ pb
    return work


def _numpy_lif(x: np.ndarray, tau: float = 2.0, keep: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    v = np.zeros_like(x[0])
    s, h = np.empty_like(x), np.empty_like(x) if keep else None
    for t in range(len(x)):
        v = v - v / tau + x[t]
        if h is not None:
            h[t] = v
        s[t] = v >= 1.0
        v = np.where(s[t] > 0, 0, v)
    return s, h


def _numpy_lif_backward(gs: np.ndarray, h: np.ndarray, tau: float = 2.0) -> np.ndarray:
    gx, c = np.empty_like(gs), np.zeros_like(gs[0])
    for t in range(len(gs))[::-1]:
        sg = 1.0 / (1.0 + (np.pi * (h[t] - 1.0)) ** 2)
        s = h[t] >= 1.0
        gx[t] = gs[t] * sg + c * ((1.0 - s) - h[t] * sg)
        c = gx[t] * (1.0 - 1.0 / tau)
    return gx


def lif(n: int = 1 << 20, steps: int = 16) -> Work:
    """A layer of leaky neurons, forward."""
    x = _floats(steps, n)
    t, node = Tensor(x), nn.LIFNode(step_mode="m")

    def ours() -> None:
        node.reset()
        with grillyx.no_grad():
            node(t)
        grillyx.synchronize()

    work = Work(
        f"LIF {n >> 20}M x {steps}, forward",
        2 * x.nbytes,
        5 * x.size,
        {"grillyx": ours, "NumPy": lambda: _numpy_lif(x)},
    )
    if HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly_lif(x, False)
    return work


def lif_training(n: int = 1 << 20, steps: int = 16) -> Work:
    """A layer of leaky neurons, forward and backward."""
    x = _floats(steps, n)
    t, node = Tensor(x, requires_grad=True), nn.LIFNode(step_mode="m")
    g = Tensor(np.ones_like(x))

    def ours() -> None:
        node.reset()
        t.grad = None
        node(t).backward(g)
        grillyx.synchronize()

    def numpy() -> None:
        _, h = _numpy_lif(x, keep=True)
        assert h is not None
        _numpy_lif_backward(x, h)

    work = Work(
        f"LIF {n >> 20}M x {steps}, forward and backward", 6 * x.nbytes, 20 * x.size, {"grillyx": ours, "NumPy": numpy}
    )
    if HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly_lif(x, True)
    return work


def _spikingjelly_lif(x: np.ndarray, backward: bool) -> Callable[[], None]:
    import torch
    from spikingjelly.activation_based import neuron, surrogate

    node = neuron.LIFNode(decay_input=False, step_mode="m", surrogate_function=surrogate.ATan())
    t = torch.from_numpy(x.copy()).requires_grad_(backward)

    def call() -> None:
        node.reset()
        t.grad = None
        if backward:
            node(t).sum().backward()
        else:
            with torch.no_grad():
                node(t)

    return call


def training_step(steps: int = 16, batch: int = 32) -> Work:
    """Encode-free training step of 784-256-10 leaky neurons with AdamW, upload and loss included."""
    x = (rng.random((steps, batch, 784)) < rng.random((batch, 784))).astype(np.float32)
    labels = rng.integers(0, 10, batch)
    model = nn.Sequential(
        nn.SeqToANNContainer(nn.Linear(784, 256)), nn.LIFNode(step_mode="m"),
        nn.SeqToANNContainer(nn.Linear(256, 10)), nn.LIFNode(step_mode="m"),
    )  # fmt: skip
    optimizer, loss_fn = optim.AdamW(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()

    def ours() -> float:
        F.reset_net(model)
        loss = loss_fn(model(x).mean(axis=0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    products = 2 * steps * batch * (784 * 256 * 2 + 256 * 10 * 3)
    weights = [p.numpy() for p in model.parameters()]
    work = Work(f"training step, T {steps}, N {batch}, 784-256-10", x.nbytes, products, {"grillyx": ours})
    work.calls["NumPy"] = lambda: _numpy_step(x, labels, weights)
    if HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly_step(x, labels)
    return work


def _numpy_step(x: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> float:
    """The same step, with Adam's arithmetic on parameters that stay as they are."""
    w1, b1, w2, b2 = weights
    steps, batch = x.shape[:2]
    s1, h1 = _numpy_lif((x.reshape(-1, 784) @ w1.T + b1).reshape(steps, batch, -1), keep=True)
    s2, h2 = _numpy_lif((s1.reshape(-1, 256) @ w2.T + b2).reshape(steps, batch, -1), keep=True)
    rate = s2.mean(0)
    e = np.exp(rate - rate.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(batch), labels]).mean()
    p[np.arange(batch), labels] -= 1
    assert h1 is not None
    assert h2 is not None
    g2 = _numpy_lif_backward(np.broadcast_to((p / batch / steps).astype(np.float32), s2.shape), h2).reshape(-1, 10)
    g1 = _numpy_lif_backward((g2 @ w2).reshape(s1.shape), h1).reshape(-1, 256)
    for w, g in ((w1, g1.T @ x.reshape(-1, 784)), (b1, g1.sum(0)), (w2, g2.T @ s1.reshape(-1, 256)), (b2, g2.sum(0))):
        m, v = 0.1 * g, 0.001 * g * g
        _ = w * (1 - 1e-5) - 1e-3 * m / (np.sqrt(v) + 1e-8)
    return float(loss)


def _spikingjelly_step(x: np.ndarray, labels: np.ndarray) -> Callable[[], float]:
    import torch
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def leaky() -> Any:
        return neuron.LIFNode(decay_input=False, surrogate_function=surrogate.ATan())

    model = torch.nn.Sequential(layer.Linear(784, 256), leaky(), layer.Linear(256, 10), leaky())
    functional.set_step_mode(model, "m")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    t, y = torch.from_numpy(x), torch.from_numpy(labels)

    def call() -> float:
        functional.reset_net(model)
        loss = torch.nn.functional.cross_entropy(model(t).mean(0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    return call


ALL = [
    tiny, batched_tiny, copy, elementwise, lambda: product(512), lambda: product(1024), lif, lif_training, training_step,
]  # fmt: skip
