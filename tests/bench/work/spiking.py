"""Layers of leaky neurons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import grillyx
from grillyx import Tensor, nn
from tests.bench import peers
from tests.bench.work.row import Array, Row, Work, done, floats


def numpy_lif(x: Array, tau: float = 2.0, keep: bool = False) -> tuple[Array, Array | None]:
    """Return the spikes of leaky neurons, and the membranes before the reset if they are to be kept."""
    v = np.zeros_like(x[0])
    s, h = np.empty_like(x), np.empty_like(x) if keep else None
    for t in range(len(x)):
        v = v - v / tau + x[t]
        if h is not None:
            h[t] = v
        s[t] = v >= 1.0
        v = np.where(s[t] > 0, 0, v)
    return s, h


def numpy_lif_backward(gs: Array, h: Array, tau: float = 2.0) -> Array:
    """Return the gradient of the input current, with the surrogate ATan(2)."""
    gx, c = np.empty_like(gs), np.zeros_like(gs[0])
    for t in range(len(gs))[::-1]:
        sg = 1.0 / (1.0 + (np.pi * (h[t] - 1.0)) ** 2)
        s = h[t] >= 1.0
        gx[t] = gs[t] * sg + c * ((1.0 - s) - h[t] * sg)
        c = gx[t] * (1.0 - 1.0 / tau)
    return gx


def forward(neurons: int, steps: int) -> Work:
    """Spikes of a current."""
    x = floats(steps, neurons)
    t, node = Tensor(x), nn.LIFNode(step_mode="m")

    def ours() -> None:
        node.reset()
        with grillyx.no_grad():
            done(node(t))

    work = Work(2 * x.nbytes, 5 * x.size, {peers.OURS: ours, "NumPy": lambda: numpy_lif(x)})
    if peers.HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly(x, False)
    return work


def training(neurons: int, steps: int) -> Work:
    """Spikes of a current, and the gradient of the current.

    Forward reads x, writes s and H; backward reads the gradient and H, and writes a gradient.
    """
    x = floats(steps, neurons)
    t, node = Tensor(x, requires_grad=True), nn.LIFNode(step_mode="m")
    g = Tensor(np.ones_like(x))

    def ours() -> None:
        node.reset()
        t.grad = None
        node(t).backward(g)
        done(t.grad)

    def numpy() -> None:
        _, h = numpy_lif(x, keep=True)
        assert h is not None
        numpy_lif_backward(x, h)

    work = Work(6 * x.nbytes, 20 * x.size, {peers.OURS: ours, "NumPy": numpy})
    if peers.HAS_SPIKINGJELLY:
        work.calls["SpikingJelly"] = _spikingjelly(x, True)
    return work


def _spikingjelly(x: Array, backward: bool) -> Callable[[], None]:
    import torch
    from spikingjelly.activation_based import neuron, surrogate

    node = neuron.LIFNode(decay_input=False, step_mode="m", surrogate_function=surrogate.ATan())
    t = torch.from_numpy(x.copy()).requires_grad_(backward)
    g = torch.ones_like(t)

    def call() -> None:
        node.reset()
        t.grad = None
        if backward:
            node(t).backward(g)
        else:
            with torch.no_grad():
                node(t)

    return call


ROWS = [
    Row("LIF, 1M neurons × 16 steps, forward", partial(forward, 1 << 20, 16)),
    Row("LIF, 1M × 16, forward and backward", partial(training, 1 << 20, 16)),
    Row("LIF, 64k × 128, forward and backward", partial(training, 1 << 16, 128)),
    Row("LIF, 4k × 16, forward and backward", partial(training, 1 << 12, 16)),
]
