"""Networks drawn at random against `independent`: spikes, and every gradient against finite differences in float64.

More of them: ``GRILLYX_FUZZ=500 python -m pytest tests/fractional/test_differential.py``.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from grillyx import Tensor, fractional, nn
from tests.fractional.independent import neuron

COUNT = int(os.environ.get("GRILLYX_FUZZ", "36"))
METHODS = ("gl", "l1", "trap", "pred", "exact", "glmulti")
MEMORIES = (None, "short", "exponentials")
GAMMA = 0.5


def drawn(seed):
    """Return what describes a network; methods and memories come in turns, so that every pair occurs."""
    rng = np.random.default_rng(seed)
    method, memory = METHODS[seed % 6], MEMORIES[seed // 6 % 3]
    steps = int(rng.choice([1, 2, 7, 17, 40]))
    terms = 2 if method == "glmulti" else 1
    return rng, {
        "method": method, "memory": int(rng.integers(1, 9)) if memory == "short" else memory,
        "shape": (steps, int(rng.integers(1, 4)), int(rng.integers(1, 6))), "out": int(rng.integers(1, 10)),
        "leak": bool(rng.random() < 0.8), "reset": None if rng.random() < 0.6 else float(rng.uniform(-0.5, 0.5)),
        "alpha": np.sort(rng.uniform(0.2, 0.98, terms)), "factors": rng.uniform(0.5, 2.0, terms),
        "tau": float(rng.uniform(0.3, 6.0)), "h": float(rng.choice([1.0, 0.3])), "v0": float(rng.choice([0.0, 0.4])),
    }  # fmt: skip


def made(d, w):
    cell = fractional.NoisyLIF(
        d["tau"],
        1.0,
        GAMMA,
        "meanfield",
        z_clip=None,
        detach_reset=False,
        v_reset=d["reset"],
        v0=d["v0"],
        tau_learnable=True,
    )
    if not d["leak"]:
        cell.leaks = False
    layer = nn.Linear(w.shape[1], w.shape[0], bias=False)
    layer.weight.copy_(w.astype(np.float32))
    return fractional.SNNWrapper(
        nn.Sequential(layer, cell), alpha=d["alpha"].tolist(), multi_coefficient=d["factors"].tolist(), learn_alpha=True,
        learn_coefficient=True, alpha_mode="multiterm",
    )  # fmt: skip


def order_of(raw):
    return 1.0 - 0.99 / (1.0 + np.exp(raw))


@pytest.mark.parametrize("seed", range(COUNT))
def test_network(seed):
    rng, d = drawn(seed)
    steps, batch, m = d["shape"]
    x, w = rng.normal(0.6, 1.0, d["shape"]), rng.normal(0.3, 0.8, (d["out"], m)).astype(np.float32).astype(np.float64)
    x = x.astype(np.float32).astype(np.float64)
    pull = rng.normal(size=(steps, batch, d["out"])).astype(np.float32).astype(np.float64)
    net = made(d, w)
    raw, factors = net.alpha.numpy().astype(np.float64), net.coefficient.numpy().astype(np.float64)
    xs = Tensor(x, requires_grad=True)
    out = net(xs, d["h"] * np.arange(steps), method=d["method"], options={"memory": d["memory"], "step_size": d["h"]})
    (out * pull).sum().backward()
    memory, method = d["memory"], d["method"]
    if memory == "exponentials":  # of all steps; the trapezoid takes those of the exact solution
        memory, method = None, "exact" if method in ("trap", "pred") else method

    def spikes(x, w, log_tau, raw, factors):
        tau = d["tau"] * np.exp(log_tau[0])
        fire = lambda v: 1.0 / (1.0 + np.exp(-(v - 1.0) / GAMMA))
        given = order_of(raw), tau, np.exp(factors), d["leak"], memory, fire, d["reset"]
        return neuron(x @ w.T, d["v0"], method, d["h"], *given)[0]

    point = [x, w, np.zeros(1), raw.reshape(-1), factors]
    few = 1e-4 if d["memory"] == "exponentials" else 0.0
    np.testing.assert_allclose(out.numpy(), spikes(*point), 1e-4, 2e-5 + 3.0 * few)
    cell = net.neurons[0]
    got = [xs.grad, net.base[0].weight.grad, cell.tau_param.grad, net.alpha.grad, net.coefficient.grad]
    for i, gradient in enumerate(got):
        value = gradient.numpy().reshape(point[i].shape)
        places = list(np.ndindex(value.shape))
        rng.shuffle(places)
        scale = max(1.0, float(np.abs(value).max()))
        for at in places[:6]:
            ends = []
            for sign in (1.0, -1.0):
                moved = [p.copy() for p in point]
                moved[i][at] += sign * 1e-5
                ends.append(float((spikes(*moved) * pull).sum()))
            want = (ends[0] - ends[1]) / 2e-5
            assert value[at] == pytest.approx(want, rel=1e-3, abs=(1e-4 + 10.0 * few) * scale), (i, at, d)
