"""The optimizers once more, one parameter at a time, in NumPy and float64, and what the tests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grillyx import optim
from grillyx.autograd import Tensor

State = dict[str, Any]
SHAPES = ((1,), (3,), (7, 5), (130,))
DEFAULTS = {
    "SGD": {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False},
    "Adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "maximize": False},
    "AdamW": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2, "maximize": False},
    "RMSprop": {
        "lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False, "maximize": False,
    },
}  # fmt: skip


def step(name: str, p: np.ndarray, g: np.ndarray, state: State, o: dict[str, Any]) -> np.ndarray:
    """Return p after one step, and change its state."""
    g = -g if o["maximize"] else g
    if name == "AdamW":
        p = p - o["lr"] * o["weight_decay"] * p
    else:
        g = g + o["weight_decay"] * p
    if name == "SGD":
        if o["momentum"] == 0:
            return p - o["lr"] * g
        first = "momentum_buffer" not in state
        b = g if first else o["momentum"] * state["momentum_buffer"] + (1 - o["dampening"]) * g
        state["momentum_buffer"] = b
        return p - o["lr"] * (g + o["momentum"] * b if o["nesterov"] else b)
    t = state["step"] = state.get("step", 0) + 1
    if name == "RMSprop":
        v = o["alpha"] * state.get("square_avg", 0.0) + (1 - o["alpha"]) * g**2
        state["square_avg"], variance = v, v
        if o["centered"]:
            a = state["grad_avg"] = o["alpha"] * state.get("grad_avg", 0.0) + (1 - o["alpha"]) * g
            variance = np.maximum(v - a**2, 0.0)
        d = g / (np.sqrt(variance) + o["eps"])
        if o["momentum"] > 0:
            d = state["momentum_buffer"] = o["momentum"] * state.get("momentum_buffer", 0.0) + d
        return p - o["lr"] * d
    b1, b2 = o["betas"]
    m = state["exp_avg"] = b1 * state.get("exp_avg", 0.0) + (1 - b1) * g
    v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0.0) + (1 - b2) * g**2
    return p - o["lr"] * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + o["eps"])


def arrays(shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """Values that float32 holds exactly, each array of its own magnitude."""
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(s) * 10.0 ** rng.uniform(-2, 1)).astype(np.float32).astype(np.float64) for s in shapes]


def parameters(values: Sequence[np.ndarray]) -> list[Tensor]:
    return [Tensor(v, requires_grad=True) for v in values]


def give(params: Sequence[Tensor], grads: Sequence[Any]) -> None:
    """Set the gradients; None stays None."""
    for p, g in zip(params, grads, strict=True):
        p.grad = None if g is None else Tensor(g)


def trained(optimizer: optim.Optimizer, steps: range) -> list[np.ndarray]:
    """Give an optimizer the same gradients whenever the same steps are asked for, and return the parameters."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for t in steps:
        give(params, arrays([p.shape for p in params], 1000 + t))
        optimizer.step()
    return [p.numpy() for p in params]


def close(got: Any, want: np.ndarray, scale: float = 0.0, rtol: float = 4e-6) -> float:
    """Compare within `rtol` of the largest value there is, or was (`scale`), and return that.

    Float32 keeps 7 digits of the sums, not of what is left when they cancel.
    """
    got = np.asarray(got)
    scale = max(scale, np.abs(want).max(initial=0.0))
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got, want, rtol, rtol * scale)
    return scale
