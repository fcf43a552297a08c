"""Random connectivity, built edge by edge: spikeometric's generators (Sønstebø and others)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from grillyx.graph import Graph
from grillyx.sim._checks import MOST_NEURONS, generator, number, whole
from grillyx.sim._edges import affordable, bernoulli, fixed_degree
from grillyx.sim._folder import write_folder

_FEWER = "Use fewer neurons or more sparsity."
Edges = tuple[np.ndarray, np.ndarray, np.ndarray]  # sources, targets, weights


class ConnectivityGenerator:
    """Base of the generators. A subclass defines `draw`."""

    n_neurons: int

    def draw(self) -> Edges:
        """Return sources (E,), targets (E,) and weights (E,), sorted by target."""
        raise NotImplementedError(f"{type(self).__name__}: define draw(self).")

    def generate(self, n: int | None = None) -> Any:
        """Return one `Graph`, or a list of n. Each call goes on with the random numbers, and so makes another.

        ``edge_index`` is (2, E), sources and targets, sorted by target; ``edge_weight`` (E,) is W0, float32.

        Raises:
            ValueError: n is below 1; more edges than memory.
        """
        if n is None:
            source, target, weight = self.draw()
            return Graph(np.stack([source, target]), weight.astype(np.float32), self.n_neurons)
        return [self.generate() for _ in range(whole(n, "n", f"{type(self).__name__}.generate", 1, 2**31 - 1))]

    def save(self, n: int, path: Any) -> Path:
        """Write n networks into a new folder, which `ConnectivityDataset` reads, and return it.

        Each is a SciPy sparse matrix (N, N) of float32 in a .npz file: a row is a source, a column a target. The folder
        appears only when all of them are written.

        Raises:
            FileExistsError: there is such a file, or a folder that is not empty; nothing is overwritten.
            FileNotFoundError: the folder in which it shall be is not there.
            ValueError: n is below 1.
        """
        owner = f"{type(self).__name__}.save"
        count = whole(n, "n", owner, 1, 2**31 - 1)
        return write_folder((self.generate() for _ in range(count)), count, Path(path), owner)


class NormalGenerator(ConnectivityGenerator):
    """Random networks under Dale's law with normal weights: spikeometric's ``NormalGenerator``.

    In terms of a matrix W0, row the source and column the target: every number off the diagonal is drawn from N(mean, std²); in
    the first half of the rows, the excitatory neurons, what is negative is no edge, in the second half what is positive. Of the
    rest a share of 2 (1 - sparsity) is kept. So an edge has the chance 2 (1 - sparsity) Φ(± mean / std), + for excitatory
    sources, and edges make up 1 - sparsity of all pairs of neurons, whatever the mean. This draws the edges themselves, from the
    same distribution.

    Args:
        n_neurons: N, even.
        mean: of the normal distribution.
        std: its deviation, positive.
        sparsity: the share of pairs without an edge, from 0.5, the default, to 1: Dale's law leaves half of them.
        glorot: divide the weights by √N, so that the input to a neuron does not grow with N.
        rng: a NumPy generator, a seed for one, or None, and then `grillyx.manual_seed` decides.
        degree: in place of the sparsity, the same number of edges into every neuron, from others drawn without regard to their
            kind; the weight is drawn from the half of the distribution that Dale's law leaves to the source.

    Raises:
        ValueError: an odd N, a number out of range, more edges than memory, sparsity beside degree.
        TypeError: no numbers, an rng that is none.
    """

    def __init__(
        self,
        n_neurons: int,
        mean: float,
        std: float,
        sparsity: float | None = None,
        glorot: bool = False,
        rng: Any = None,
        degree: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.n_neurons = whole(n_neurons, "n_neurons", name, 2, MOST_NEURONS)
        if self.n_neurons % 2:
            raise ValueError(
                f"{name}: n_neurons must be even, got {self.n_neurons}; expected half excitatory and half inhibitory neurons. Use "
                f"{self.n_neurons + 1}."
            )
        self.mean, self.std = number(mean, "mean", name), number(std, "std", name, "positive")
        self.glorot, self.degree = bool(glorot), _degree(degree, sparsity, self.n_neurons, name)
        self.sparsity = number(0.5 if sparsity is None else sparsity, "sparsity", name)
        if not 0.5 <= self.sparsity <= 1.0:
            raise ValueError(
                f"{name}: sparsity out of range, got {self.sparsity}; expected 0.5 to 1. Dale's law leaves half of all pairs, so that "
                "fewer than half of them cannot be missing."
            )
        if self.degree is not None and min(_share(self.mean, self.std, s) for s in (1, -1)) < 1e-300:
            raise ValueError(
                f"{name}: mean is too far from 0, got {self.mean} with std {self.std}; expected less than 37 std. One half of the "
                "neurons could have no weight."
            )
        affordable(_expected(self.n_neurons, self.degree, 1.0 - self.sparsity), name, _FEWER)
        self.rng = generator(rng, name)

    def draw(self) -> Edges:
        """Return sources, targets and weights, sorted by target."""
        n, half = self.n_neurons, self.n_neurons // 2
        if self.degree is not None:
            source, target = fixed_degree(self.rng, n, self.degree)
        else:
            kept = 2.0 * (1.0 - self.sparsity)
            both = [
                bernoulli(self.rng, n, first, first + half, kept * _share(self.mean, self.std, sign))
                for first, sign in ((0, 1), (half, -1))
            ]
            source, target = (np.concatenate(side) for side in zip(*both, strict=True))
            order = np.argsort(target, kind="stable")
            source, target = source[order], target[order]
        weight = _halved(self.rng, self.mean, self.std, np.where(source < half, 1.0, -1.0))
        return source, target, weight / math.sqrt(n) if self.glorot else weight


class UniformGenerator(ConnectivityGenerator):
    """Random networks with uniform weights: spikeometric's ``UniformGenerator``.

    Every pair of two neurons has an edge with chance 1 - sparsity, in each direction for itself, with a weight from [low, high).

    Args:
        n_neurons: N.
        low: the least weight.
        high: the largest, above low.
        sparsity: the share of pairs without an edge, from 0, the default, to 1.
        rng: a NumPy generator, a seed for one, or None, and then `grillyx.manual_seed` decides.
        degree: in place of the sparsity, the same number of edges into every neuron, from others drawn uniformly.

    Raises:
        ValueError: a number out of range, more edges than memory, sparsity beside degree.
        TypeError: no numbers, an rng that is none.
    """

    def __init__(
        self, n_neurons: int, low: float, high: float, sparsity: float | None = None, rng: Any = None, degree: int | None = None
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.n_neurons = whole(n_neurons, "n_neurons", name, 2, MOST_NEURONS)
        self.low, self.high = number(low, "low", name), number(high, "high", name)
        if not self.low < self.high:
            raise ValueError(f"{name}: high is not above low, got {self.low} to {self.high}; expected low < high.")
        self.degree = _degree(degree, sparsity, self.n_neurons, name)
        self.sparsity = number(0.0 if sparsity is None else sparsity, "sparsity", name, "share")
        affordable(_expected(self.n_neurons, self.degree, 1.0 - self.sparsity), name, _FEWER)
        self.rng = generator(rng, name)

    def draw(self) -> Edges:
        """Return sources, targets and weights, sorted by target."""
        if self.degree is not None:
            source, target = fixed_degree(self.rng, self.n_neurons, self.degree)
        else:
            source, target = bernoulli(self.rng, self.n_neurons, 0, self.n_neurons, 1.0 - self.sparsity)
        return source, target, self.low + (self.high - self.low) * self.rng.random(len(source))


def _degree(degree: Any, sparsity: Any, n: int, owner: str) -> int | None:
    if degree is not None and sparsity is not None:
        raise ValueError(
            f"{owner}: sparsity and degree are both given, got {sparsity} and {degree}; expected one. A degree of "
            "(1 - sparsity) · (N - 1) makes as many edges."
        )
    return None if degree is None else whole(degree, "degree", owner, 0, n - 1)


def _expected(n: int, degree: int | None, p: float) -> float:
    return float(n) * ((n - 1) * p if degree is None else degree)


def _share(mean: float, std: float, sign: int) -> float:
    """Return the chance that a normal number has a sign."""
    return 0.5 * math.erfc(-sign * mean / std / math.sqrt(2.0))


def _halved(rng: np.random.Generator, mean: float, std: float, sign: np.ndarray) -> np.ndarray:
    """Return normal numbers, each on condition that it has its sign (+1 or -1), by the inverse of their distribution."""
    from scipy.special import ndtri  # takes a while to import

    share = np.where(sign > 0, _share(mean, std, 1), _share(mean, std, -1))
    size = sign * mean - std * ndtri((1.0 - rng.random(len(sign))) * share)
    return sign * np.maximum(size, 0.0)  # rounding may pass 0
