"""Current-based LIF neurons in float64, written another way than the kernels: V as a sum over all input spikes since the last reset,
crossings by a search on a fine grid and scipy's brentq. Nothing is carried from event to event."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import integrate, optimize


class Neuron:
    """One neuron: input times (E,) and the weight of each."""

    def __init__(self, times, weights, tau_mem, tau_syn):
        self.times, self.weights, self.tau_mem, self.tau_syn = times, weights, tau_mem, tau_syn

    def current(self, t):
        before = self.times < t
        return np.sum(self.weights[before] * np.exp(-(t - self.times[before]) / self.tau_syn))

    def potential(self, t, reset):
        """V at the times t (n,), after a reset at the time `reset`."""
        t = np.asarray(t, float)[..., None]
        start = np.maximum(self.times, reset)
        there = self.weights * np.exp(-(start - self.times) / self.tau_syn)
        d = np.maximum(t - start, 0.0)
        if self.tau_mem == self.tau_syn:
            response = d / self.tau_mem * np.exp(-d / self.tau_mem)
        else:
            response = (np.exp(-d / self.tau_mem) - np.exp(-d / self.tau_syn)) / (1.0 - self.tau_syn / self.tau_mem)
            response *= self.tau_syn / self.tau_mem
        return np.sum(there * response, axis=-1)

    def run(self, threshold, duration):
        """Return the spike times and the largest V."""
        spikes, top, reset = [], 0.0, 0.0
        ends = [*np.unique(self.times[self.times < duration]), duration]
        for first, last in itertools.pairwise(ends):
            at = first
            while at < last:
                grid = np.linspace(at, last, 300)
                v = self.potential(grid, reset)
                k = int(np.argmax(v))
                where, highest = grid[k], v[k]
                if 0 < k < len(grid) - 1 and highest < threshold:  # the maximum lies between the points of the grid
                    found = optimize.minimize_scalar(
                        lambda t, r=reset: -self.potential([t], r)[0], bounds=(grid[k - 1], grid[k + 1]), method="bounded",
                        options={"xatol": 1e-12},
                    )  # fmt: skip
                    where, highest = found.x, -found.fun
                top = max(top, highest)
                if highest < threshold:
                    break
                cross = np.flatnonzero(v >= threshold)
                where = grid[cross[0]] if len(cross) else where
                at = reset = optimize.brentq(
                    lambda t, r=reset: self.potential([t], r)[0] - threshold, at, where, xtol=1e-14, rtol=1e-15
                )
                spikes.append(at)
        return np.array(spikes), min(top, threshold)


def layer(x, w, tau_mem=20.0, tau_syn=5.0, threshold=1.0, duration=np.inf):
    """Spikes (B, N, K), +inf where there are no more, and the largest V (B, N), for x (B, M, k) and w (N, M)."""
    found, top = {}, np.zeros((len(x), len(w)))
    for b, sample in enumerate(x):
        source, _ = np.nonzero(np.isfinite(sample))
        times = sample[np.isfinite(sample)]
        end = min(duration, times.max(initial=0.0) + 12.0 * max(tau_mem, tau_syn))  # V only falls long before
        for n, weights in enumerate(w):
            found[b, n], top[b, n] = Neuron(times, weights[source], float(tau_mem), float(tau_syn)).run(threshold, end)
    rows = max([len(t) for t in found.values()] + [1])
    y = np.full((*top.shape, rows), np.inf)
    for at, times in found.items():
        y[at][: len(times)] = times
    return y, top


def integrated(times, weights, tau_mem, tau_syn, duration):
    """V at the end, by scipy's integrator: of the equations themselves, without a threshold."""
    state = np.zeros(2)
    order = np.argsort(times)
    ends = [0.0, *times[order], duration]
    for first, last, w in zip(ends[:-1], ends[1:], [*weights[order], 0.0], strict=True):
        if last > first:
            state = integrate.solve_ivp(
                lambda _, s: [(s[1] - s[0]) / tau_mem, -s[1] / tau_syn], (first, last), state, rtol=1e-11, atol=1e-13
            ).y[:, -1]
        state = state + [0.0, w]
    return state[0]
