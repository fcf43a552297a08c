"""Connectivity of neurons on a ring: spikeometric's Mexican hat (Sønstebø and others), and small worlds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grillyx.sim._checks import MOST_NEURONS, generator, number, whole
from grillyx.sim._edges import affordable, ring
from grillyx.sim._generators import ConnectivityGenerator, Edges


class MexicanHatGenerator(ConnectivityGenerator):
    """Neurons on a ring that excite those nearby and inhibit those further off: spikeometric's ``MexicanHatGenerator``.

        W0(d) = exp(-d² / 2σ₁²) - a exp(-d² / 2σ₂²),   d = min(|i - j|, N - |i - j|) ≥ 1

    There are no loops and no random numbers: every network is the same. An edge whose weight is 0 in float32 is left out, which is so
    beyond 14.4 σ, so that large rings are sparse.

    Args:
        n_neurons: N.
        a: how strong the inhibition is.
        sigma_1: σ₁, how far excitation reaches, in neurons.
        sigma_2: σ₂, how far inhibition reaches, in neurons.
        tolerance: edges whose weight is not larger than this are left out too, such as 1e-6.

    Raises:
        ValueError: a number out of range, more edges than memory.
        TypeError: no numbers.
    """

    def __init__(self, n_neurons: int, a: float, sigma_1: float, sigma_2: float, tolerance: float = 0.0) -> None:
        name = type(self).__name__
        self.n_neurons, self.a = (
            whole(n_neurons, "n_neurons", name, 2, MOST_NEURONS),
            number(a, "a", name, "not negative"),
        )
        self.sigma_1, self.sigma_2 = (
            number(sigma_1, "sigma_1", name, "positive"),
            number(sigma_2, "sigma_2", name, "positive"),
        )
        self.tolerance = number(tolerance, "tolerance", name, "not negative")
        advice = "Give a tolerance, such as 1e-6, that leaves out the weakest; smaller sigmas; or fewer neurons."
        affordable(float(self.n_neurons) * len(self._steps()[0]), name, advice)

    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances forward, 1 to N - 1, at which there are edges, and their weights."""
        d = np.arange(1, self.n_neurons // 2 + 1, dtype=np.float64)
        with np.errstate(under="ignore"):
            half = np.exp(-0.5 * (d / self.sigma_1) ** 2) - self.a * np.exp(-0.5 * (d / self.sigma_2) ** 2)
            kept = np.flatnonzero(np.abs(half).astype(np.float32) > self.tolerance)
        twice = kept[2 * (kept + 1) != self.n_neurons]  # not the neuron opposite
        return np.concatenate([kept + 1, self.n_neurons - 1 - twice]), half[np.concatenate([kept, twice])]

    def draw(self) -> Edges:
        """Return sources, targets and weights, sorted by target."""
        n, (steps, weights) = self.n_neurons, self._steps()
        source = (np.arange(n)[:, None] + steps) % n
        return source.reshape(-1), np.repeat(np.arange(n), len(steps)), np.tile(weights.astype(np.float32), n)


class SmallWorldGenerator(ConnectivityGenerator):
    """Small worlds of Watts and Strogatz (1998), directed, with normal weights.

    Neurons are on a ring, and each receives edges from the k that are nearest, k / 2 on each side. Every edge is exchanged with
    chance p: it keeps its target, and its source becomes, uniformly, another neuron from which the target has no edge yet. So every
    neuron receives k edges, none twice and none from itself; p = 0 is a ring, p = 1 a random network.

    Args:
        n_neurons: N.
        k: edges into each neuron, even, from 2 to N - 1.
        p: the chance that an edge is exchanged.
        mean: of the weights.
        std: their deviation; 0 makes all equal to the mean.
        inhibitory: None; or the share of neurons, drawn anew for each network and spread over the ring, whose weights are
            -|w|, while those of the others are |w|.
        glorot: divide the weights by √N.
        rng: a NumPy generator, a seed for one, or None, and then `grillyx.manual_seed` decides.

    Raises:
        ValueError: a number out of range, an odd k, more edges than memory.
        TypeError: no numbers, an rng that is none.
    """

    def __init__(
        self,
        n_neurons: int,
        k: int,
        p: float,
        mean: float = 0.0,
        std: float = 1.0,
        inhibitory: float | None = None,
        glorot: bool = False,
        rng: Any = None,
    ) -> None:
        name = type(self).__name__
        self.n_neurons = whole(n_neurons, "n_neurons", name, 3, MOST_NEURONS)
        self.k, self.p = whole(k, "k", name, 2, self.n_neurons - 1), number(p, "p", name, "share")
        if self.k % 2:
            raise ValueError(f"{name}: k must be even, got {self.k}; expected as many neighbours on each side.")
        self.mean, self.std = number(mean, "mean", name), number(std, "std", name, "not negative")
        self.inhibitory = None if inhibitory is None else number(inhibitory, "inhibitory", name, "share")
        affordable(float(self.n_neurons) * self.k, name, "Use fewer neurons or a smaller k.")
        self.glorot, self.rng = bool(glorot), generator(rng, name)

    def draw(self) -> Edges:
        """Return sources, targets and weights, sorted by target."""
        n = self.n_neurons
        source, target = ring(self.rng, n, self.k, self.p)
        weight = self.mean + self.std * self.rng.standard_normal(len(source))
        if self.inhibitory is not None:
            signs = np.ones(n)
            signs[self.rng.permutation(n)[: round(self.inhibitory * n)]] = -1.0
            weight = np.abs(weight) * signs[source]
        return source, target, weight / math.sqrt(n) if self.glorot else weight
