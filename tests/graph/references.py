"""Graph layers in NumPy, float64, edge by edge; and a check of a layer's value and all its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grillyx import Tensor, nn
from tests.helpers import exact, same, slope

NODES = 7
# equal edges, a loop, a node that nothing reaches (5), one that reaches nothing (4), one alone (6)
EDGES = np.array([[0, 1, 2, 2, 3, 0, 0, 5, 3, 1], [1, 0, 1, 3, 3, 4, 4, 2, 0, 2]])


def summed(x: np.ndarray, weight: Any = None, edges: np.ndarray = EDGES) -> np.ndarray:
    y = np.zeros_like(x)
    for k, (j, i) in enumerate(edges.T):
        y[..., i, :] += x[..., j, :] * (1.0 if weight is None else weight[k])
    return y


def reduced(x: np.ndarray, reduce: str, weight: Any = None) -> np.ndarray:
    y = np.zeros_like(x)
    for i in range(x.shape[-2]):
        own = np.flatnonzero(EDGES[1] == i)
        if len(own):
            sent = np.stack([x[..., EDGES[0, k], :] * (1.0 if weight is None else weight[k]) for k in own])
            y[..., i, :] = getattr(np, reduce)(sent, axis=0)
    return y


def normalised(weight: np.ndarray, loop: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a GCN with one loop at each node, and their weights."""
    own = EDGES[0] == EDGES[1]
    loops = np.full(NODES, loop)
    for k in np.flatnonzero(own):
        loops[EDGES[0, k]] = weight[k]
    edges = np.concatenate([EDGES[:, ~own], np.stack([np.arange(NODES)] * 2)], 1)
    weight = np.concatenate([weight[~own], loops])
    degree = np.zeros(NODES)
    for (_, i), w in zip(edges.T, weight, strict=True):
        degree[i] += w
    return edges, weight / np.sqrt(degree[edges[0]] * degree[edges[1]])


def convolved(x: np.ndarray, weight: np.ndarray, loop: float = 1.0) -> np.ndarray:
    edges, w = normalised(weight, loop)
    return summed(x, w, edges)


def attended(x: np.ndarray, w: np.ndarray, src: np.ndarray, dst: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(…, N, H, C) of graph attention."""
    h = (x @ w.T).reshape(*x.shape[:-1], *src.shape[1:])
    a, b = (h * src).sum(-1), (h * dst).sum(-1)
    y = np.zeros_like(h)
    for i in range(NODES):
        own = edges[0, edges[1] == i]
        if len(own):
            score = a[..., own, :] + b[..., i : i + 1, :]
            score = np.exp(np.where(score > 0, score, 0.2 * score))
            y[..., i, :, :] = ((score / score.sum(-2, keepdims=True))[..., None] * h[..., own, :, :]).sum(-3)
    return y


def check_layer(
    layer: nn.Module, call: Callable[..., Tensor], reference: Callable[..., np.ndarray], *inputs: np.ndarray,
    rtol: float = 2e-5,
) -> None:  # fmt: skip
    """Compare ``call(layer, *inputs)`` with ``reference(*inputs, **parameters)``: value, and every gradient by differences."""
    names = [name for name, _ in layer.named_parameters()]
    wide = [exact(a) for a in inputs] + [exact(p.numpy()) for p in layer.parameters()]

    def by_name(*arrays: np.ndarray) -> np.ndarray:
        given = {n.replace(".", "_"): a for n, a in zip(names, arrays[len(inputs) :], strict=True)}
        return reference(*arrays[: len(inputs)], **given)

    tensors = [Tensor(a, requires_grad=True) for a in wide[: len(inputs)]]
    out = call(layer, *tensors)
    want = by_name(*wide)
    same(out, want, rtol, 5e-6)
    g = exact(np.random.default_rng(0).normal(size=want.shape))
    out.backward(g)
    for k, t in enumerate([*tensors, *layer.parameters()]):
        expected = slope(by_name, wide, k, g)
        assert np.abs(expected).max() > 0.0, "a gradient that is 0 shows nothing"
        same(t.grad, expected, 1e-4, 2e-5 * max(1.0, np.abs(expected).max()))
