"""The equations of the models in float64, with weights over edges and steps, (E, T), and nothing that makes them fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, special, stats

from grillyx.graph import Graph


@dataclass
class Network:
    """Edges (2, E) with weights (E,) between N neurons."""

    edge_index: np.ndarray
    W0: np.ndarray
    num_nodes: int

    @property
    def graph(self) -> Graph:
        return Graph(self.edge_index, self.W0, self.num_nodes)


@dataclass
class Run:
    """Spikes (N, S), the last state (N, T), and how near a number came to where it would have changed a spike."""

    spikes: np.ndarray
    state: np.ndarray
    margin: float


def network(neurons: int, edges: int, seed: int = 0, scale: float = 0.5) -> Network:
    """A random network: edges that are there twice, autapses, and a last neuron without any edge."""
    rng = np.random.default_rng(seed)
    some = max(neurons - 1, 1)
    index = rng.integers(0, some, (2, edges))
    if edges >= 6:
        index[:, 1:3], index[:, 4] = index[:, :1], index[0, 4]
    return Network(index, (rng.normal(size=edges) * scale).astype(np.float32), neurons)


NETWORKS = {
    "many": network(37, 300), "a power of two": network(64, 300, 1), "33": network(33, 200, 2), "three": network(3, 6, 3),
    "one": network(1, 1, 4), "no edges": network(5, 0),
}  # fmt: skip


def single(value: Any) -> Any:
    """The float32 that a model has of a number, in float64."""
    return np.float64(np.float32(value))


def arriving(edge_index: np.ndarray, W: np.ndarray, state: np.ndarray) -> np.ndarray:
    """The sums of messages, (N,): W (E, T) times the states of the sources."""
    return np.bincount(edge_index[1], (W * state[edge_index[0]]).sum(1), state.shape[0])


def pushed(state: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    return np.concatenate([state[:, 1:], spikes[:, None]], 1)


def bernoulli(
    net: Network, x: np.ndarray, u: np.ndarray, *, theta: Any = 5.0, dt: float = 1.0, coupling_window: int = 5, alpha: float = 0.2,
    abs_ref_scale: int = 3, abs_ref_strength: float = -100.0, rel_ref_scale: int = 7, rel_ref_strength: float = -30.0,
    beta: float = 0.5, r: float = 1.0, stimulus: Callable[[int], Any] = lambda t: 0.0, compat: bool = False, start: int = 0,
) -> Run:  # fmt: skip
    alpha, beta, r = abs(single(alpha)), abs(single(beta)), single(r)
    T = max(coupling_window, abs_ref_scale + rel_ref_scale)
    edges, weight, loops = net.edge_index, net.W0.astype(np.float64), np.arange(net.num_nodes)
    if compat:
        kept = edges[0] != edges[1]
        weight, loops = weight[: kept.sum()], np.arange(edges.max(initial=-1) + 1)
        edges = edges[:, kept]
    W = np.zeros((edges.shape[1] + loops.size, T))
    for k in range(T):  # k steps ago
        if k < coupling_window:
            W[: edges.shape[1], T - 1 - k] = weight * np.exp(-alpha * k * dt) * (1.0 if compat else r)
        if k < abs_ref_scale:
            W[edges.shape[1] :, T - 1 - k] = abs_ref_strength
        elif k < abs_ref_scale + rel_ref_scale + compat:
            W[edges.shape[1] :, T - 1 - k] = single(rel_ref_strength) * np.exp(-beta * (k - abs_ref_scale) * dt)
    edges = np.concatenate([edges, np.stack([loops, loops])], 1)
    state, out, margin = x.astype(np.float64), [], np.inf
    for k, numbers in enumerate(u):
        g = arriving(edges, W, state) * (r if compat else 1.0) + stimulus(start + k)
        p = dt * special.expit(g - single(theta))
        out.append((numbers < p).astype(np.float64))
        margin = min(margin, np.abs(numbers - p).min())
        state = pushed(state, out[-1])
    return Run(np.stack(out, 1), state, margin)


def counts(mean: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, float]:
    """Poisson counts by the inverse distribution function, and how far u is from the next."""
    out = np.where(mean > 0, np.maximum(stats.poisson.ppf(u, np.maximum(mean, 1e-300)), 0), 0)
    steps = np.abs(stats.poisson.cdf([out, out - 1], mean) - u)
    steps[1, out == 0] = np.inf
    steps[:, mean <= 0] = np.inf
    return out, float(steps.min())


RESPONSES = {
    "relu": lambda x: np.maximum(x, 0.0), "exp": np.exp, "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
}  # fmt: skip


def filtered(
    net: Network, x: np.ndarray, u: np.ndarray, mean: Callable[[np.ndarray], np.ndarray], *, T: int, tau: float, dt: float = 1.0,
    r: float = 1.0, b: Any = 0.0, stimulus: Callable[[int], Any] = lambda t: 0.0, unit: float = 1.0, whole: bool = True,
) -> Run:  # fmt: skip
    """Poisson neurons; `unit`: what spikeometric multiplies counts with, `whole`: and cuts off."""
    W = net.W0[:, None].astype(np.float64) * np.exp(-np.arange(T)[::-1] * dt / single(tau))
    state, out, margin = x.astype(np.float64), [], np.inf
    for k, numbers in enumerate(u):
        g = single(r) * arriving(net.edge_index, W, state) + stimulus(k) + single(b)
        spikes, near = counts(mean(g), numbers)
        spikes = np.floor(spikes * unit) if whole else spikes * unit
        out.append(spikes)
        margin, state = min(margin, near), pushed(state, spikes)
    return Run(np.stack(out, 1), state, margin)


def poisson_glm(net, x, u, *, alpha=1.0, beta=1.0, dt=1.0, compat=False, whole=True, **more) -> Run:
    unit = dt if compat else 1.0
    return filtered(
        net, x, u, lambda g: dt / single(alpha) * np.exp(single(beta) * g), dt=dt, unit=unit, whole=whole, **more
    )


def lnp(net, x, u, *, lambda_0, theta=0.0, dt=1.0, response="relu", **more) -> Run:
    return filtered(net, x, u, lambda g: single(lambda_0) * dt * RESPONSES[response](g - single(theta)), dt=dt, **more)


def activation(
    net: Network, x: np.ndarray, u: np.ndarray, *, tau: float, dt: float, r: float, b: Any, theta: Any, lambda_0: Any = None,
    sigma: float = 0.0, rho: float = 0.0, compat: bool = False, stimulus: Callable[[int], Any] = lambda t: 0.0,
) -> Run:  # fmt: skip
    """Both models with activations: Poisson where there is a lambda_0."""
    s, out, margin = x[:, 0].astype(np.float64), [], np.inf
    W = net.W0[:, None].astype(np.float64)
    for k, numbers in enumerate(u):
        background = np.broadcast_to(single(b), s.shape)
        if sigma > 0 and rho > 0:
            noise = sigma * stats.norm.ppf(np.clip(numbers / rho, 1e-12, 1 - 1e-12))
            noise = np.where(numbers < rho, noise**2 if compat else noise, 0.0)
            background = background * (1.0 + noise)
            margin = min(margin, np.abs(numbers - rho).min())
        z = single(r) * arriving(net.edge_index, W, s[:, None]) + background + stimulus(k) - single(theta)
        if lambda_0 is None:
            spikes, near = (z > 0).astype(np.float64), np.abs(z).min()
        else:
            spikes, near = counts(single(lambda_0) * dt * np.maximum(z, 0.0), numbers)
        out.append(spikes)
        margin, s = min(margin, near), s * (1.0 - dt / single(tau)) + spikes * dt
    return Run(np.stack(out, 1), s[:, None], margin)


def lif(
    net: Network, x: np.ndarray, u: np.ndarray, *, tau_m=20.0, tau_syn=5.0, v_threshold=1.0, v_reset=0.0, v_rest=0.0, t_ref=2.0,
    dt=0.1, r=1.0, b=0.0, sigma=0.0, stimulus: Callable[[int], Any] = lambda t: 0.0,
) -> Run:  # fmt: skip
    """The linear equations by a matrix exponential of (V - v_rest, I, drive)."""
    A = np.array([[-1.0 / tau_m, 1.0 / tau_m, 1.0 / tau_m], [0.0, -1.0 / tau_syn, 0.0], [0.0, 0.0, 0.0]])
    P = linalg.expm(A * dt)
    v, current, left = x.T.astype(np.float64)
    theta, margin, out = single(v_threshold), np.inf, []
    W = net.W0[:, None].astype(np.float64)
    spread = np.sqrt(sigma**2 * (1.0 - np.exp(-2.0 * dt / tau_m)))
    for k, numbers in enumerate(u):
        drive = np.broadcast_to(single(b) + stimulus(k), v.shape)
        free = v_rest + P[0] @ np.stack([v - v_rest, current, drive]) + spread * stats.norm.ppf(numbers)
        held = left > 0
        spikes = ~held & (free >= theta)
        margin = min(margin, np.abs(free - theta)[~held].min(initial=np.inf))
        v = np.where(held | spikes, v_reset, free)
        left = np.where(spikes, np.round(t_ref / dt), np.maximum(left - 1, 0))
        out.append(spikes.astype(np.float64))
        current = P[1, 1] * current + single(r) * arriving(net.edge_index, W, out[-1][:, None])
    return Run(np.stack(out, 1), np.stack([v, current, left], 1), margin)


def decided(run: Callable[[np.ndarray], Run], shape: tuple[int, int], margin: float = 2e-6) -> tuple[np.ndarray, Run]:
    """Uniform numbers (S, N), multiples of 2**-24, with which no spike hangs on a rounding, and the run with them."""
    for seed in range(40):
        u = np.random.default_rng(seed).integers(1, 2**24, shape) / 2.0**24
        found = run(u)
        if found.margin > margin:
            return u, found
    raise AssertionError("no uniform numbers with such a margin; take fewer steps")


def by_methods(kind: type) -> type:
    """A model of one's own that does what the built-in one does, and so runs method by method."""

    class Own(kind):
        def emit_spikes(self, mean):
            return super().emit_spikes(mean)

    Own.__name__ = kind.__name__
    return Own
