"""Spiking neurons in NumPy, float64: the closed forms, and backpropagation through time as a sum over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

ALPHA = {
    "ATan": 2.0, "Sigmoid": 4.0, "FastSigmoid": 2.0, "SoftSign": 2.0, "PiecewiseQuadratic": 1.0, "PiecewiseExp": 1.0,
    "SuperSpike": 1.0, "Erf": 2.0, "Rect": 1.0, "Triangle": 1.0, "MultiGaussian": 0.5,
}  # fmt: skip


def surrogate(name: str, x: np.ndarray, alpha: float) -> np.ndarray:
    """The gradient g(x) that stands for the derivative of the step function."""
    z = np.abs(x)
    match name:
        case "ATan":
            return alpha / 2.0 / (1.0 + (np.pi * alpha * x / 2.0) ** 2)
        case "Sigmoid":
            return alpha * special.expit(alpha * x) * special.expit(-alpha * x)
        case "FastSigmoid" | "SoftSign":
            return alpha / (2.0 * (1.0 + alpha * z) ** 2)
        case "PiecewiseQuadratic":
            return np.maximum(0.0, alpha - alpha**2 * z)
        case "PiecewiseExp":
            return alpha / 2.0 * np.exp(-alpha * z)
        case "SuperSpike":
            return alpha / (1.0 + z) ** 2
        case "Erf":
            return alpha / np.sqrt(np.pi) * np.exp(-((alpha * x) ** 2))
        case "Rect":
            return alpha * (z < 1.0 / (2.0 * alpha))
        case "Triangle":
            return np.maximum(0.0, 1.0 - alpha * z)
        case "MultiGaussian":
            density = lambda mean, deviation: (
                np.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation / np.sqrt(2 * np.pi)
            )
            return 1.15 * density(0.0, alpha) - 0.15 * (density(alpha, 6 * alpha) + density(-alpha, 6 * alpha))
    raise ValueError(name)


@dataclass
class Neuron:
    """One of the three neurons. `q` is 1 / tau; None stands for integrate-and-fire."""

    q: float | None = 0.5
    decay_input: bool = False
    v_threshold: float = 1.0
    v_reset: float | None = 0.0
    detach_reset: bool = False
    surrogate: str = "ATan"
    alpha: float = 2.0

    @property
    def rest(self) -> float:
        return 0.0 if self.v_reset is None else float(self.v_reset)

    def start(self, x: np.ndarray, v0: Any = None) -> np.ndarray:
        return np.full(x.shape[1:], self.rest) if v0 is None else np.asarray(v0, np.float64)

    def charge(self, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        if self.q is None:
            return v + x
        return v + self.q * (x - (v - self.rest)) if self.decay_input else v - self.q * (v - self.rest) + x

    def forward(self, x: np.ndarray, v0: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spikes S, membranes V after each step, and charged membranes H, all (T, *)."""
        v, kept = self.start(x, v0), []
        for current in x:
            h = self.charge(v, current)
            s = (h >= self.v_threshold).astype(np.float64)
            v = h - s * self.v_threshold if self.v_reset is None else np.where(s > 0, self.rest, h)
            kept.append((s, v, h))
        s, v, h = (np.stack(part) for part in zip(*kept, strict=True))
        return s, v, h

    def margin(self, h: np.ndarray) -> float:
        """How far the membranes stay from where rounding would decide: the threshold, and the edges of Rect."""
        gap = np.abs(h - self.v_threshold)
        edges = np.abs(gap - 0.5 / self.alpha) if self.surrogate == "Rect" else gap
        return float(min(gap.min(initial=1.0), edges.min(initial=1.0)))

    def backward(
        self, x: np.ndarray, gs: np.ndarray, gv: np.ndarray, v0: Any = None
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Gradients of ``sum(gs * S) + sum(gv * V)`` for x, v0, and w where ``q = sigmoid(w)``."""
        s, v, h = self.forward(x, v0)
        q = self.q
        g = surrogate(self.surrogate, h - self.v_threshold, self.alpha)
        through_spike = -self.v_threshold if self.v_reset is None else self.rest - h
        dv_dh = np.ones(x.shape) if self.v_reset is None else 1.0 - s
        if not self.detach_reset:
            dv_dh = dv_dh + through_spike * g
        gx, carry, gq = np.zeros(x.shape), np.zeros(x.shape[1:]), 0.0
        for t in reversed(range(len(x))):
            gh = gs[t] * g[t] + (gv[t] + carry) * dv_dh[t]
            if q is None:
                gx[t] = carry = gh
                continue
            above = (v[t - 1] if t else self.start(x, v0)) - self.rest
            gq += float(np.sum(gh * ((x[t] if self.decay_input else 0.0) - above)))
            gx[t] = gh * q if self.decay_input else gh
            carry = gh * (1.0 - q)
        return gx, carry, 0.0 if q is None else gq * q * (1.0 - q)
